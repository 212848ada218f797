//! A synthetic population: every certificate is a function of its index, so that the builder, the
//! benches and the load test agree on the right answers without sharing a file.
//!
//! Institutions, occupations and the shares of names are real (certificate/data); persons,
//! numbers, days and outcomes are invented. Everything is integer arithmetic over a seed: the same
//! on every machine, in every build, in any order of asking. Nothing is kept per certificate.
//!
//! Order of reading: [`Population`] says what there is; `catalogue` and `trades` who examines
//! what, `timetable` when, `person` whom; [`registry`] writes the centre's registry files, which
//! every certificate of every population passes.

mod catalogue;
mod draw;
mod person;
pub mod registry;
mod timetable;
mod trades;

use self::catalogue::{Catalogue, Institution, Partner, Slot};
use self::draw::{Draw, Purpose};
use self::person::Person;
use self::timetable::{Days, LAST_DAY, SESSIONS, Session, YEARS, calendar_year, later};
use crate::date::Date;
use crate::holder::HolderName;
use crate::identity::{IdentityNumber, IdentityType};
use crate::level::Level;
use crate::number::CertificateNumber;
use crate::record::{Change, Details, Operation, Review, Score};

/// A population of certificates.
///
/// A pure function of (certificates, seed). Certificates are counted from 0 in the order of their
/// years. Every method is a few microseconds at most, whatever the size.
///
/// # Panics
///
/// Methods that take an index panic when it is not below [`certificates`](Self::certificates).
#[derive(Clone, Copy, Debug)]
pub struct Population {
    seed: u64,
    /// The first certificate of each year, and at the end how many there are.
    first_of_year: [u64; YEARS + 1],
}

/// Where a certificate stands: its place in its year, and in the round it was dealt in.
#[derive(Clone, Copy)]
struct Place {
    year: usize,
    rank: u64,
    round: u64,
    slot: usize,
}

/// Used serials and serials of each block; the one more is the gap, two per cent.
const USED_OF_BLOCK: u64 = 49;
const BLOCK: u64 = USED_OF_BLOCK + 1;

/// One certificate of so many is withdrawn.
const ONE_WITHDRAWN_OF: u64 = 100;

/// Certificates of 2020, …, 2026 of 1,000.
const SHARE_OF_YEAR: [u64; YEARS] = [80, 120, 150, 160, 170, 180, 140];

/// Why certificates are withdrawn.
const REASONS: [&str; 5] = [
    "持证人申请注销",
    "经复核评价过程不符合规定",
    "以不正当手段取得证书",
    "发证信息有误需另行发证",
    "经核查不具备申报条件",
];

impl Population {
    /// Certificates a population may have: any more and serials or documents would run out.
    pub const MOST_CERTIFICATES: u64 = 100_000_000;

    /// The population of this size and seed.
    ///
    /// # Panics
    ///
    /// When `certificates` is more than [`MOST_CERTIFICATES`](Self::MOST_CERTIFICATES).
    pub fn new(certificates: u64, seed: u64) -> Self {
        assert!(
            certificates <= Self::MOST_CERTIFICATES,
            "a population has at most 100,000,000 certificates"
        );
        let mut first_of_year = [0; YEARS + 1];
        let mut share = 0;
        for (year, of_year) in SHARE_OF_YEAR.iter().enumerate() {
            share += of_year;
            first_of_year[year + 1] = certificates * share / 1_000;
        }
        Self {
            seed,
            first_of_year,
        }
    }

    /// How many certificates there are.
    pub fn certificates(&self) -> u64 {
        self.first_of_year[YEARS]
    }

    /// The number of certificate `i`. No two share one; serials of an institution, year and level
    /// run from 1 without other gaps than one unused serial in fifty.
    pub fn number(&self, i: u64) -> CertificateNumber {
        let place = self.place(i);
        let (block, used) = (
            place.in_group() / USED_OF_BLOCK,
            place.in_group() % USED_OF_BLOCK,
        );
        let gap = self.gap(place, block);
        place.number(block * BLOCK + used + u64::from(used >= gap))
    }

