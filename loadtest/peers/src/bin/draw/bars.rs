//! What each server answers in a closed loop, most first.

use crate::sheet::{Sheet, WIDTH, grouped};
use crate::{Report, title};

const LEFT: f64 = 170.0;
const RIGHT: f64 = 220.0;
const TOP: f64 = 36.0;
const ROW: f64 = 30.0;

/// The picture.
pub(crate) fn draw(report: &Report, caption: &str) -> String {
    let mut rows: Vec<_> = report.targets.iter().collect();
    rows.sort_by(|a, b| b.answers_per_s.median.total_cmp(&a.answers_per_s.median));
    let most = rows.first().map_or(1.0, |row| row.answers_per_s.upper);
    let place = |answers: f64| LEFT + answers / most * (WIDTH - LEFT - RIGHT);
    let mut y = TOP;
    let count = u32::try_from(rows.len()).unwrap_or(0);
    let mut sheet = Sheet::new(
        TOP + ROW * f64::from(count) + 24.0,
        "Answers a second from one core, one look-up at a time on each of 64 connections",
    );
    for row in rows {
        let answers = row.answers_per_s;
        let class = if row.name == "ours" { "ours" } else { "other" };
        sheet.text(LEFT - 10.0, y + 17.0, "end", title(&row.name));
        sheet.bar(
            LEFT,
            y + 3.0,
            place(answers.median) - LEFT,
            ROW - 10.0,
            class,
        );
        let middle = y + 3.0 + (ROW - 10.0) / 2.0;
        sheet.line(
            &[
                (place(answers.lower), middle),
                (place(answers.upper), middle),
            ],
            "spread",
        );
        let ratio = row.processor_ratio.filter(|_| row.name != "floor");
        let ratio = ratio.map_or(String::new(), |ratio| {
            format!(" · {:.2} of the floor by CPU", ratio.median)
        });
        let figure = format!("{}{ratio}", grouped(answers.median));
        sheet.text(place(answers.upper) + 8.0, y + 17.0, "", &figure);
        y += ROW;
    }
    sheet.text(0.0, y + 16.0, "quiet", caption);
    sheet.finish()
}
