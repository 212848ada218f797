//! Remembers what texts were read as, for columns that say the same few things again and again.
//!
//! It only spares work: what a text means is decided by whoever reads it, once for each text that
//! is not remembered.

/// Texts that are remembered at once.
const SLOTS: usize = 256;

/// Texts and what they were read as. Each text has one slot and takes it from the one before, so
/// it never grows. Memory: some 10 KB from the first text on.
pub(crate) struct Known<'a, V> {
    slots: Vec<Option<(&'a str, V)>>,
}

impl<'a, V: Copy> Known<'a, V> {
    /// Nothing is remembered yet.
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// What a text is, as remembered or else as `read` says. Cost of what is remembered: about
    /// 5 ns.
    ///
    /// # Errors
    ///
    /// Those of `read`, which are not remembered.
    pub(crate) fn get<E>(
        &mut self,
        text: &'a str,
        read: impl FnOnce(&'a str) -> Result<V, E>,
    ) -> Result<V, E> {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        let slot = &mut self.slots[slot(text)];
        match *slot {
            Some((known, value)) if known == text => Ok(value),
            _ => {
                let value = read(text)?;
                *slot = Some((text, value));
                Ok(value)
            }
        }
    }
}

/// From the last eight bytes, in which days, scores, codes and names differ most.
fn slot(text: &str) -> usize {
    let bytes = text.as_bytes();
    let end = match bytes.last_chunk() {
        Some(end) => u64::from_le_bytes(*end),
        None => bytes
            .iter()
            .fold(bytes.len() as u64, |end, &byte| end << 8 | u64::from(byte)),
    };
    let [high, ..] = end.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    usize::from(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_read_as_itself_however_many_there_are() {
        let texts: Vec<String> = (0..4 * SLOTS).map(|i| format!("2020-{i}")).collect();
        let mut known = Known::new();
        for _ in 0..2 {
            for (text, i) in texts.iter().zip(0..) {
                let value = known.get(text, |text| text[5..].parse::<u32>());
                assert_eq!(value, Ok(i));
            }
        }
    }

    #[test]
    fn a_text_that_was_read_is_not_read_again_and_an_error_is() {
        let mut known = Known::new();
        assert_eq!(known.get("a", |_| Err(1)), Err::<u8, _>(1));
        assert_eq!(known.get("a", |_| Err(2)), Err(2));
        assert_eq!(known.get("a", |_| Ok::<_, u8>(3)), Ok(3));
        assert_eq!(known.get("a", |_| Ok::<_, u8>(4)), Ok(3));
    }
}
