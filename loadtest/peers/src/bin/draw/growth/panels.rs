//! The picture: a panel for each question, two beside each other.

use super::figures::{Figures, Point, float};
use super::{PANELS, Panel};
use crate::sheet::{Sheet, WIDTH, short};

const TOP: f64 = 56.0;
const GAP: f64 = 40.0;
const PANEL_WIDTH: f64 = (WIDTH - GAP) / 2.0;
const PANEL_HEIGHT: f64 = 216.0;
/// Of a panel, around what is drawn.
const LEFT: f64 = 66.0;
const HEAD: f64 = 44.0;
const FOOT: f64 = 30.0;

/// Below this share of its ends an axis has marks at 1, 2 and 5, and else at powers of ten.
const NARROW: f64 = 30.0;

/// A logarithmic axis: what is marked on it, from its first end to its last.
struct Axis {
    marks: Vec<f64>,
    begins: f64,
    ends: f64,
}

impl Axis {
    /// From the mark below all values to the one above.
    fn over(values: impl Iterator<Item = f64>, begins: f64, ends: f64) -> Self {
        let (least, most) = values.fold((f64::INFINITY, 0.0), |(least, most), value| {
            (f64::min(least, value), f64::max(most, value))
        });
        let steps: &[f64] = if most / least < NARROW {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let powers = (-9..15).map(|exponent| 10f64.powi(exponent));
        let marks = powers.flat_map(|power| steps.iter().map(move |step| step * power));
        let marks: Vec<f64> = marks.collect();
        let from = marks.iter().rposition(|mark| *mark <= least * 1.001);
        let to = marks.iter().position(|mark| *mark >= most * 0.999);
        let from = from.unwrap_or(0);
        let to = to.unwrap_or(marks.len() - 1).max(from + 1);
        Self {
            marks: marks[from..=to].to_vec(),
            begins,
            ends,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let (from, to) = (self.marks[0], self.marks[self.marks.len() - 1]);
        let share = (value / from).ln() / (to / from).ln();
        self.begins + share * (self.ends - self.begins)
    }
}

/// All panels.
pub(crate) fn draw(figures: &Figures, caption: &str) -> String {
    let rows = PANELS.len().div_ceil(2);
    let height = TOP + PANEL_HEIGHT * f64::from(u32::try_from(rows).unwrap_or(1)) + 16.0;
    let mut sheet = Sheet::new(
        height,
        "How it grows with the certificates (hollow: not measured, from the model)",
    );
    sheet.text(0.0, 36.0, "quiet", caption);
    for (index, panel) in PANELS.iter().enumerate() {
        let place = |it: usize| f64::from(u32::try_from(it).unwrap_or(0));
        let x = place(index % 2) * (PANEL_WIDTH + GAP);
        let y = TOP + place(index / 2) * PANEL_HEIGHT;
        one(&mut sheet, figures, panel, x, y);
    }
    sheet.finish()
}

fn one(sheet: &mut Sheet, figures: &Figures, panel: &Panel, x: f64, y: f64) {
    let lines: Vec<Vec<Point>> = panel.lines.iter().map(|of| figures.points(of)).collect();
    let points = || lines.iter().flatten();
    sheet.text(x, y + 14.0, "head", panel.title);
    if points().next().is_none() {
        return sheet.text(x, y + HEAD, "quiet", "not measured");
    }
    let (right, bottom) = (x + PANEL_WIDTH, y + PANEL_HEIGHT - FOOT);
    let sizes = figures.sizes();
    let sizes = sizes.iter().map(|(size, _)| float(*size));
    let across = Axis::over(sizes, x + LEFT, right - 16.0);
    let values = points().flat_map(|point| [point.lowest, point.highest]);
    let up = Axis::over(values, bottom, y + HEAD);
    for &mark in &up.marks {
        let height = up.place(mark);
        sheet.line(&[(x + LEFT, height), (right, height)], "axis line thin");
        sheet.text(
            x + LEFT - 6.0,
            height + 4.0,
            "end quiet small",
            &short(mark),
        );
    }
    for &mark in &across.marks {
        let place = across.place(mark);
        sheet.text(place, bottom + 16.0, "middle quiet small", &power(mark));
    }
    let mut legend = x;
    for (index, (of, points)) in panel.lines.iter().zip(&lines).enumerate() {
        let class = format!("s{index}");
        series(sheet, points, &across, &up, &class);
        sheet.line(
            &[(legend, y + 26.0), (legend + 12.0, y + 26.0)],
            &format!("line {class}"),
        );
        sheet.text(legend + 16.0, y + 30.0, "small", of.title);
        legend += 30.0 + 6.0 * float(of.title.chars().count() as u64);
    }
}

/// What was measured as a line with full marks, what was not as a broken one with hollow marks.
fn series(sheet: &mut Sheet, points: &[Point], across: &Axis, up: &Axis, class: &str) {
    let place = |point: &Point| {
        (
            across.place(float(point.certificates)),
            up.place(point.median),
        )
    };
    for pair in points.windows(2) {
        let broken = if pair[1].model { " broken" } else { "" };
        let ends = [place(&pair[0]), place(&pair[1])];
        sheet.line(&ends, &format!("line {class}{broken}"));
    }
    for point in points {
        let (x, y) = place(point);
        sheet.line(
            &[(x, up.place(point.lowest)), (x, up.place(point.highest))],
            &format!("line {class}"),
        );
        sheet.mark(x, y, class, point.model);
    }
}

/// A size in powers of ten, the exponent in raised digits.
fn power(size: f64) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let exponent = size.log10().floor();
    let raised = format!("{exponent:.0}");
    let raised = raised.chars().filter_map(|it| it.to_digit(10));
    let raised: String = raised.map(|it| digits[it as usize]).collect();
    let times = (size / 10f64.powf(exponent)).round();
    if times > 1.0 {
        format!("{times}·10{raised}")
    } else {
        format!("10{raised}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, power};

    #[test]
    fn an_axis_reaches_around_what_is_on_it() {
        let marks = |values: [f64; 2]| Axis::over(values.into_iter(), 0.0, 1.0).marks;
        assert_eq!(marks([11.0, 24.0]), [10.0, 20.0, 50.0]);
        assert_eq!(marks([1e5, 1e8]), [1e5, 1e6, 1e7, 1e8]);
        assert_eq!(marks([43.0, 43.0]), [20.0, 50.0]);
        assert_eq!([1e5, 2e6].map(power), ["10⁵", "2·10⁶"]);
    }
}
