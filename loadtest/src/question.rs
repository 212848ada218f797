//! Questions and their right answers, drawn from the population: question `n` of a seed is always
//! the same one.
//!
//! Of 100 questions 60 ask for a certificate, 10 for a withdrawn one, 25 must miss, 5 are not
//! questions at all; each with two or three factors. One in eight texts is spelled the way people
//! type: other widths, dots, spaces, O for 0.

use std::net::SocketAddr;

use certificate::IdentityType;
use certificate::sample::Population;
use serde_json::{Map, Value};

use crate::expected::{Directory, Known};
use crate::http;

/// What a question is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A certificate and factors that are its own.
    Match,
    /// The same, and it is withdrawn.
    Withdrawn,
    /// Factors that belong to nobody together.
    Miss,
    /// Something that must be refused.
    Malformed,
}

/// A question, ready to send.
pub(crate) struct Question {
    pub(crate) kind: Kind,
    pub(crate) request: Vec<u8>,
    pub(crate) expected: Expected,
    /// The identity number asked, which no answer may repeat; empty when none was.
    pub(crate) asked_id: String,
}

/// The right answer.
pub(crate) enum Expected {
    /// These certificates, in this order.
    Match(Vec<Known>),
    /// No match, with the coverage of the institution (code, name) that the number names.
    Miss(Option<(String, String)>),
    /// 400 with a code, and the field where the contract is plain about it.
    Refused(&'static str, Option<&'static str>),
}

/// Which factors are asked.
#[derive(Clone, Copy)]
enum Factors {
    NumberName,
    NumberId,
    NameId,
    All,
}

/// The texts of a question as they are typed.
#[derive(Default)]
struct Typed {
    number: Option<String>,
    name: Option<String>,
    id_number: Option<String>,
    id_type: Option<IdentityType>,
}

/// Draws questions.
pub(crate) struct Source {
    pub(crate) population: Population,
    pub(crate) seed: u64,
    pub(crate) directory: Directory,
    pub(crate) address: SocketAddr,
}

/// A name that the sample never makes.
const NOBODY: &str = "查无此人";
/// The example of GB 11643, which the sample never makes either.
const EXAMPLE_ID: &str = "11010519491231002X";

impl Source {
    /// Question `n`. Cost: some tens of microseconds.
    pub(crate) fn question(&self, n: u64) -> Question {
        let mut draw = Draw::new(self.seed, n);
        match draw.below(100) {
            0..60 => {
                let i = draw.below(self.population.certificates());
                self.match_of(&mut draw, i, Kind::Match)
            }
            60..70 => match self.withdrawn(&mut draw) {
                Some(i) => self.match_of(&mut draw, i, Kind::Withdrawn),
                None => self.match_of(&mut draw, 0, Kind::Match),
            },
            70..95 => self.miss(&mut draw),
            _ => self.malformed(&mut draw),
        }
    }

    fn match_of(&self, draw: &mut Draw, i: u64, kind: Kind) -> Question {
        let factors = draw.factors();
        let mut asked = vec![i];
        if let Factors::NameId = factors {
            asked = self.population.of_same_holder(i);
        }
        let known = |i: u64| self.directory.known(&self.population, i);
        let mut known: Vec<Known> = asked.into_iter().map(known).collect();
        known.sort_by(|one, other| other.issued_on().cmp(one.issued_on()));
        self.ask(draw, kind, self.typed(factors, i), Expected::Match(known))
    }

    /// A withdrawn certificate: there is one in every whole hundred.
    fn withdrawn(&self, draw: &mut Draw) -> Option<u64> {
        let certificates = self.population.certificates();
        let first = draw.below(certificates) / 100 * 100;
        (first..certificates.min(first + 100)).find(|&i| self.population.withdrawal(i).is_some())
    }

