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
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.axis{stroke:#3d444d}.spread{stroke:#e6edf3}\
.ours{fill:#4493f8}.s0{stroke:#4493f8}}";

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

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(7.0), "7");
        assert_eq!(grouped(123_456.4), "123,456");
        assert_eq!(grouped(1_000_000.0), "1,000,000");
    }
}
