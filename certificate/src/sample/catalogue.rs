//! The institutions, trades and review centres of the synthetic centre, and how a year's
//! certificates are dealt to them.
//!
//! It does not depend on a seed or on how many certificates there are: one registry fits every
//! population. Names are real (certificate/data); who examines what is invented.

use std::sync::LazyLock;

use super::draw::{Draw, Purpose};
use super::trades::TRADES;
use crate::date::{self, Date};
use crate::number::InstitutionCode;
use crate::occupation::OccupationCode;

/// The seed of everything that must not change with the population's.
pub(super) const REGISTRY_SEED: u64 = 0;

/// The provincial review centre (省技能中心).
pub(super) const PROVINCE: &str = "440000";

/// An institution that has left the catalogue (notice 四(二)), so that pages can show one …
const REMOVED: &str = "梅州市交通技工学校";
/// … and the one that took its places over.
const SUCCESSOR: &str = "梅州市技工学校";
/// Years (from 0) in which [`REMOVED`] still issued.
const YEARS_OF_REMOVED: usize = 5;

/// Occupations an institution may have at most (notice 一(四)).
const MOST_TRADES: usize = 10;

/// An institution of the catalogue.
pub(super) struct Institution {
    /// Positions 1–13 of its numbers.
    pub(super) code: InstitutionCode,
    pub(super) name: &'static str,
    /// Division of its city.
    pub(super) city: &'static str,
    /// Whether the provincial centre reviews it.
    pub(super) provincial: bool,
    pub(super) kind: &'static str,
    /// Indices of [`Catalogue::trades`].
    pub(super) trades: Vec<usize>,
}

/// An occupation that the institutions examine.
pub(super) struct Trade {
    pub(super) code: OccupationCode,
    pub(super) name: &'static str,
    pub(super) directions: &'static [&'static str],
}

/// One certificate of a round: a year is dealt in rounds, each of the same slots.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Index of [`Catalogue::institutions`].
    pub(super) institution: usize,
    pub(super) level: char,
    pub(super) partner: Partner,
    /// How many slots before this one have the same institution and level.
    pub(super) rank: u64,
    /// How many slots of a round have the same institution and level.
    pub(super) share: u64,
}

/// Where the other certificate of the same holder is, two years away in the same round.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Partner {
    /// The holder has one certificate.
    None,
    /// This is the first one; the slot of the second.
    Second(usize),
    /// This is the second one; the slot of the first.
    First(usize),
}

/// Everything above, built once a process.
pub(super) struct Catalogue {
    pub(super) institutions: Vec<Institution>,
    pub(super) trades: Vec<Trade>,
    with_removed: Vec<Slot>,
    without_removed: Vec<Slot>,
}

impl Catalogue {
    /// The catalogue. Cost: about a millisecond the first time.
    pub(super) fn get() -> &'static Self {
        static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::build);
        &CATALOGUE
    }

    /// The slots of a round in a year (from 0); every year has equally many.
    pub(super) fn round(&self, year: usize) -> &[Slot] {
        if year < YEARS_OF_REMOVED {
            &self.with_removed
        } else {
            &self.without_removed
        }
    }

    fn build() -> Self {
        let trades: Vec<Trade> = TRADES.iter().map(trade).collect();
        let institutions: Vec<Institution> = rows(INSTITUTIONS)
            .enumerate()
            .map(|(index, cells)| institution(index, &cells, trades.len()))
            .collect();
        let slots = deal(&institutions);
        let named = |name| {
            institutions
                .iter()
                .position(|one| one.name == name)
                .expect("both names are rows of institutions.csv")
        };
        let (removed, successor) = (named(REMOVED), named(SUCCESSOR));
        let inherit = |slot: &Slot| Slot {
            institution: if slot.institution == removed {
                successor
            } else {
                slot.institution
            },
            ..*slot
        };
        let without_removed = ranked(slots.iter().map(inherit).collect());
        Self {
            with_removed: ranked(slots),
            without_removed,
            institutions,
            trades,
        }
    }
}

impl Institution {
    /// The centre that reviews its results (notice 二(四)).
    pub(super) fn review_centre(&self) -> &'static str {
        if self.provincial { PROVINCE } else { self.city }
    }

    /// The code of the highest level it may examine (notice 一(四)).
    pub(super) fn top_level(&self) -> char {
        if self.kind == "技师学院" {
            '2'
        } else {
            '3'
        }
    }

    /// The day from which it is out of the catalogue.
    pub(super) fn removed_on(&self) -> Option<Date> {
        (self.name == REMOVED).then_some(Date::constant(2025, 3, 3))
    }
}

