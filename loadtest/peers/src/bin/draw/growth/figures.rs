//! What was measured, several times each, and what follows from it for sizes that were not.
//!
//! Whole quantities (seconds, memory, bytes) are continued on the straight line through the two
//! largest sizes that were measured; what a single look-up takes on the straight line over the
//! logarithm of the size, because what makes it dearer are caches that do not hold a larger register.
//! Peaks of memory while building, and the floor, are not continued: they do not follow the size.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::Path;

use super::Shown;

/// What a figure is, and so how it is shown and continued.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Of the whole register.
    Whole,
    /// The same, shown for one certificate.
    Share,
    /// Seconds of the whole, shown as certificates a second.
    Rate,
    /// Of one look-up.
    LookUp,
    /// What does not follow the size: memory that a setting bounds, or the floor.
    Bounded,
}

/// A figure of one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) certificates: u64,
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    /// Nobody has measured it.
    pub(crate) model: bool,
}

/// All values of all figures, by size.
pub(crate) struct Figures {
    measured: BTreeMap<u64, BTreeMap<String, Vec<f64>>>,
    model: BTreeSet<u64>,
}

impl Figures {
    /// Reads lines of certificates, name and value.
    pub(crate) fn read(path: &Path, model: &[u64]) -> Result<Self, Box<dyn Error>> {
        Self::parse(&fs::read_to_string(path)?, model)
    }

    fn parse(text: &str, model: &[u64]) -> Result<Self, Box<dyn Error>> {
        let mut measured: BTreeMap<u64, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let &[certificates, name, value] = fields.as_slice() else {
                return Err(format!("not a line of figures: {line}").into());
            };
            let of_size = measured.entry(certificates.parse()?).or_default();
            let values = of_size.entry(name.to_owned()).or_default();
            values.push(value.parse()?);
        }
        let model = model.iter().copied();
        let model = model.filter(|it| !measured.contains_key(it)).collect();
        Ok(Self { measured, model })
    }

    /// All sizes, and which of them follow from the model.
    pub(crate) fn sizes(&self) -> Vec<(u64, bool)> {
        let measured = self.measured.keys().map(|size| (*size, false));
        let model = self.model.iter().map(|size| (*size, true));
        let mut sizes: Vec<_> = measured.chain(model).collect();
        sizes.sort_unstable();
        sizes
    }

    /// A figure by size, as it is shown.
    pub(crate) fn points(&self, of: &Shown) -> Vec<Point> {
        let mut points: Vec<Point> = self.raw(of.name);
        if of.kind != Kind::Bounded
            && let [.., before, last] = points.as_slice()
        {
            let (before, last) = (*before, *last);
            let model = self.model.iter();
            let model = model.map(|size| continued(before, last, *size, of.kind));
            // What falls below nothing is no model.
            points.extend(model.filter(|point| point.median > 0.0));
        }
        points.sort_by_key(|point| point.certificates);
        points.iter().map(|point| point.shown(of)).collect()
    }

    fn raw(&self, name: &str) -> Vec<Point> {
        let of_size = |(size, figures): (&u64, &BTreeMap<String, Vec<f64>>)| {
            let mut values = figures.get(name)?.clone();
            values.sort_by(f64::total_cmp);
            Some(Point {
                certificates: *size,
                median: values[(values.len() - 1) / 2],
                lowest: values[0],
                highest: values[values.len() - 1],
                model: false,
            })
        };
        self.measured.iter().filter_map(of_size).collect()
    }
}

/// On the straight line through two points.
fn continued(before: Point, last: Point, certificates: u64, kind: Kind) -> Point {
    let x = |size: u64| match kind {
        Kind::LookUp => float(size).ln(),
        Kind::Whole | Kind::Share | Kind::Rate | Kind::Bounded => float(size),
    };
    let (from, to) = (x(before.certificates), x(last.certificates));
    let slope = (last.median - before.median) / (to - from);
    let value = last.median + slope * (x(certificates) - to);
    Point {
        certificates,
        median: value,
        lowest: value,
        highest: value,
        model: true,
    }
}

impl Point {
    fn shown(self, of: &Shown) -> Self {
        let certificates = float(self.certificates);
        let value = |raw: f64| match of.kind {
            Kind::Whole | Kind::LookUp | Kind::Bounded => raw * of.scale,
            Kind::Share => raw * of.scale / certificates,
            Kind::Rate => certificates * of.scale / raw,
        };
        let (one, other) = (value(self.lowest), value(self.highest));
        Self {
            median: value(self.median),
            lowest: one.min(other),
            highest: one.max(other),
            ..self
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of certificates")]
pub(crate) fn float(certificates: u64) -> f64 {
    certificates as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::growth::shown;

    const MEASURED: &str = "1000\ta.wall_s\t3\n1000\ta.wall_s\t1\n1000\ta.wall_s\t2\n\
                            10000\ta.wall_s\t20\n100\ta.wall_s\t9\n";

    fn points(kind: Kind) -> Vec<(u64, f64, bool)> {
        let figures = Figures::parse(MEASURED, &[100_000, 1000]).unwrap();
        let points = figures.points(&shown("a.wall_s", "", "", 1.0, kind));
        let of = |point: &Point| (point.certificates, point.median.round(), point.model);
        points.iter().map(of).collect()
    }

    #[test]
    fn medians_are_measured_and_the_rest_is_on_a_line() {
        let measured = [(100, 9.0, false), (1000, 2.0, false), (10_000, 20.0, false)];
        let whole = points(Kind::Whole);
        assert_eq!(whole[..3], measured);
        assert_eq!(whole[3..], [(100_000, 200.0, true)]);
        let look_up = points(Kind::LookUp);
        assert_eq!(look_up[3..], [(100_000, 38.0, true)]);
        assert_eq!(points(Kind::Bounded), measured);
        let rate = points(Kind::Rate);
        assert_eq!(rate[1], (1000, 500.0, false));
        assert_eq!(rate[3], (100_000, 500.0, true));
    }

    #[test]
    fn spreads_are_those_of_what_is_shown() {
        let figures = Figures::parse(MEASURED, &[]).unwrap();
        let points = figures.points(&shown("a.wall_s", "", "", 1.0, Kind::Rate));
        let of_1000 = points[1];
        assert!((of_1000.lowest - 1000.0 / 3.0).abs() < 1e-9, "{of_1000:?}");
        assert!((of_1000.highest - 1000.0).abs() < 1e-9, "{of_1000:?}");
    }

    #[test]
    fn one_size_has_no_line() {
        let figures = Figures::parse("1000\ta\t2\n", &[10_000]).unwrap();
        assert_eq!(
            figures.points(&shown("a", "", "", 1.0, Kind::Whole)).len(),
            1
        );
        assert!(Figures::parse("1000 a 2\n", &[]).is_err());
    }

    #[test]
    fn a_line_that_falls_below_nothing_ends() {
        let figures = Figures::parse("1000\ta\t2\n2000\ta\t1\n", &[4000]).unwrap();
        assert_eq!(
            figures.points(&shown("a", "", "", 1.0, Kind::Whole)).len(),
            2
        );
    }
}
