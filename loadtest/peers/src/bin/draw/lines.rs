//! How late each server is at which offered load; lateness on a logarithmic axis.

use crate::sheet::{Sheet, WIDTH, grouped};
use crate::{Report, title};

const LEFT: f64 = 60.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 44.0;
const HEIGHT: f64 = 300.0;

/// A rate that a server did not reach by this much is beyond it.
const REACHED: f64 = 0.97;

/// Decades of lateness that are drawn, from 10 µs.
const DECADES: [(f64, &str); 4] = [
    (10.0, "10 µs"),
    (100.0, "100 µs"),
    (1e3, "1 ms"),
    (1e4, "10 ms"),
];

/// The picture: one line for each server, as far as it answers what it is asked.
pub(crate) fn draw(reports: &[Report], caption: &str) -> String {
    let mut sheet = Sheet::new(
        TOP + HEIGHT + 60.0,
        "How late 99 of 100 answers are at an offered load (median of 100 ms slices)",
    );
    let rates = || reports.iter().filter_map(|report| report.offered_per_s);
    let most = rates().fold(1.0, f64::max);
    let across = |rate: f64| LEFT + rate / most * (WIDTH - LEFT - RIGHT);
    let up = |late: f64| TOP + HEIGHT * (1.0 - (late.clamp(10.0, 1e4) / 10.0).log10() / 3.0);
    for (late, name) in DECADES {
        sheet.line(&[(LEFT, up(late)), (WIDTH - RIGHT, up(late))], "axis line");
        sheet.text(LEFT - 8.0, up(late) + 4.0, "end quiet", name);
    }
    for rate in rates() {
        sheet.text(
            across(rate),
            TOP + HEIGHT + 18.0,
            "middle quiet",
            &grouped(rate),
        );
    }
    let names = reports
        .first()
        .into_iter()
        .flat_map(|report| &report.targets);
    for (index, name) in names.map(|row| row.name.as_str()).enumerate() {
        let points = points(reports, name);
        let points: Vec<_> = points
            .iter()
            .map(|(rate, late)| (across(*rate), up(*late)))
            .collect();
        let class = format!("s{index}");
        sheet.line(&points, &format!("line {class}"));
        for (x, y) in points {
            sheet.mark(x, y, &class, false);
        }
        let row = f64::from(u32::try_from(index).unwrap_or(0)) * 20.0 + TOP + 10.0;
        let x = WIDTH - RIGHT + 20.0;
        sheet.line(
            &[(x, row - 4.0), (x + 18.0, row - 4.0)],
            &format!("line s{index}"),
        );
        sheet.text(x + 26.0, row, "", title(name));
    }
    sheet.text(0.0, TOP + HEIGHT + 46.0, "quiet", caption);
    sheet.finish()
}

fn points(reports: &[Report], name: &str) -> Vec<(f64, f64)> {
    let point = |report: &Report| {
        let rate = report.offered_per_s?;
        let row = report.targets.iter().find(|row| row.name == name)?;
        let reached = row.answers_per_s.median >= rate * REACHED;
        reached.then_some((rate, row.late_us?.p99))
    };
    reports.iter().map_while(point).collect()
}
