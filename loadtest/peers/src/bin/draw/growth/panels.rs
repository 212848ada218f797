//! The picture: a panel for each question, two beside each other.

use super::figures::{Figures, Point, float};
use super::{PANELS, Panel};
use crate::sheet::{Sheet, WIDTH, short};

const TOP: f64 = 56.0;
const GAP: f64 = 40.0;
const PANEL_WIDTH: f64 = (WIDTH - GAP) / 2.0;
const PANEL_HEIGHT: f64 = 216.0;
/// Of a panel, around what is drawn.
const LEFT: f64 = 52.0;
const HEAD: f64 = 44.0;
const FOOT: f64 = 30.0;

/// Where the powers of ten of an axis lie.
struct Axis {
    /// The exponents at its ends.
    from: f64,
    to: f64,
    begins: f64,
    ends: f64,
}

impl Axis {
    /// From the power of ten below all values to the one above.
    fn over(values: impl Iterator<Item = f64>, begins: f64, ends: f64) -> Self {
        let (mut from, mut to) = (f64::INFINITY, f64::NEG_INFINITY);
        for exponent in values.map(f64::log10) {
            from = from.min((exponent + 1e-9).floor());
            to = to.max((exponent - 1e-9).ceil());
        }
        let to = to.max(from + 1.0);
        Self {
            from,
            to,
            begins,
            ends,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value.log10() - self.from) / (self.to - self.from);
        self.begins + share * (self.ends - self.begins)
    }

    fn powers(&self) -> impl Iterator<Item = f64> {
        let (from, to) = (self.from, self.to);
        let exponents = std::iter::successors(Some(from), |exponent| Some(exponent + 1.0));
        let powers = exponents.take_while(move |exponent| *exponent <= to);
        powers.map(|exponent| 10f64.powf(exponent))
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
    // A logarithmic axis has no place for less.
    let points = || lines.iter().flatten().filter(|point| point.lowest > 0.0);
    sheet.text(x, y + 14.0, "head", panel.title);
    if points().next().is_none() {
        return sheet.text(x, y + HEAD, "quiet", "not measured");
    }
    let (right, bottom) = (x + PANEL_WIDTH, y + PANEL_HEIGHT - FOOT);
    let sizes = figures.sizes();
    let sizes = sizes.iter().map(|(size, _)| float(*size));
    let across = Axis::over(sizes, x + LEFT, right - 8.0);
    let values = points().flat_map(|point| [point.lowest, point.highest]);
    let up = Axis::over(values, bottom, y + HEAD);
    for power in up.powers() {
        let height = up.place(power);
        sheet.line(&[(x + LEFT, height), (right, height)], "axis line thin");
        sheet.text(
            x + LEFT - 6.0,
            height + 4.0,
            "end quiet small",
            &short(power),
        );
    }
    for power in across.powers() {
        let name = format!("10{}", exponent(power));
        sheet.text(
            across.place(power),
            bottom + 16.0,
            "middle quiet small",
            &name,
        );
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
    let points: Vec<&Point> = points.iter().filter(|it| it.lowest > 0.0).collect();
    for pair in points.windows(2) {
        let broken = if pair[1].model { " broken" } else { "" };
        let ends = [place(pair[0]), place(pair[1])];
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

/// Of a power of ten, in raised digits.
fn exponent(power: f64) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let exponent = format!("{:.0}", power.log10());
    let raised = exponent.chars().filter_map(|it| it.to_digit(10));
    raised.map(|it| digits[it as usize]).collect()
}
