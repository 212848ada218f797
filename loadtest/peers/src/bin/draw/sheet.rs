//! A sheet to draw on: the elements of an SVG, with its colours in one place.

use std::fmt::Write as _;

/// Width of every picture.
pub(crate) const WIDTH: f64 = 760.0;

/// Classes `s0`, `s1`, … are the colours of series; told apart also by those who see few colours.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:15px}\
.quiet{fill:#59636e}.line{fill:none;stroke-width:2}.axis{stroke:#d1d9e0}.spread{stroke:#24292f;stroke-width:1.5}\
.ours{fill:#0969da}.other{fill:#8c959f}.end{text-anchor:end}.middle{text-anchor:middle}\
.s0{stroke:#0969da}.s1{stroke:#6e7781}.s2{stroke:#bc4c00}.s3{stroke:#1a7f37}.s4{stroke:#8250df}.s5{stroke:#bf3989}\
.s6{stroke:#9a6700}.s7{stroke:#1b7c83}\
.head{font-weight:600}.small{font-size:11px}.thin{stroke-width:1}.broken{stroke-dasharray:4 3}\
.full{stroke-width:4}.hollow{stroke-width:1.5;fill:#fff}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.axis{stroke:#3d444d}.spread{stroke:#e6edf3}\
.ours{fill:#4493f8}.s0{stroke:#4493f8}.hollow{fill:#0d1117}}";

/// A picture under construction.
pub(crate) struct Sheet(String);

impl Sheet {
    /// An empty one of this height.
    pub(crate) fn new(height: f64, title: &str) -> Self {
        let mut sheet = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"{title}\">\n<style>{STYLE}</style>\n"
        ));
        sheet.text(0.0, 18.0, "title", title);
        sheet
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{text}</text>"
        );
    }

    pub(crate) fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" \
             class=\"{class}\"/>"
        );
    }

    /// Through these points.
    pub(crate) fn line(&mut self, points: &[(f64, f64)], class: &str) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        let _ = writeln!(self.0, "<polyline points=\"{points}\" class=\"{class}\"/>");
    }

    /// A point of a series; hollow when nobody has measured it.
    pub(crate) fn mark(&mut self, x: f64, y: f64, class: &str, hollow: bool) {
        let (radius, kind) = if hollow {
            (3.5, "hollow")
        } else {
            (2.0, "full")
        };
        let _ = writeln!(
            self.0,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" class=\"{class} {kind}\"/>"
        );
    }

    /// The picture.
    pub(crate) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// A number with commas.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with three digits that count, or all that are before the point.
pub(crate) fn short(number: f64) -> String {
    match number {
        _ if number >= 99.95 => grouped(number),
        _ if number >= 9.995 => trimmed(format!("{number:.1}")),
        _ if number >= 0.9995 => trimmed(format!("{number:.2}")),
        _ if number >= 0.0995 => trimmed(format!("{number:.3}")),
        _ => trimmed(format!("{number:.4}")),
    }
}

/// Without zeros that say nothing.
fn trimmed(text: String) -> String {
    let text = text.trim_end_matches('0');
    text.strip_suffix('.').unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{grouped, short};

    #[test]
    fn three_digits_count() {
        let numbers = [0.012, 0.1, 0.34567, 1.0, 4.3219, 43.04, 99.97, 1234.5];
        let texts = ["0.012", "0.1", "0.346", "1", "4.32", "43", "100", "1,234"];
        assert_eq!(numbers.map(short), texts);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(7.0), "7");
        assert_eq!(grouped(123_456.4), "123,456");
        assert_eq!(grouped(1_000_000.0), "1,000,000");
    }
}