    /// A number of a real institution that was never issued: the gap beside certificate `i`.
    pub fn unknown_number(&self, i: u64) -> CertificateNumber {
        let place = self.place(i);
        let block = place.in_group() / USED_OF_BLOCK;
        place.number(block * BLOCK + self.gap(place, block))
    }

    /// The name on certificate `i`.
    pub fn name(&self, i: u64) -> HolderName {
        self.holder(i).name()
    }

    /// The type of the document on certificate `i`.
    pub fn id_type(&self, i: u64) -> IdentityType {
        self.holder(i).id_type()
    }

    /// The number of the document on certificate `i`. Different persons have different ones.
    pub fn id_number(&self, i: u64) -> IdentityNumber {
        self.holder(i).id_number()
    }

    /// Every certificate of the holder of certificate `i`, `i` among them, oldest first. About
    /// one holder in eight has two.
    pub fn of_same_holder(&self, i: u64) -> Vec<u64> {
        let first = self.first_of_holder(i);
        let mut certificates = vec![first];
        certificates.extend(self.second_of_holder(first));
        certificates
    }

    /// The row by which certificate `i` was issued; it passes every rule of the gate.
    pub fn change(&self, i: u64) -> Change {
        let place = self.place(i);
        let (catalogue, slot) = (Catalogue::get(), place.slot());
        let institution = place.institution();
        let (holder, session) = (self.holder(i), self.session(place));
        let mut draw = Draw::new(self.seed, Purpose::Certificate, i);
        let days = session.days(&mut draw);
        // Both certificates of a holder are in one trade, the second a level higher.
        let trade = institution.trades[holder.trade(institution.trades.len())];
        let trade = &catalogue.trades[trade];
        let details = Details {
            name: holder.name(),
            id_type: holder.id_type(),
            id_number: holder.id_number(),
            occupation_code: trade.code,
            occupation_name: trade.name.to_owned(),
            direction: direction(&mut draw, trade.directions).to_owned(),
            level: Level::from_code(slot.level).expect("slots have the levels 5 to 2"),
            scores: scores(&mut draw, slot.level),
            plan_no: session.plan_no(),
            assessed_on: days.assessed_on,
            reported_on: days.reported_on,
            roll_verified_on: days.roll_verified_on,
            issued_on: days.issued_on,
        };
        Change {
            number: self.number(i),
            operation: Operation::Issue(Box::new(details)),
            review: review(institution, days.reviewed_on),
            reason: String::new(),
        }
    }

    /// The row by which certificate `i` was withdrawn, if it was: exactly one of each hundred.
    pub fn withdrawal(&self, i: u64) -> Option<Change> {
        let place = self.place(i);
        let mut draw = Draw::new(self.seed, Purpose::Withdrawal, i / ONE_WITHDRAWN_OF);
        if draw.below(ONE_WITHDRAWN_OF) != i % ONE_WITHDRAWN_OF {
            return None;
        }
        let reviewed_on = later(self.days(i, place).issued_on, 30 + draw.days(600));
        // Nothing is issued in the last week of the data.
        let latest = later(LAST_DAY, -draw.days(7));
        Some(Change {
            number: self.number(i),
            operation: Operation::Withdraw,
            review: review(place.institution(), reviewed_on.min(latest)),
            reason: draw.one_of(&REASONS).to_owned(),
        })
    }

    fn place(&self, i: u64) -> Place {
        assert!(i < self.certificates(), "no such certificate");
        let year = self.first_of_year[1..].partition_point(|&first| first <= i);
        let rank = i - self.first_of_year[year];
        let slots = Catalogue::get().round(year).len();
        Place {
            year,
            rank,
            round: rank / slots as u64,
            slot: usize::try_from(rank % slots as u64).expect("below a usize"),
        }
    }

