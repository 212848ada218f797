//! Who the holders are: names by published shares, and identity documents that belong to nobody.
//!
//! Resident numbers lie in the unassigned division 440000. A person is a function of the
//! population's seed and of the place of the person's first certificate.

use std::sync::LazyLock;

use super::catalogue::rows;
use super::draw::{Draw, Purpose};
use super::timetable::{YEARS, calendar_year, later};
use crate::date::Date;
use crate::holder::HolderName;
use crate::identity::{IdentityNumber, IdentityType, check_character};

/// Where a person's first certificate stands.
#[derive(Clone, Copy)]
pub(super) struct Person {
    pub(super) seed: u64,
    /// The certificate.
    pub(super) index: u64,
    /// Its year, from 0.
    pub(super) year: usize,
    /// Its place within the year.
    pub(super) rank: u64,
    /// Certificates of that year.
    pub(super) of_year: u64,
}

/// A kind of person, by document and name.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Origin {
    /// A resident with a Han name.
    Han,
    /// A resident with a name that has a `·` in it.
    Dotted,
    /// Of Hong Kong, with a 港澳居民来往内地通行证.
    HongKong,
    /// Of Macao, with the same document.
    Macao,
    /// Of Taiwan, with a 台湾居民来往大陆通行证.
    Taiwan,
    /// A foreigner with a passport and a Latin name.
    Foreign,
}

impl Person {
    /// The type of the identity document.
    pub(super) fn id_type(self) -> IdentityType {
        let code = match self.origin().0 {
            Origin::Han | Origin::Dotted => return IdentityType::RESIDENT,
            Origin::HongKong => "04",
            Origin::Macao => "05",
            Origin::Taiwan => "06",
            Origin::Foreign => "08",
        };
        IdentityType::parse(code).expect("codes of the HRSS list")
    }

    /// The number of the identity document. No two persons of a population share one.
    pub(super) fn id_number(self) -> IdentityNumber {
        let (origin, mut draw) = self.origin();
        let number = match origin {
            Origin::Han | Origin::Dotted => self.resident_number(),
            Origin::HongKong => format!("H{:08}", self.permit()),
            Origin::Macao => format!("M{:08}", self.permit()),
            Origin::Taiwan => format!("{:08}", self.permit()),
            Origin::Foreign => {
                let letter = draw.one_of(b"ACEGKLNPRT");
                format!("{}{:08}", char::from(letter), self.permit())
            }
        };
        IdentityNumber::parse(self.id_type(), &number).expect("numbers are made canonical")
    }

    /// The name.
    pub(super) fn name(self) -> HolderName {
        let (origin, mut draw) = self.origin();
        let name = match origin {
            Origin::Foreign => format!("{} {}", draw.one_of(&FAMILIES), draw.one_of(&GIVEN)),
            Origin::Dotted => format!("{}·{}", draw.one_of(&OWN), draw.one_of(&FATHERS)),
            _ => self.han_name(&mut draw),
        };
        HolderName::parse(&name).expect("names are made canonical")
    }

    /// Which of so many trades of the institution the person learns.
    pub(super) fn trade(self, trades: usize) -> usize {
        Draw::new(self.seed, Purpose::Trade, self.index).index(trades)
    }

    /// The kind, and the draw to go on with. Of 1,000: 5 with a dotted name, 8 not resident.
    fn origin(self) -> (Origin, Draw) {
        let mut draw = Draw::new(self.seed, Purpose::Person, self.index);
        let origin = match draw.below(1_000) {
            0..5 => Origin::Dotted,
            5..8 => Origin::Foreign,
            8..10 => Origin::HongKong,
            10..12 => Origin::Macao,
            12..13 => Origin::Taiwan,
            _ => Origin::Han,
        };
        (origin, draw)
    }

    fn han_name(self, draw: &mut Draw) -> String {
        let names = Names::get();
        let male = self.birth().1 % 2 == 1;
        let given = if male { &names.male } else { &names.female };
        let mut name = String::from(names.surnames.draw(draw));
        for _ in 0..if draw.below(100) < 18 { 1 } else { 2 } {
            name.push_str(given.draw(draw));
        }
        if draw.below(500) == 0 {
            name.pop();
            name.push(draw.one_of(&RARE));
        }
        name
    }

    fn resident_number(self) -> String {
        let (day, sequence) = self.birth();
        let (year, month, day) = (day.year(), day.month(), day.day());
        let mut number = format!("440000{year:04}{month:02}{day:02}{sequence:03}");
        number.push(check_character(number.as_bytes()));
        number
    }