    /// The right factors of a certificate with one of them replaced.
    fn miss(&self, draw: &mut Draw) -> Question {
        let i = draw.below(self.population.certificates());
        let factors = draw.factors();
        let mut typed = self.typed(factors, i);
        let wrong_number = draw.below(3) == 0 && typed.number.is_some();
        if wrong_number {
            typed.number = Some(self.population.unknown_number(i).as_str().to_owned());
        } else if typed.id_number.is_none() || typed.name.is_some() && draw.below(2) == 0 {
            typed.name = Some(self.other_name(draw, i));
        } else {
            let (id_type, id_number) = self.other_id(draw, i);
            (typed.id_type, typed.id_number) = (Some(id_type), Some(id_number));
        }
        let named = typed.number.is_some().then(|| self.named(i));
        self.ask(draw, Kind::Miss, typed, Expected::Miss(named))
    }

    /// Code and name of the institution of certificate `i`.
    pub(crate) fn named(&self, i: u64) -> (String, String) {
        let code = self.population.number(i).institution().as_str().to_owned();
        let name = self.directory.institution_name(&code).to_owned();
        (code, name)
    }

    fn other_name(&self, draw: &mut Draw, i: u64) -> String {
        let other = draw.below(self.population.certificates());
        let (own, name) = (self.population.name(i), self.population.name(other));
        if own == name {
            NOBODY.to_owned()
        } else {
            name.expose().to_owned()
        }
    }

    /// A document of somebody with another name, so that it is wrong beside the right name, too.
    fn other_id(&self, draw: &mut Draw, i: u64) -> (IdentityType, String) {
        let other = draw.below(self.population.certificates());
        if self.population.name(i) == self.population.name(other) {
            return (IdentityType::RESIDENT, EXAMPLE_ID.to_owned());
        }
        let number = self.population.id_number(other);
        (self.population.id_type(other), number.expose().to_owned())
    }

    fn malformed(&self, draw: &mut Draw) -> Question {
        let i = draw.below(self.population.certificates());
        let mut typed = self.typed(Factors::All, i);
        let number = self.population.number(i).as_str().to_owned();
        let resident = Some(IdentityType::RESIDENT);
        let (code, field) = match draw.below(10) {
            0 => {
                typed.number = Some(number[..21].to_owned());
                ("number_malformed", Some("certificate_number"))
            }
            1 => {
                typed.number = Some("1919003015400123".to_owned());
                ("number_malformed", Some("certificate_number"))
            }
            2 => {
                typed.number = Some(number.replace('J', "Q"));
                ("number_malformed", Some("certificate_number"))
            }
            3 => {
                (typed.id_type, typed.id_number) = (resident, Some("4400001990010112".to_owned()));
                ("id_malformed", Some("id_number"))
            }
            4 => {
                let wrong = EXAMPLE_ID.replace('X', "1");
                (typed.id_type, typed.id_number) = (resident, Some(wrong));
                ("id_check_failed", Some("id_number"))
            }
            5 => {
                typed.name = Some("张3".to_owned());
                ("name_malformed", Some("name"))
            }
            6 => {
                (typed.name, typed.id_number) = (None, None);
                ("two_factors_required", None)
            }
            broken => return self.broken(broken, &typed),
        };
        self.ask(draw, Kind::Malformed, typed, Expected::Refused(code, field))
    }

    /// A body that is no object of strings.
    fn broken(&self, how: u64, typed: &Typed) -> Question {
        let mut object = typed.object();
        let body = match how {
            7 => {
                object.insert("certificate_no".to_owned(), Value::from(""));
                Value::Object(object).to_string()
            }
            8 => {
                object.insert("name".to_owned(), Value::from(1));
                Value::Object(object).to_string()
            }
            _ => {
                let whole = Value::Object(object).to_string();
                whole[..whole.len() - 1].to_owned()
            }
        };
        self.send(
            Kind::Malformed,
            &body,
            Expected::Refused("malformed_json", None),
            String::new(),
        )
    }

