//! When the synthetic centre examines, reports, reviews and issues.
//!
//! Every rule of the gate about days is kept by construction (notice 二(三)): assessed within the
//! plan, reported at most 12 days after its end, then reviewed, then issued, all in one year.

use jiff::ToSpan;

use super::catalogue::REGISTRY_SEED;
use super::draw::{Draw, Purpose};
use crate::date::Date;

/// The year the pilot began; years are counted from it.
pub(super) const FIRST_YEAR: i16 = 2020;
/// 2020 to 2026.
pub(super) const YEARS: usize = 7;
/// Examinations a year and institution.
pub(super) const SESSIONS: usize = 4;
/// The last day of the calendar that the data know; nothing is dated later.
pub(super) const LAST_DAY: Date = Date::constant(2026, 10, 10);

/// Month and day from which the sessions of a year may begin. The first year starts after the
/// institutions were filed, the last one ends before [`LAST_DAY`].
const STARTS: [[(i8, i8); SESSIONS]; YEARS] = {
    const USUAL: [(i8, i8); SESSIONS] = [(3, 22), (6, 7), (10, 11), (11, 15)];
    [
        [(7, 6), (9, 7), (10, 12), (11, 16)],
        USUAL,
        USUAL,
        USUAL,
        USUAL,
        USUAL,
        [(3, 16), (5, 11), (6, 22), (8, 17)],
    ]
};

/// Which examination: of an institution (index), in a year (from 0), by number (from 0).
#[derive(Clone, Copy)]
pub(super) struct Session {
    pub(super) institution: usize,
    pub(super) year: usize,
    pub(super) number: usize,
}

/// The days of one certificate.
pub(super) struct Days {
    pub(super) assessed_on: Date,
    pub(super) reported_on: Date,
    pub(super) roll_verified_on: Date,
    pub(super) reviewed_on: Date,
    pub(super) issued_on: Date,
}

impl Session {
    /// 计划编号.
    pub(super) fn plan_no(self) -> String {
        let year = calendar_year(self.year);
        format!("44-{year}-{:03}-{}", self.institution + 1, self.number + 1)
    }

    /// First and last day of the examination.
    pub(super) fn span(self) -> (Date, Date) {
        let (month, day) = STARTS[self.year][self.number];
        let base = Date::constant(calendar_year(self.year), month, day);
        let mut draw = self.draw(Purpose::Plan);
        let starts_on = later(base, draw.days(7));
        (starts_on, later(starts_on, 2 + draw.days(4)))
    }

    /// The days of a certificate of this session; `own` draws what differs between holders.
    pub(super) fn days(self, own: &mut Draw) -> Days {
        let (starts_on, ends_on) = self.span();
        let length = ends_on.since(starts_on).expect("both are days").get_days();
        let assessed_on = later(starts_on, own.days(u64::from(length.unsigned_abs()) + 1));
        // An institution reports a session in one go, and its centre reviews it in one go.
        let mut shared = self.draw(Purpose::Report);
        let reported_on = later(ends_on, 1 + shared.days(12));
        let reviewed_on = later(reported_on, 2 + shared.days(8));
        Days {
            assessed_on,
            reported_on,
            roll_verified_on: later(reviewed_on, -1),
            reviewed_on,
            issued_on: later(reviewed_on, 1 + own.days(6)),
        }
    }

    fn draw(self, purpose: Purpose) -> Draw {
        let index = (self.institution * YEARS + self.year) * SESSIONS + self.number;
        Draw::new(REGISTRY_SEED, purpose, index as u64)
    }
}

/// A year counted from 0 as it is written.
pub(super) fn calendar_year(year: usize) -> i16 {
    FIRST_YEAR + i16::try_from(year).expect("years are counted from 0 to 6")
}

/// The day `days` after another, or before it.
pub(super) fn later(day: Date, days: i64) -> Date {
    day.checked_add(days.days())
        .expect("the sample stays within a few centuries")
}
