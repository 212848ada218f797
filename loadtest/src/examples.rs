//! Three questions for people to try: a match, a withdrawn certificate and a miss, each with the
//! `curl` command that asks it and what the server answers.
//!
//! The same three as JSON are the cases of the browser tests, and with them a holder of several
//! certificates, who is found by name and identity number only. The persons do not exist, so their
//! names and numbers may be printed.

use std::fmt;

use certificate::IdentityType;
use certificate::sample::Population;
use serde_json::{Map, Value, json};
use tokio::runtime;

use crate::arguments::Arguments;
use crate::http::{self, Connection, Trouble};
use crate::judge::{Judge, Wrong};
use crate::question::{Expected, Kind, Question, Source};

/// Certificates that are looked through for good examples.
const LOOKED_THROUGH: u64 = 2_000;

/// A question with what it is made of.
struct Example {
    certificate_number: String,
    name: String,
    id_number: String,
    question: Question,
    /// What the server said, word for word.
    answer: String,
}

/// Why there are no examples.
#[derive(Debug)]
pub(crate) enum ExampleError {
    /// A population this small has no withdrawn certificate.
    TooFew,
    /// The server did not answer.
    Trouble(Trouble),
    /// It did, and wrongly.
    Wrong(Kind, Wrong),
    /// The system refused what asking needs.
    System(std::io::Error),
}

/// Asks the questions, and tells them with their answers.
pub(crate) fn told(arguments: &Arguments) -> Result<String, ExampleError> {
    let source = arguments.source();
    let mut examples = Vec::from(choose(&source)?);
    let several = several(&source)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(ExampleError::System)?;
    runtime.block_on(async {
        for example in &mut examples {
            ask(&source, example).await?;
        }
        Ok(())
    })?;
    Ok(if arguments.json {
        as_json(&source, &examples, several)
    } else {
        let text: Vec<String> = examples.iter().map(|it| as_text(&source, it)).collect();
        text.concat()
    })
}

/// Residents with a name of three characters and one certificate: the plainest there are.
fn choose(source: &Source) -> Result<[Example; 3], ExampleError> {
    let population = &source.population;
    let first = |withdrawn: bool| {
        let all = 0..population.certificates().min(LOOKED_THROUGH);
        let plain = all.filter(|&i| is_plain(population, i));
        let mut found = plain.filter(|&i| population.withdrawal(i).is_some() == withdrawn);
        found.next().ok_or(ExampleError::TooFew)
    };
    let (valid, withdrawn) = (first(false)?, first(true)?);
    Ok([
        example(source, Kind::Match, valid),
        example(source, Kind::Withdrawn, withdrawn),
        example(source, Kind::Miss, valid),
    ])
}

/// The first certificate of a plain resident who has another one that was withdrawn.
fn several(source: &Source) -> Result<u64, ExampleError> {
    let population = &source.population;
    let mixed = |&i: &u64| {
        let own = population.of_same_holder(i);
        let withdrawn = own.iter().filter(|&&i| population.withdrawal(i).is_some());
        is_plainly_named(population, i) && (1..own.len()).contains(&withdrawn.count())
    };
    (0..population.certificates())
        .find(mixed)
        .ok_or(ExampleError::TooFew)
}

fn is_plain(population: &Population, i: u64) -> bool {
    is_plainly_named(population, i) && population.of_same_holder(i).len() == 1
}

/// A resident with a name of three common characters.
fn is_plainly_named(population: &Population, i: u64) -> bool {
    let name = population.name(i);
    let han = name
        .expose()
        .chars()
        .all(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c));
    let resident = population.id_type(i) == IdentityType::RESIDENT;
    resident && han && name.expose().chars().count() == 3
}

/// By number and name; a miss names the unused number beside the certificate.
fn example(source: &Source, kind: Kind, i: u64) -> Example {
    let population = &source.population;
    let number = match kind {
        Kind::Miss => population.unknown_number(i),
        _ => population.number(i),
    };
    let (certificate_number, name) = (number.as_str().to_owned(), population.name(i));
    let name = name.expose().to_owned();
    let body = json!({"certificate_number": certificate_number, "name": name}).to_string();
    let expected = match kind {
        Kind::Miss => Expected::Miss(Some(source.named(i))),
        _ => Expected::Match(vec![source.directory.known(population, i)]),
    };
    Example {
        certificate_number,
        name,
        id_number: population.id_number(i).expose().to_owned(),
        question: Question {
            kind,
            request: http::post(source.address, "/v1/lookup", &body),
            expected,
            asked_id: population.id_number(i).expose().to_owned(),
        },
        answer: String::new(),
    }
}