    fn typed(&self, factors: Factors, i: u64) -> Typed {
        let population = &self.population;
        let (number, name, id) = match factors {
            Factors::NumberName => (true, true, false),
            Factors::NumberId => (true, false, true),
            Factors::NameId => (false, true, true),
            Factors::All => (true, true, true),
        };
        Typed {
            number: number.then(|| population.number(i).as_str().to_owned()),
            name: name.then(|| population.name(i).expose().to_owned()),
            id_number: id.then(|| population.id_number(i).expose().to_owned()),
            id_type: id.then(|| population.id_type(i)),
        }
    }

    fn ask(&self, draw: &mut Draw, kind: Kind, mut typed: Typed, expected: Expected) -> Question {
        let asked_id = typed.id_number.clone().unwrap_or_default();
        if !matches!(expected, Expected::Refused(..)) {
            typed.number = typed.number.map(|number| spelled_number(draw, &number));
            typed.name = typed.name.map(|name| spelled_name(draw, &name));
            typed.id_number = typed.id_number.map(|number| spelled_id(draw, &number));
        }
        // Residents need not say what their document is.
        if typed.id_type == Some(IdentityType::RESIDENT) && draw.below(2) == 0 {
            typed.id_type = None;
        }
        let body = Value::Object(typed.object()).to_string();
        self.send(kind, &body, expected, asked_id)
    }

    fn send(&self, kind: Kind, body: &str, expected: Expected, asked_id: String) -> Question {
        Question {
            kind,
            request: http::post(self.address, "/v1/lookup", body),
            expected,
            asked_id,
        }
    }
}

impl Kind {
    /// Every kind, in the order of reports.
    pub(crate) const ALL: [Self; 4] = [Self::Match, Self::Withdrawn, Self::Miss, Self::Malformed];

    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Withdrawn => "withdrawn",
            Self::Miss => "miss",
            Self::Malformed => "malformed",
        }
    }
}

impl Typed {
    fn object(&self) -> Map<String, Value> {
        let code = self.id_type.map(IdentityType::code);
        let fields = [
            ("certificate_number", &self.number),
            ("name", &self.name),
            ("id_number", &self.id_number),
            ("id_type", &code),
        ];
        let present = fields.into_iter().filter_map(|(field, text)| {
            let text = text.as_deref()?;
            Some((field.to_owned(), Value::from(text)))
        });
        present.collect()
    }
}

/// Spaces, width, case, dashes, and O, I for 0, 1 where a digit must stand.
fn spelled_number(draw: &mut Draw, number: &str) -> String {
    match draw.below(40) {
        0 => number.to_lowercase(),
        1 => full_width(number),
        2 => format!(" {}-{}-{} ", &number[..13], &number[13..16], &number[16..]),
        3 => format!("{}{}", &number[..1], number[1..].replace('0', "O")),
        // Position 16 is the level: an L there would be a letter.
        4 => format!("{}{}", &number[..16], number[16..].replace('1', "l")),
        _ => number.to_owned(),
    }
}

/// Dots for `·`, case, spaces, characters without ink.
fn spelled_name(draw: &mut Draw, name: &str) -> String {
    const DOTS: [&str; 6] = ["•", "・", "．", ".", "‧", " · "];
    if name.contains('·') {
        return match DOTS.get(draw.index(2 * DOTS.len())) {
            Some(dot) => name.replace('·', dot),
            None => name.to_owned(),
        };
    }
    let latin = name.contains(|c: char| c.is_ascii_alphabetic());
    match draw.below(24) {
        0 if latin => name.to_lowercase(),
        0 => name.chars().map(|c| format!("{c}\u{3000}")).collect(),
        1 => format!("\u{FEFF}{name}\u{200B}"),
        2 => format!("  {name}\u{00A0}"),
        _ => name.to_owned(),
    }
}

/// Case, width, spaces.
fn spelled_id(draw: &mut Draw, number: &str) -> String {
    match draw.below(24) {
        0 => number.to_lowercase(),
        1 => full_width(number),
        2 => format!("{} {}", &number[..6], &number[6..]),
        _ => number.to_owned(),
    }
}

fn full_width(text: &str) -> String {
    let wide = |c: char| char::from_u32(u32::from(c) + 0xFEE0).unwrap_or(c);
    let fold = |c: char| if c.is_ascii_graphic() { wide(c) } else { c };
    text.chars().map(fold).collect()
}

