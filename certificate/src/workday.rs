//! Working days by the State Council's yearly holiday notices.
//!
//! A make-up day is worked, a listed holiday is not, and any other day follows the week. A year
//! without rows is an error and never a guess: its notice may move any of its days.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use jiff::ToSpan;
use jiff::civil::Weekday;

use crate::date::Date;

/// What a notice says about a day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DayKind {
    /// 放假: a day off.
    Holiday,
    /// 调休上班: a weekend day that is worked.
    MakeupWorkday,
}

/// The days that differ from the plain week, for the years that have a notice.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    days: HashMap<Date, DayKind>,
    years: BTreeSet<i16>,
}

/// A deadline reaches into a year whose notice the calendar does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct YearMissing {
    /// The year without rows.
    pub year: i16,
}

/// So many working days from a day on, counted once for every question about them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stretch {
    /// The first day before which all of them lie; none within the calendar's reach.
    full_at: Option<Date>,
    /// The first day of a year without rows, when counting comes to one.
    missing: Option<(Date, YearMissing)>,
}

impl Stretch {
    /// Whether [`Calendar::count`] up to `until` finds all of the working days.
    ///
    /// # Errors
    ///
    /// Those of [`Calendar::count`].
    pub fn is_full_before(&self, until: Date) -> Result<bool, YearMissing> {
        match self.missing {
            Some((day, missing)) if day < until => Err(missing),
            _ => Ok(self.full_at.is_some_and(|full| full <= until)),
        }
    }
}

impl Calendar {
    /// A calendar of these days. A year is known when one of its days is listed.
    pub fn new(days: impl IntoIterator<Item = (Date, DayKind)>) -> Self {
        let days: HashMap<Date, DayKind> = days.into_iter().collect();
        let years = days.keys().map(|day| day.year()).collect();
        Self { days, years }
    }

    /// Whether people work on this day.
    ///
    /// # Errors
    ///
    /// [`YearMissing`] when the calendar has no row of the day's year.
    pub fn is_workday(&self, day: Date) -> Result<bool, YearMissing> {
        if !self.years.contains(&day.year()) {
            return Err(YearMissing { year: day.year() });
        }
        Ok(match self.days.get(&day) {
            Some(DayKind::Holiday) => false,
            Some(DayKind::MakeupWorkday) => true,
            None => !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday),
        })
    }

    /// The day `count` working days after `day` (before it, when negative); `day` itself is not
    /// counted.
    ///
    /// # Errors
    ///
    /// [`YearMissing`] when the walk enters a year without rows.
    pub fn add(&self, day: Date, count: i32) -> Result<Date, YearMissing> {
        let step = if count < 0 { -1.days() } else { 1.days() };
        let mut left = count.unsigned_abs();
        let mut day = day;
        while left > 0 {
            day = day.saturating_add(step);
            left -= u32::from(self.is_workday(day)?);
        }
        Ok(day)
    }

    /// How many working days d satisfy `from <= d < until`; 0 when the range is empty. Stops at
    /// `most`, so that a deadline centuries wide costs no more than a kept one.
    ///
    /// # Errors
    ///
    /// [`YearMissing`] when the walk enters a year without rows before `most` is reached.
    pub fn count(&self, from: Date, until: Date, most: u32) -> Result<u32, YearMissing> {
        let mut day = from;
        let mut found = 0;
        while day < until && found < most {
            found += u32::from(self.is_workday(day)?);
            day = day.saturating_add(1.days());
        }
        Ok(found)
    }

    /// The `count` working days from `from` on. Cost: a step a day.
    pub fn stretch(&self, from: Date, count: u32) -> Stretch {
        let mut day = from;
        let mut found = 0;
        while found < count && day < Date::MAX {
            match self.is_workday(day) {
                Ok(worked) => found += u32::from(worked),
                Err(missing) => {
                    return Stretch {
                        full_at: None,
                        missing: Some((day, missing)),
                    };
                }
            }
            day = day.saturating_add(1.days());
        }
        Stretch {
            full_at: (found == count).then_some(day),
            missing: None,
        }
    }
}

impl fmt::Display for YearMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "calendar.csv 没有{year}年的放假安排，无法计算工作日；请补录国务院办公厅关于{year}年节假日安排的通知",
            year = self.year
        )
    }
}

impl std::error::Error for YearMissing {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date;

    fn calendar() -> Calendar {
        Calendar::new(
            include_str!("../data/cn_holidays.csv")
                .lines()
                .skip(1)
                .map(|line| {
                    let mut cells = line.split(',');
                    let day = date::parse(cells.next().unwrap()).unwrap();
                    let kind = match cells.next().unwrap() {
                        "holiday" => DayKind::Holiday,
                        "makeup_workday" => DayKind::MakeupWorkday,
                        other => panic!("unknown kind {other}"),
                    };
                    (day, kind)
                }),
        )
    }

    #[test]
    fn published_vectors() {
        let calendar = calendar();
        let vectors = include_str!("../data/workday_test_vectors.csv")
            .lines()
            .skip(1);
        let mut seen = 0;
        for line in vectors {
            let cells: Vec<&str> = line.split(',').collect();
            let from = date::parse(cells[0]).unwrap();
            let count = cells[1].parse().unwrap();
            assert_eq!(
                calendar.add(from, count).unwrap(),
                date::parse(cells[2]).unwrap(),
                "{line}"
            );
            seen += 1;
        }
        assert_eq!(seen, 11);
    }

    #[test]
    fn counting_agrees_with_adding() {
        let calendar = calendar();
        // Filed on 09-22, examined on 10-12: exactly ten working days d with filed <= d < start.
        let start = Date::constant(2020, 10, 12);
        assert_eq!(
            calendar.count(Date::constant(2020, 9, 22), start, 99),
            Ok(10)
        );
        assert_eq!(
            calendar.count(Date::constant(2020, 9, 23), start, 99),
            Ok(9)
        );
        assert_eq!(calendar.count(Date::constant(2020, 9, 22), start, 4), Ok(4));
        assert_eq!(calendar.count(start, start, 99), Ok(0));
    }

    #[test]
    fn a_stretch_agrees_with_counting() {
        let calendar = calendar();
        // Into 2027, of which the calendar has no row.
        let days = || Date::constant(2026, 9, 20).series(1.days()).take(130);
        let (mut full, mut missing) = (0, 0);
        for from in days() {
            for count in [0, 1, 5, 20, 60] {
                let stretch = calendar.stretch(from, count);
                for until in days() {
                    let counted = calendar.count(from, until, count);
                    let expected = counted.map(|found| found >= count);
                    // Nothing is left to count, so no year is looked at.
                    let expected = if count == 0 {
                        Ok(from <= until)
                    } else {
                        expected
                    };
                    assert_eq!(
                        stretch.is_full_before(until),
                        expected,
                        "{from} {until} {count}"
                    );
                    full += u32::from(expected == Ok(true));
                    missing += u32::from(expected.is_err());
                }
            }
        }
        assert!(full > 10_000 && missing > 1_000, "{full} {missing}");
        let last = calendar.stretch(Date::MAX, 1);
        assert_eq!(last.is_full_before(Date::MAX), Ok(false));
    }

    #[test]
    fn a_year_without_rows_is_an_error() {
        let calendar = calendar();
        let missing = Err(YearMissing { year: 2027 });
        assert_eq!(calendar.add(Date::constant(2026, 12, 20), 20), missing);
        assert_eq!(
            calendar.is_workday(Date::constant(2027, 1, 4)),
            Err(YearMissing { year: 2027 })
        );
    }
}