/// Rows of an embedded table, cut at commas. Only leading columns are used, and those are never
/// quoted.
pub(super) fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().skip(1).map(|line| line.split(',').collect())
}

/// `name,city,type,affiliation,…`
const INSTITUTIONS: &str = include_str!("../../data/institutions.csv");
/// `code,name`
const DIVISIONS: &str = include_str!("../../data/divisions_gd.csv");
/// `code,name,edition,…`
pub(super) const OCCUPATIONS: &str = include_str!("../../data/occupations.csv");

fn trade((code, directions): &(&'static str, &'static [&'static str])) -> Trade {
    let name = rows(OCCUPATIONS)
        .find(|cells| cells[0] == *code)
        .expect("every trade is a row of occupations.csv")[1];
    Trade {
        code: OccupationCode::parse(code).expect("written as d-dd-dd-dd"),
        name,
        directions,
    }
}

fn institution(index: usize, cells: &[&'static str], trades: usize) -> Institution {
    let [name, city, kind, affiliation] = cells[..4] else {
        unreachable!("a slice of four has four");
    };
    let city = rows(DIVISIONS)
        .find(|division| division[1] == city)
        .expect("every city is a row of divisions_gd.csv")[0];
    let mut draw = Draw::new(REGISTRY_SEED, Purpose::Programme, index as u64);
    let count = MOST_TRADES - draw.index(4);
    let first = draw.index(trades);
    // Any step below the number of trades that shares no factor with it visits no trade twice.
    let step = draw.one_of(&[1, 3, 7, 9, 11, 13, 17, 19]);
    Institution {
        code: InstitutionCode::parse(&format!("J000044{:06}", index + 1))
            .expect("a class letter and twelve digits"),
        name,
        city,
        provincial: matches!(affiliation, "厅属" | "省属"),
        kind,
        trades: (0..count).map(|n| (first + n * step) % trades).collect(),
    }
}

/// What a round holds of one institution: levels of single certificates, and (first, second)
/// levels of holders who come back two years later.
type Deal = (&'static str, &'static [(char, char)]);

fn deal_of(institution: &Institution) -> Deal {
    match institution.kind {
        "技师学院" => (
            "5444433332",
            &[('5', '4'), ('4', '3'), ('4', '3'), ('4', '3'), ('3', '2')],
        ),
        "高级技工学校" => ("554444333", &[('4', '3'), ('4', '3')]),
        // A holder comes back to the same institution, so the removed one and its successor
        // have single certificates only.
        _ if [REMOVED, SUCCESSOR].contains(&institution.name) => ("55544433", &[]),
        _ => ("554433", &[('5', '4')]),
    }
}

/// A round in a mixed order, partners side by side: a population smaller than a round has
/// returning holders, too.
fn deal(institutions: &[Institution]) -> Vec<Slot> {
    let mut groups: Vec<(usize, char, Option<char>)> = Vec::new();
    for (index, institution) in institutions.iter().enumerate() {
        let (singles, pairs) = deal_of(institution);
        let more = Draw::new(REGISTRY_SEED, Purpose::Size, index as u64).index(9);
        let singles = singles.chars().chain("434343435".chars().take(more));
        groups.extend(singles.map(|level| (index, level, None)));
        groups.extend(pairs.iter().map(|pair| (index, pair.0, Some(pair.1))));
    }
    let mut draw = Draw::new(REGISTRY_SEED, Purpose::Order, 0);
    for last in (1..groups.len()).rev() {
        groups.swap(last, draw.index(last + 1));
    }
    let mut slots = Vec::with_capacity(2 * groups.len());
    for (institution, level, second) in groups {
        let here = slots.len();
        let slot = |level, partner| Slot {
            institution,
            level,
            partner,
            rank: 0,
            share: 0,
        };
        match second {
            None => slots.push(slot(level, Partner::None)),
            Some(second) => {
                slots.push(slot(level, Partner::Second(here + 1)));
                slots.push(slot(second, Partner::First(here)));
            }
        }
    }
    slots
}

/// Counts, for each slot, those of the same institution and level.
fn ranked(slots: Vec<Slot>) -> Vec<Slot> {
    let same = |a: &Slot, b: &Slot| a.institution == b.institution && a.level == b.level;
    slots
        .iter()
        .enumerate()
        .map(|(index, slot)| Slot {
            rank: slots[..index].iter().filter(|one| same(one, slot)).count() as u64,
            share: slots.iter().filter(|one| same(one, slot)).count() as u64,
            ..*slot
        })
        .collect()
}

/// The day an embedded table names.
pub(super) fn day(text: &str) -> Date {
    date::parse(text).expect("embedded tables hold days of the calendar")
}
