//! From the body of a question to that of its answer.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use peers::record::{Misses, NUMBER, body_for};
use serde::Deserialize;

/// A certificate number as the databases have it.
pub(crate) type Number = [u8; NUMBER];

/// A question, borrowed from its bytes.
#[derive(Deserialize)]
struct Question<'b> {
    #[serde(borrow)]
    certificate_number: Cow<'b, str>,
    #[serde(borrow)]
    name: Cow<'b, str>,
}

/// Makes an answer of a look-up: `value` finds the value of a number. A question that is none gets
/// an empty body, which no question of a run expects.
pub(crate) async fn answer<F>(
    body: Bytes,
    misses: Arc<Misses>,
    value: impl FnOnce(Number) -> F,
) -> Bytes
where
    F: Future<Output = Option<Bytes>>,
{
    let Ok(question) = serde_json::from_slice::<Question<'_>>(&body) else {
        return Bytes::new();
    };
    let Ok(number) = Number::try_from(question.certificate_number.as_bytes()) else {
        return Bytes::new();
    };
    let value = value(number).await;
    let found = value.as_ref().and_then(|value| {
        let body = body_for(value, &question.name)?;
        Some(value.slice_ref(body))
    });
    found.unwrap_or_else(|| misses.body(&number))
}
