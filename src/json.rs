//! JSON text written by hand, because it is the hot path; a property test holds its escaping to
//! serde_json.
//!
//! It checks nothing of the structure: who writes a key writes its value.

use std::fmt::Write as _;

use certificate::Date;

/// JSON text under construction.
#[derive(Debug)]
pub struct Json(String);

impl Json {
    /// An empty text with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// A text that goes on behind another.
    pub fn after(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.0
    }

    /// What is JSON already.
    pub fn raw(&mut self, json: &str) {
        self.0.push_str(json);
    }

    /// A further field of an object whose value is a text.
    pub fn field(&mut self, key: &str, value: &str) {
        self.raw(",\"");
        self.raw(key);
        self.raw("\":");
        self.text(value);
    }

    /// A string, escaped as serde_json escapes it: quotation marks, backslashes and controls.
    pub fn text(&mut self, text: &str) {
        self.0.push('"');
        // All bytes are looked at, with no way out in the middle, so that the compiler takes many
        // at once.
        let mut odd = false;
        for byte in text.bytes() {
            odd |= byte < 0x20 || byte == b'"' || byte == b'\\';
        }
        if odd {
            self.escaped(text);
        } else {
            self.0.push_str(text);
        }
        self.0.push('"');
    }

    /// A string of a few characters.
    pub fn characters<const N: usize>(&mut self, characters: [char; N]) {
        let mut text = String::new();
        let odd = |c: &char| *c < ' ' || matches!(c, '"' | '\\');
        if characters.iter().any(odd) {
            text.extend(characters);
            return self.text(&text);
        }
        self.0.push('"');
        self.0.extend(characters);
        self.0.push('"');
    }

    fn escaped(&mut self, text: &str) {
        let mut plain = 0;
        for (index, byte) in text.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                0x08 => "\\b",
                b'\t' => "\\t",
                b'\n' => "\\n",
                0x0C => "\\f",
                b'\r' => "\\r",
                0..0x20 => "",
                _ => continue,
            };
            self.raw(&text[plain..index]);
            plain = index + 1;
            if escape.is_empty() {
                self.display(format_args!("\\u{byte:04x}"));
            } else {
                self.raw(escape);
            }
        }
        self.raw(&text[plain..]);
    }

    /// A day as a string, `"2026-11-24"`.
    pub fn date(&mut self, date: Date) {
        let (Ok(year), month, day) = (
            u16::try_from(date.year()),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        ) else {
            return self.display(format_args!("\"{date}\""));
        };
        let digit = |number: u16| b"0123456789"[usize::from(number % 10)];
        let (month, day) = (u16::from(month), u16::from(day));
        let bytes = [
            b'"',
            digit(year / 1000),
            digit(year / 100),
            digit(year / 10),
            digit(year),
            b'-',
            digit(month / 10),
            digit(month),
            b'-',
            digit(day / 10),
            digit(day),
            b'"',
        ];
        self.0
            .push_str(std::str::from_utf8(&bytes).expect("digits are ASCII"));
    }

    /// A number.
    pub fn number(&mut self, number: impl Into<u64>) {
        self.raw(itoa::Buffer::new().format(number.into()));
    }

    /// A value that may be null.
    pub fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.raw("null"),
        }
    }

    /// Something that formats as JSON.
    pub fn display(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.0
            .write_fmt(arguments)
            .expect("writing to a String does not fail");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::with_capacity(0);
        write(&mut json);
        json.into_text()
    }

    proptest! {
        #[test]
        fn strings_are_those_of_serde_json(text in any::<String>()) {
            let json = written(|json| json.text(&text));
            prop_assert_eq!(json, serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn characters_are_those_of_serde_json(a in any::<char>(), b in any::<char>()) {
            let text = String::from_iter([a, b]);
            let json = written(|json| json.characters([a, b]));
            prop_assert_eq!(json, serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn days_and_numbers_are_those_of_their_libraries(days in 0..65_535_i32, number in any::<u64>()) {
            let date = Date::constant(1970, 1, 1) + jiff::Span::new().days(days);
            let json = written(|json| json.date(date));
            prop_assert_eq!(json, format!("\"{date}\""));
            let json = written(|json| json.number(number));
            prop_assert_eq!(json, serde_json::to_string(&number).unwrap());
        }
    }

    #[test]
    fn every_control_character_is_escaped_as_serde_json_does() {
        let text: String = (0..0x80)
            .map(char::from)
            .chain(['张', '·', '\u{20087}'])
            .collect();
        let json = written(|json| json.text(&text));
        assert_eq!(json, serde_json::to_string(&text).unwrap());
        for c in text.chars() {
            let json = written(|json| json.characters([c]));
            assert_eq!(json, serde_json::to_string(&c).unwrap());
        }
    }
}
