//! How words of the domain are spelt in our JSON documents: as the canonical text of each.
//!
//! `certificate` itself knows no serialisation, because a type that can be serialised is a
//! promise; the promise is made here.

/// A `serde(with)` module for a type: its text, and the way back from a `&str`.
macro_rules! as_text {
    ($(#[$doc:meta])* $module:ident, $type:ty, $text:expr, $parse:expr) => {
        $(#[$doc])*
        pub(crate) mod $module {
            use serde::de::Error as _;
            use serde::{Deserialize, Deserializer, Serializer};

            pub(crate) fn serialize<S: Serializer>(value: &$type, to: S) -> Result<S::Ok, S::Error> {
                let text: fn(&$type) -> String = $text;
                to.serialize_str(&text(value))
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                let parse: fn(&str) -> Option<$type> = $parse;
                let text = String::deserialize(from)?;
                parse(&text).ok_or_else(|| D::Error::custom(concat!("not a ", stringify!($module))))
            }
        }
    };
}

as_text!(
    institution_code,
    certificate::InstitutionCode,
    |code| code.as_str().to_owned(),
    |text| certificate::InstitutionCode::parse(text)
        .ok()
        .filter(|code| code.as_str() == text)
);
as_text!(
    occupation_code,
    certificate::OccupationCode,
    |code| code.to_string(),
    |text| certificate::OccupationCode::parse(text).filter(|code| code.to_string() == text)
);
as_text!(key_id, certificate::KeyId, |id| id.to_string(), |text| {
    certificate::KeyId::parse(text)
});
as_text!(
    algorithm,
    certificate::key::MacAlgorithm,
    |algorithm| algorithm.id().to_owned(),
    |text| certificate::key::MacAlgorithm::from_id(text)
);

/// The `format` of a document, read before anything else, so that a document of another version
/// is named as such and not called malformed.
pub(crate) fn format_of(bytes: &[u8]) -> Result<u32, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        format: u32,
    }
    serde_json::from_slice::<Versioned>(bytes).map(|versioned| versioned.format)
}