/// A stream of choices: SplitMix64 (Steele, Lea, Flood 2014).
struct Draw(u64);

impl Draw {
    fn new(seed: u64, n: u64) -> Self {
        let mut draw = Self(seed);
        let scattered = draw.next();
        Self(scattered ^ n.wrapping_mul(0xD605_BBB5_8C8A_BC4D))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).expect("the high half of a 128-bit product has 64 bits")
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("below a usize")
    }

    fn factors(&mut self) -> Factors {
        let all = [
            Factors::NumberName,
            Factors::NumberId,
            Factors::NameId,
            Factors::All,
        ];
        all[self.index(all.len())]
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use certificate::{CertificateNumber, HolderName, IdentityNumber};

    use super::*;

    pub(crate) fn source(certificates: u64) -> Source {
        Source {
            population: Population::new(certificates, 1),
            seed: 1,
            directory: Directory::new(),
            address: "127.0.0.1:8080".parse().unwrap(),
        }
    }

    /// The body of a request.
    fn body(question: &Question) -> &str {
        let request = str::from_utf8(&question.request).unwrap();
        request.split_once("\r\n\r\n").unwrap().1
    }

    #[test]
    fn the_mix_and_its_texts() {
        let source = source(10_000);
        let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
        for n in 0..4_000 {
            let question = source.question(n);
            *kinds.entry(question.kind.name()).or_default() += 1;
            if question.kind == Kind::Malformed {
                continue;
            }
            let asked: BTreeMap<String, String> = serde_json::from_str(body(&question)).unwrap();
            let kind = asked.get("id_type").map_or("01", String::as_str);
            let kind = IdentityType::parse(kind).unwrap();
            assert!(asked.len() >= 2);
            for (field, text) in &asked {
                let readable = match field.as_str() {
                    "certificate_number" => CertificateNumber::parse_query(text).is_ok(),
                    "name" => HolderName::parse(text).is_ok(),
                    "id_number" => IdentityNumber::parse(kind, text).is_ok(),
                    _ => true,
                };
                assert!(readable, "question {n}: {field}");
            }
        }
        for (kind, share) in [
            ("match", 60),
            ("withdrawn", 10),
            ("miss", 25),
            ("malformed", 5),
        ] {
            let found = kinds[kind] / 40;
            assert!(found.abs_diff(share) <= 3, "{kind}: {found} %");
        }
    }

    #[test]
    fn every_spelling_means_what_it_spells() {
        let source = source(20_000);
        for i in 0..20_000 {
            let (number, name) = (source.population.number(i), source.population.name(i));
            let (kind, id) = (source.population.id_type(i), source.population.id_number(i));
            let mut draw = Draw::new(5, i);
            // Names with accents, dots and spaces are few: try each in several ways.
            for _ in 0..if name.expose().chars().count() > 4 {
                60
            } else {
                2
            } {
                let spelled = spelled_name(&mut draw, name.expose());
                assert!(HolderName::parse(&spelled) == Ok(name.clone()), "name {i}");
            }
            let spelled = spelled_number(&mut draw, number.as_str());
            assert!(
                CertificateNumber::parse_query(&spelled) == Ok(number),
                "number {i}"
            );
            let spelled = spelled_id(&mut draw, id.expose());
            assert!(
                IdentityNumber::parse(kind, &spelled) == Ok(id),
                "document {i}"
            );
        }
    }

    #[test]
    fn a_question_is_a_function_of_its_number() {
        let (one, other) = (source(5_000), source(5_000));
        for n in 0..200 {
            assert_eq!(one.question(n).request, other.question(n).request);
        }
        assert_ne!(one.question(0).request, one.question(1).request);
    }

    #[test]
    fn the_smallest_population_has_questions() {
        let source = source(1);
        for n in 0..500 {
            let question = source.question(n);
            if let Expected::Match(known) = question.expected {
                assert_eq!(known.len(), 1);
            }
        }
    }
}