    fn of_year(&self, year: usize) -> u64 {
        self.first_of_year[year + 1] - self.first_of_year[year]
    }

    /// Which serial of a block is unused, from 0.
    fn gap(&self, place: Place, block: u64) -> u64 {
        let slot = place.slot();
        let group = (slot.institution * YEARS + place.year) as u64 * 256 + u64::from(slot.level);
        Draw::new(self.seed, Purpose::Gap, group << 32 | block).below(BLOCK)
    }

    fn holder(&self, i: u64) -> Person {
        let index = self.first_of_holder(i);
        let place = self.place(index);
        Person {
            seed: self.seed,
            index,
            year: place.year,
            rank: place.rank,
            of_year: self.of_year(place.year),
        }
    }

    fn first_of_holder(&self, i: u64) -> u64 {
        let place = self.place(i);
        let first = match place.slot().partner {
            Partner::First(slot) => place
                .year
                .checked_sub(2)
                .and_then(|year| self.in_round(year, place.round, slot)),
            Partner::None | Partner::Second(_) => None,
        };
        first.unwrap_or(i)
    }

    fn second_of_holder(&self, first: u64) -> Option<u64> {
        let place = self.place(first);
        match place.slot().partner {
            Partner::Second(slot) => self.in_round(place.year + 2, place.round, slot),
            Partner::None | Partner::First(_) => None,
        }
    }

    /// The certificate of a slot, if the year got that far.
    fn in_round(&self, year: usize, round: u64, slot: usize) -> Option<u64> {
        if year >= YEARS {
            return None;
        }
        let rank = round * Catalogue::get().round(year).len() as u64 + slot as u64;
        (rank < self.of_year(year)).then(|| self.first_of_year[year] + rank)
    }

    fn session(&self, place: Place) -> Session {
        let number = place.rank * SESSIONS as u64 / self.of_year(place.year);
        Session {
            institution: place.slot().institution,
            year: place.year,
            number: usize::try_from(number).expect("below the number of sessions"),
        }
    }

    fn days(&self, i: u64, place: Place) -> Days {
        let mut draw = Draw::new(self.seed, Purpose::Certificate, i);
        self.session(place).days(&mut draw)
    }
}

impl Place {
    fn slot(self) -> &'static Slot {
        &Catalogue::get().round(self.year)[self.slot]
    }

    fn institution(self) -> &'static Institution {
        &Catalogue::get().institutions[self.slot().institution]
    }

    /// How many certificates of the same institution, year and level come before this one.
    fn in_group(self) -> u64 {
        let slot = self.slot();
        self.round * slot.share + slot.rank
    }

    /// The number with a serial of this certificate's group, counted from 0.
    fn number(self, serial: u64) -> CertificateNumber {
        let code = self.institution().code;
        let (year, level) = (calendar_year(self.year) % 100, self.slot().level);
        let number = format!("{}{year:02}{level}{:06}", code.as_str(), serial + 1);
        CertificateNumber::from_canonical(&number)
            .expect("the largest group of the largest population has fewer than 10^6 serials")
    }
}

fn review(institution: &Institution, on: Date) -> Review {
    Review {
        centre: institution.review_centre().to_owned(),
        on,
    }
}

/// Most certificates of a trade with directions name one.
fn direction(draw: &mut Draw, directions: &[&'static str]) -> &'static str {
    if directions.is_empty() || draw.below(10) == 0 {
        ""
    } else {
        draw.one_of(directions)
    }
}

/// Theory and skill of 60 to 100; an overall review for 技师 only.
fn scores(draw: &mut Draw, level: char) -> [Option<Score>; 3] {
    let mut score = || {
        let halves = 120 + draw.below(81);
        let fraction = if halves % 2 == 1 { ".5" } else { "" };
        Score::parse(&format!("{}{fraction}", halves / 2))
    };
    let (theory, skill) = (score(), score());
    [theory, skill, if level == '2' { score() } else { None }]
}
