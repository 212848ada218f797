//! A list for `POST /v1/bulk`, as an employer would have it: CSV with a column that nobody reads.
//!
//! Of ten rows nine are certificates of the population, withdrawn ones among them, and one has a
//! number that was never issued, so the counts of the answer are known.

use std::io::{self, BufWriter, Write};

use certificate::sample::Population;

/// Certificates of neighbouring rows lie this far apart, so that they are not neighbours in the
/// register; a prime.
const STRIDE: u64 = 7_368_787;

/// One row in so many has no match.
pub(crate) const MISS_EVERY: u64 = 10;

/// Writes `rows` rows of about `row_bytes` each.
pub(crate) fn write(
    population: &Population,
    rows: u64,
    row_bytes: usize,
    out: impl Write,
) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    out.write_all("序号,姓名,证书编号,证件号码,证件类型,备注\n".as_bytes())?;
    for row in 0..rows {
        let i = row * STRIDE % population.certificates();
        let number = match row % MISS_EVERY {
            0 => population.unknown_number(i),
            _ => population.number(i),
        };
        let line = format!(
            "{},{},{},{},{},",
            row + 1,
            population.name(i).expose(),
            number.as_str(),
            population.id_number(i).expose(),
            population.id_type(i).code(),
        );
        out.write_all(line.as_bytes())?;
        let room = row_bytes.saturating_sub(line.len() + 1);
        writeln!(
            out,
            "{}",
            "部门备注"
                .chars()
                .cycle()
                .take(room / 3)
                .collect::<String>()
        )?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_many_and_as_long_as_asked_for() {
        let mut bytes = Vec::new();
        write(&Population::new(1_000, 1), 25, 300, &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 26);
        assert!(
            lines[1..]
                .iter()
                .all(|line| (296..=300).contains(&line.len()))
        );
        let unknown = Population::new(1_000, 1).unknown_number(0);
        assert_eq!(lines[1].split(',').nth(2), Some(unknown.as_str()));
        assert_eq!(lines[25].split(',').next(), Some("25"));
    }
}
