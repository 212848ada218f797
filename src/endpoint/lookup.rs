//! `POST /v1/lookup`: one question as JSON.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

use crate::answer;
use crate::live::Current;
use crate::question::{self, Typed};
use crate::refusal::{JsonFault, Refusal};
use crate::render;
use crate::reply::Reply;

/// The fields of a question, in the order of [`Texts`].
const FIELDS: [&str; 4] = ["certificate_number", "name", "id_number", "id_type"];

/// Answers the question in `body`. What is wrong with the question is said whether or not there
/// is a snapshot.
///
/// # Errors
///
/// Everything that is wrong with the body, then what is wrong with the snapshot.
pub fn answer(
    current: Result<&Current, Refusal>,
    body: &[u8],
    holder_search: bool,
) -> Result<Reply, Refusal> {
    let texts = parse(body).map_err(Refusal::MalformedJson)?;
    let [certificate_number, name, id_number, id_type] = texts
        .each_ref()
        .map(|text| text.as_deref().unwrap_or_default());
    let typed = Typed {
        certificate_number,
        name,
        id_number,
        id_type,
    };
    let question = question::parse(&typed, holder_search)?;
    let current = current?;
    let answer = answer::answer(current, &question).map_err(Refusal::Damaged)?;
    Ok(render::answer(current, &answer))
}

/// The values of [`FIELDS`].
type Texts<'a> = [Option<Cow<'a, str>>; 4];

/// Reads a JSON object of strings: nothing unknown, nothing twice, nothing after it.
fn parse(body: &[u8]) -> Result<Texts<'_>, JsonFault> {
    let mut fault = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let texts = Object { fault: &mut fault }.deserialize(&mut json);
    match texts.and_then(|texts| json.end().map(|()| texts)) {
        Ok(texts) => Ok(texts),
        Err(error) if error.is_data() => Err(fault.unwrap_or(JsonFault::NotAnObject)),
        Err(_) => Err(JsonFault::Syntax),
    }
}

/// The object; what is wrong with it is noted in `fault`, because serde's errors are prose.
struct Object<'f> {
    fault: &'f mut Option<JsonFault>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Texts<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Texts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut texts = Texts::default();
        while let Some(Text(key)) = map.next_key()? {
            let Some(index) = FIELDS.iter().position(|field| *field == key) else {
                *self.fault = Some(JsonFault::UnknownField);
                return Err(A::Error::custom("unknown field"));
            };
            if texts[index].is_some() {
                *self.fault = Some(JsonFault::DuplicateField(FIELDS[index]));
                return Err(A::Error::custom("duplicate field"));
            }
            *self.fault = Some(JsonFault::NotAString(FIELDS[index]));
            let Text(value) = map.next_value()?;
            texts[index] = Some(value);
            *self.fault = None;
        }
        Ok(texts)
    }
}

/// A string, borrowed from the body unless it has escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        json.deserialize_str(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_strings() {
        let texts =
            parse(br#" {"name":"\u5f20","id_number":"","certificate_number":"J"} "#).unwrap();
        let texts = texts.each_ref().map(|text| text.as_deref());
        assert_eq!(texts, [Some("J"), Some("张"), Some(""), None]);
        assert!(parse(b"{}").unwrap().iter().all(Option::is_none));
    }

    #[test]
    fn everything_else_is_refused_for_its_reason() {
        for (body, fault) in [
            (&b""[..], JsonFault::Syntax),
            (b"{", JsonFault::Syntax),
            (b"name=a", JsonFault::Syntax),
            (b"{\"name\":\"a\"", JsonFault::Syntax),
            (b"{\"name\":\"a\"}}", JsonFault::Syntax),
            (b"{\"name\":\"a\"} {}", JsonFault::Syntax),
            (b"{\"name\":\"a\",}", JsonFault::Syntax),
            (b"{name:\"a\"}", JsonFault::Syntax),
            (b"\xEF\xBB\xBF{}", JsonFault::Syntax),
            (b"{\"name\":\"\xD5\xC5\"}", JsonFault::Syntax),
            (b"{\"name\":\"\\ud800\"}", JsonFault::Syntax),
            (b"{\"name\":NaN}", JsonFault::Syntax),
            (b"[]", JsonFault::NotAnObject),
            (b"[\"J\",\"a\"]", JsonFault::NotAnObject),
            (b"\"name\"", JsonFault::NotAnObject),
            (b"null", JsonFault::NotAnObject),
            (b"1", JsonFault::NotAnObject),
            (b"{\"Name\":\"a\"}", JsonFault::UnknownField),
            (b"{\"name\":\"a\",\"ref\":\"b\"}", JsonFault::UnknownField),
            (
                b"{\"name\":\"a\",\"name\":\"a\"}",
                JsonFault::DuplicateField("name"),
            ),
            (
                b"{\"name\":\"\",\"name\":\"a\"}",
                JsonFault::DuplicateField("name"),
            ),
            (b"{\"name\":null}", JsonFault::NotAString("name")),
            (
                b"{\"id_number\":440000}",
                JsonFault::NotAString("id_number"),
            ),
            (b"{\"id_type\":true}", JsonFault::NotAString("id_type")),
            (
                b"{\"certificate_number\":[\"J\"]}",
                JsonFault::NotAString("certificate_number"),
            ),
            (
                b"{\"certificate_number\":{}}",
                JsonFault::NotAString("certificate_number"),
            ),
        ] {
            let shown = String::from_utf8_lossy(body);
            assert_eq!(parse(body), Err(fault), "{shown}");
        }
    }
}
