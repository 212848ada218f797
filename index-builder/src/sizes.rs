//! How large a generation is, blob by blob, for people and machines.

use serde::Serialize;
use serde_json::{Value, json};
use snapshot::Manifest;

/// Bytes of the blobs of a generation, over its layers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Sizes {
    pub(crate) numbers: u64,
    pub(crate) holders: u64,
    pub(crate) rows: u64,
    pub(crate) texts: u64,
}

impl Sizes {
    /// The sizes that a manifest gives.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let mut sizes = Self {
            numbers: 0,
            holders: 0,
            rows: 0,
            texts: manifest.texts.bytes,
        };
        for layer in &manifest.layers {
            sizes.numbers += layer.numbers.bytes;
            sizes.holders += layer.holders.bytes;
            sizes.rows += layer.rows.bytes;
        }
        sizes
    }

    /// What a look-up reads: all but the texts, which do not grow with the register.
    pub(crate) fn look_up(self) -> u64 {
        self.numbers + self.holders + self.rows
    }

    /// Bytes a certificate, to the thousandth; null in an empty register.
    pub(crate) fn per_certificate(self, certificates: u64) -> Value {
        let share = |bytes| match certificates {
            0 => Value::Null,
            _ => json!((per(bytes, certificates) * 1000.0).round() / 1000.0),
        };
        json!({
            "numbers": share(self.numbers),
            "holders": share(self.holders),
            "rows": share(self.rows),
            "texts": share(self.texts),
            "look_up": share(self.look_up()),
        })
    }

    /// One line a blob.
    pub(crate) fn text(self, certificates: u64) -> String {
        let line = |(name, bytes): (&str, u64)| match certificates {
            0 => format!("  {name:<14} {:>15} bytes\n", grouped(bytes)),
            _ => format!(
                "  {name:<14} {:>15} bytes  {:>8.3} a certificate\n",
                grouped(bytes),
                per(bytes, certificates)
            ),
        };
        [
            ("numbers", self.numbers),
            ("holders", self.holders),
            ("rows", self.rows),
            ("look-up blobs", self.look_up()),
            ("texts", self.texts),
        ]
        .map(line)
        .concat()
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with three decimals")]
fn per(bytes: u64, certificates: u64) -> f64 {
    bytes as f64 / certificates as f64
}

/// A count with its digits in groups of three: `1,234,567`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes {
        numbers: 500,
        holders: 17_000,
        rows: 44_016,
        texts: 2_000_000,
    };

    #[test]
    fn shares_of_a_certificate() {
        let shares = SIZES.per_certificate(1000);
        assert_eq!(shares["numbers"], 0.5);
        assert_eq!(shares["look_up"], 61.516);
        assert_eq!(SIZES.per_certificate(0)["rows"], Value::Null);
        let text = SIZES.text(1000);
        assert!(text.contains("61.516 a certificate"), "{text}");
        assert!(!SIZES.text(0).contains("certificate"));
    }

    #[test]
    fn digits_in_groups() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(count), text);
        }
    }
}
