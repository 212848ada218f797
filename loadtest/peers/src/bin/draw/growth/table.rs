//! The figures as tables.

use std::fmt::Write as _;

use super::figures::{Figures, Point};
use super::{PANELS, Shown};
use crate::sheet::{grouped, short};

/// A line for each figure, a column for each size: median, and lowest to highest where they differ.
pub(crate) fn markdown(figures: &Figures) -> String {
    let sizes = figures.sizes();
    let mut text = String::from("| |");
    for (size, model) in &sizes {
        let model = if *model { " (model)" } else { "" };
        let _ = write!(text, " {}{model} |", grouped(super::figures::float(*size)));
    }
    let _ = write!(text, "\n|---|{}\n", "---|".repeat(sizes.len()));
    for panel in &PANELS {
        for of in panel.lines {
            let points = figures.points(of);
            let _ = write!(text, "| {}: {} |", panel.title, of.title);
            for (size, _) in &sizes {
                let point = points.iter().find(|it| it.certificates == *size);
                let _ = write!(text, " {} |", point.map_or(String::new(), cell));
            }
            text.push('\n');
        }
    }
    text.push_str(
        "\nMedian, in brackets lowest and highest. Model: not measured, but on the straight line through the two largest sizes \
         that were; for a look-up over the logarithm of the size. Peaks of memory while building, and the floor, are not continued: they do not follow the size.\n",
    );
    text
}

fn cell(point: &Point) -> String {
    let (median, lowest, highest) = (
        short(point.median),
        short(point.lowest),
        short(point.highest),
    );
    match (point.model, lowest == highest) {
        (true, _) => format!("*{median}*"),
        (false, true) => median,
        (false, false) => format!("{median} ({lowest}–{highest})"),
    }
}

/// The same for programs, a line each.
pub(crate) fn tsv(figures: &Figures) -> String {
    let mut text = String::from("certificates\tfigure\tunit\tmedian\tlowest\thighest\tsource\n");
    for panel in &PANELS {
        for of in panel.lines {
            for point in figures.points(of) {
                text.push_str(&line(of, &point));
            }
        }
    }
    text
}

fn line(of: &Shown, point: &Point) -> String {
    let Point {
        certificates,
        median,
        lowest,
        highest,
        model,
    } = point;
    let source = if *model { "model" } else { "measured" };
    format!(
        "{certificates}\t{}\t{}\t{median}\t{lowest}\t{highest}\t{source}\n",
        of.name, of.unit
    )
}