    /// Date of birth and sequence number (odd: male); each pair once in a population.
    ///
    /// Sequence numbers are split by year of issue, 142 of each date for one year's holders, and
    /// dates reach as far back as that needs: six years of age for up to a million certificates,
    /// two lifetimes for forty million. Nobody has these numbers, so being distinct counts for
    /// more than being young.
    fn birth(self) -> (Date, u64) {
        const OF_A_DATE: u64 = 142;
        const FEWEST_DAYS: u64 = 6 * 365;
        // A prime above any number of places, so that multiplying by it permutes them.
        const STRIDE: u64 = 982_451_653;
        let days = self.of_year.div_ceil(OF_A_DATE).max(FEWEST_DAYS);
        let places = days * OF_A_DATE;
        let start = Draw::new(self.seed, Purpose::Birth, self.year as u64).below(places);
        let place = (self.rank * STRIDE + start) % places;
        let (days_back, turn) = (place / OF_A_DATE, place % OF_A_DATE);
        let turned = Draw::new(self.seed, Purpose::Sequence, days_back).below(OF_A_DATE);
        let sequence = (turn + turned) % OF_A_DATE * YEARS as u64 + self.year as u64;
        let youngest = Date::constant(calendar_year(self.year) - 16, 1, 1);
        let days_back = i64::try_from(days_back).expect("a few centuries of days");
        (later(youngest, -days_back), sequence)
    }

    /// Eight digits; a permutation of the certificate indices, of which there are fewer than 10^8.
    fn permit(self) -> u64 {
        let start = Draw::new(self.seed, Purpose::Birth, YEARS as u64).below(100_000_000);
        (self.index * 61_803_399 + start) % 100_000_000
    }
}

/// Texts with the share of each.
struct Shares {
    texts: Vec<&'static str>,
    /// Sum of the weights up to and with each text.
    sums: Vec<u64>,
}

/// Surnames and given characters by share.
struct Names {
    surnames: Shares,
    male: Shares,
    female: Shares,
}

impl Shares {
    fn new(weighted: impl Iterator<Item = (&'static str, u64)>) -> Self {
        let mut shares = Self {
            texts: Vec::new(),
            sums: Vec::new(),
        };
        let mut sum = 0;
        for (text, weight) in weighted.filter(|(_, weight)| *weight > 0) {
            sum += weight;
            shares.texts.push(text);
            shares.sums.push(sum);
        }
        shares
    }

    fn draw(&self, draw: &mut Draw) -> &'static str {
        let whole = *self.sums.last().expect("every table has rows");
        let at = draw.below(whole);
        self.texts[self.sums.partition_point(|&sum| sum <= at)]
    }
}

impl Names {
    fn get() -> &'static Self {
        static NAMES: LazyLock<Names> = LazyLock::new(|| {
            let given = |column: usize| {
                Shares::new(rows(GIVEN_CHARACTERS).map(move |cells| {
                    let count = cells[column].parse().expect("counts are integers");
                    (cells[0], count)
                }))
            };
            Names {
                surnames: Shares::new(rows(SURNAMES).map(surname)),
                male: given(1),
                female: given(2),
            }
        });
        &NAMES
    }
}

/// A surname and its share in millionths. Compound ones have no published share; together they
/// get about 0.3 %.
fn surname(cells: Vec<&'static str>) -> (&'static str, u64) {
    const OF_A_COMPOUND: u64 = 50;
    let share = match cells[1].split_once('.') {
        Some((_, millionths)) => millionths.parse().expect("shares have six decimals"),
        None => OF_A_COMPOUND,
    };
    (cells[0], share)
}

/// `surname,freq,…`
const SURNAMES: &str = include_str!("../../data/surnames.csv");
/// `char,male,female,…`
const GIVEN_CHARACTERS: &str = include_str!("../../data/given_chars.csv");

/// Characters beyond the BMP that people do have in their names (通用规范汉字表, GB 18030-2022).
const RARE: [char; 16] = [
    '𪟝', '𠅤', '𣲗', '𣸣', '𤩽', '𫄧', '𫍯', '𫖯', '𫘝', '𫘨', '𬀩', '𬤊', '𬬭', '𬭚', '𬴂', '𬶭',
];

const OWN: [&str; 16] = [
    "阿迪力",
    "买买提",
    "古丽娜尔",
    "艾力",
    "吐尔逊",
    "热依汗",
    "阿依古丽",
    "帕提曼",
    "努尔买买提",
    "玉素甫",
    "木合塔尔",
    "迪丽努尔",
    "麦合木提",
    "阿依努尔",
    "依明",
    "库尔班",
];

const FATHERS: [&str; 12] = [
    "买买提",
    "艾合买提",
    "吐尔逊",
    "依明",
    "库尔班",
    "玉素甫",
    "托合提",
    "卡德尔",
    "沙迪克",
    "艾山",
    "肉孜",
    "阿不都拉",
];

const FAMILIES: [&str; 14] = [
    "SANTOS",
    "NGUYEN",
    "TANAKA",
    "KIM",
    "SCHMIDT",
    "MARTIN",
    "SILVA",
    "O'BRIEN",
    "RAHMAN",
    "SATO",
    "PETROV",
    "GARCÍA",
    "MÜLLER",
    "SMITH-JONES",
];

const GIVEN: [&str; 14] = [
    "MARIA", "VAN AN", "YUKI", "MIN JUN", "ANNA", "LUC", "JOÃO", "SEAN", "AMINA", "KENJI", "IVAN",
    "JOSÉ", "JÜRGEN", "MARY ANN",
];
