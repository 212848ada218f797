//! What answers repeat of the texts, as JSON, made once a snapshot.
//!
//! An answer names an occupation, a level, an institution and a review centre; escaping them anew
//! for each was half of what writing it cost. They are found by the same places as the texts.

use certificate::{CertificateNumber, Level};
use snapshot::{Institution, Texts};

use crate::json::Json;

/// See the module. Memory: about 100 bytes a text.
#[derive(Debug)]
pub struct Phrases {
    occupations: Vec<Box<str>>,
    institutions: Vec<Box<str>>,
    centres: Vec<Box<str>>,
    /// By the level's character.
    levels: Vec<Box<str>>,
}

impl Phrases {
    /// Those of the tables of a snapshot.
    pub fn new(texts: &Texts) -> Self {
        let occupations = texts.occupations.iter();
        let centres = texts.centres.iter();
        Self {
            occupations: occupations
                .map(|it| closed(&it.code.to_string(), &it.name))
                .collect(),
            institutions: texts.institutions.iter().map(open).collect(),
            centres: centres.map(|it| closed(&it.code, &it.name)).collect(),
            levels: (0..0x80).map(|code| level(char::from(code))).collect(),
        }
    }

    /// The object of an occupation, by its place in the texts.
    pub fn occupation(&self, place: u16) -> &str {
        &self.occupations[usize::from(place)]
    }

    /// The object of an institution, by its place in the texts, without its end: more is said of it.
    pub fn institution(&self, place: usize) -> &str {
        &self.institutions[place]
    }

    /// The object of a review centre, by its place in the texts.
    pub fn centre(&self, place: u8) -> &str {
        &self.centres[usize::from(place)]
    }

    /// The object of the level that a number names; its name is empty when it is not in the table.
    pub fn level(&self, number: &CertificateNumber) -> &str {
        // The characters of a number are ASCII.
        &self.levels[number.level_character() as usize]
    }
}

fn level(code: char) -> Box<str> {
    let name = Level::from_code(code).map_or_else(String::new, Level::name);
    closed(code.encode_utf8(&mut [0; 4]), &name)
}

fn open(institution: &Institution) -> Box<str> {
    pair(institution.code.as_str(), &institution.name)
        .into_text()
        .into()
}

fn closed(code: &str, name: &str) -> Box<str> {
    let mut json = pair(code, name);
    json.raw("}");
    json.into_text().into()
}

fn pair(code: &str, name: &str) -> Json {
    let mut json = Json::with_capacity(0);
    json.raw(r#"{"code":"#);
    json.text(code);
    json.field("name", name);
    json
}
