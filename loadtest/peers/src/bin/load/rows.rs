//! The rows by which the certificates were issued, as one CSV: what PostgreSQL copies where our
//! builder accepts and publishes.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use certificate::sample::Population;

use crate::register::Trouble;

/// Writes a line for each certificate of the population, in the order of delivery, without a
/// head. No cell of the sample has a comma or a quote.
pub(crate) fn write(population: &Population, path: &Path) -> Result<(), Trouble> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for i in 0..population.certificates() {
        let change = population.change(i);
        let details = change.operation.details().ok_or("the sample only issues")?;
        write!(
            file,
            "{},{},{},{},{},{},{},{}",
            change.number.as_str(),
            details.name.expose(),
            details.id_type.code(),
            details.id_number.expose(),
            details.occupation_code,
            details.occupation_name,
            details.direction,
            details.level.code(),
        )?;
        for score in details.scores {
            let score = score.map_or_else(String::new, |score| score.to_string());
            write!(file, ",{score}")?;
        }
        writeln!(
            file,
            ",{},{},{},{},{},{},{}",
            details.plan_no,
            details.assessed_on,
            details.reported_on,
            details.roll_verified_on,
            change.review.centre,
            change.review.on,
            details.issued_on,
        )?;
    }
    Ok(file.flush()?)
}