async fn ask(source: &Source, example: &mut Example) -> Result<(), ExampleError> {
    let mut connection = Connection::open(source.address)
        .await
        .map_err(ExampleError::Trouble)?;
    let response = connection.ask(&example.question.request).await;
    let response = response.map_err(ExampleError::Trouble)?;
    let verdict = Judge::default().judge(&example.question, &response);
    verdict.map_err(|wrong| ExampleError::Wrong(example.question.kind, wrong))?;
    example.answer = String::from_utf8_lossy(response.body).into_owned();
    Ok(())
}

fn as_text(source: &Source, example: &Example) -> String {
    let title = match example.question.kind {
        Kind::Withdrawn => "A certificate that was withdrawn (已撤销)",
        Kind::Miss => "A number that was never issued (未查到)",
        Kind::Match | Kind::Malformed => "A certificate in force (有效)",
    };
    let Example {
        certificate_number,
        name,
        answer,
        ..
    } = example;
    let body = json!({"certificate_number": certificate_number, "name": name});
    let address = source.address;
    format!(
        "\n{title}:\n  curl -s http://{address}/v1/lookup -H 'Content-Type: application/json' \
         -d '{body}'\n  {answer}\n"
    )
}

fn as_json(source: &Source, examples: &[Example], several: u64) -> String {
    let case = |example: &Example| {
        let Example {
            certificate_number,
            name,
            id_number,
            ..
        } = example;
        let case = json!({
            "certificate_number": certificate_number, "name": name, "id_number": id_number,
        });
        (example.question.kind.name().to_owned(), case)
    };
    let mut cases: Map<_, _> = examples.iter().map(case).collect();
    cases.insert("several".to_owned(), case_of_several(source, several));
    Value::Object(cases).to_string()
}

/// The holder, and the numbers to be found, newest first.
fn case_of_several(source: &Source, i: u64) -> Value {
    let population = &source.population;
    let own = population.of_same_holder(i).into_iter().rev();
    let numbers: Vec<String> = own
        .clone()
        .map(|i| population.number(i).as_str().to_owned())
        .collect();
    let withdrawn = own.filter(|&i| population.withdrawal(i).is_some()).count();
    json!({
        "name": population.name(i).expose(),
        "id_number": population.id_number(i).expose(),
        "certificate_numbers": numbers,
        "withdrawn": withdrawn,
    })
}

impl fmt::Display for ExampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew => f.write_str("a population this small has no examples of every kind"),
            Self::Trouble(Trouble::Connect) => {
                f.write_str("nobody listens there; start the server, or name it with --server")
            }
            Self::Trouble(trouble) => write!(f, "no answer ({trouble:?})"),
            Self::Wrong(kind, wrong) => write!(
                f,
                "the server answers the {} wrongly: {wrong}; are --certificates and --seed those \
                 of its register?",
                kind.name()
            ),
            Self::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::tests::source;

    #[test]
    fn three_plain_examples() {
        let source = source(20_000);
        let examples = choose(&source).unwrap_or_else(|error| panic!("{error}"));
        let cases: Value =
            serde_json::from_str(&as_json(&source, &examples, several(&source).unwrap())).unwrap();
        for kind in ["match", "withdrawn", "miss"] {
            let id_number = cases[kind]["id_number"].as_str().unwrap();
            assert!(id_number.starts_with("440000") && id_number.len() == 18);
            assert_eq!(cases[kind]["name"].as_str().unwrap().chars().count(), 3);
        }
        let numbers = cases["several"]["certificate_numbers"].as_array().unwrap();
        assert_eq!(
            (numbers.len(), &cases["several"]["withdrawn"]),
            (2, &json!(1))
        );
        let number = |kind: &str| {
            cases[kind]["certificate_number"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(number("match")[..16], number("miss")[..16]);
        assert_ne!(number("match"), number("miss"));
        let text = as_text(&source, &examples[0]);
        assert!(
            text.contains("curl -s http://127.0.0.1:8080/v1/lookup"),
            "{text}"
        );
    }

    #[test]
    fn too_few_for_every_kind() {
        assert!(matches!(choose(&source(1)), Err(ExampleError::TooFew)));
    }
}
