//! Asks about one certificate until it is answered: how long a delivered batch takes to reach the
//! public.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime;

use crate::arguments::Arguments;
use crate::http::{self, Connection, Trouble};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(5);

/// Why it was not seen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UntilError {
    /// It never was.
    #[error("certificate {0} was not answered within --seconds")]
    Never(u64),
    /// The server did not answer.
    #[error("no answer ({0:?}); is the server running, and --server right?")]
    Trouble(Trouble),
    /// The system refused what asking needs.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// Asks by number and name until there is a match, for at most `--seconds`. Returns the answer's
/// epoch and the time it took, for people or as JSON.
pub(crate) fn told(arguments: &Arguments, certificate: u64) -> Result<String, UntilError> {
    let source = arguments.source();
    let (number, name) = (
        source.population.number(certificate),
        source.population.name(certificate),
    );
    let body = json!({"certificate_number": number.as_str(), "name": name.expose()}).to_string();
    let request = http::post(source.address, "/v1/lookup", &body);
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let began = Instant::now();
    let most = Duration::from_secs(arguments.seconds);
    let epoch = runtime.block_on(async {
        loop {
            let mut connection = Connection::open(source.address)
                .await
                .map_err(UntilError::Trouble)?;
            let response = connection.ask(&request).await;
            let response = response.map_err(UntilError::Trouble)?;
            let answer: Value = serde_json::from_slice(response.body).unwrap_or_default();
            if answer["outcome"] == "match" {
                return Ok(answer["as_of"]["epoch"].as_u64().unwrap_or(0));
            }
            if began.elapsed() > most {
                return Err(UntilError::Never(certificate));
            }
            tokio::time::sleep(PAUSE).await;
        }
    })?;
    let milliseconds = began.elapsed().as_millis();
    Ok(match arguments.json {
        true => json!({"epoch": epoch, "milliseconds": milliseconds}).to_string(),
        false => format!("answered in epoch {epoch} after {milliseconds} ms"),
    })
}
