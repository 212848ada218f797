//! The certificates of one generation in the state that another one knows: what `point` makes.

use certificate::{CertificateNumber, LookupKey};
use snapshot::{LayerKind, PublishedLayer, Row, Status, Store, Texts};

use super::merge;
use super::survey::Survey;
use super::witness::Witnesses;
use super::writing::LayerWriter;
use super::{CompileError, Compiled, Means, Phases, Previous};
use crate::sort::Sorter;

/// Writes a base of the rows of `rows`, each with status, date, reason, revision and sequence of
/// the row that `states` has of the same number, where that one is newer. Certificates that only
/// `states` has are absent.
///
/// Cost: one pass over all rows with a look-up in `states` for each, about two microseconds.
///
/// # Errors
///
/// [`CompileError`]; [`CompileError::Lineage`] when the codes of the one do not stand for the same
/// texts in the other.
pub(crate) fn point(
    means: &Means,
    store: &Store,
    key: &LookupKey,
    rows: &Previous,
    states: &Previous,
) -> Result<Compiled, CompileError> {
    let mut phases = Phases::start();
    if !goes_on_from(&states.texts, &rows.texts) {
        return Err(CompileError::Lineage);
    }
    let fresh = rows.fresh.as_ref();
    let fresh_most = fresh.map_or(0, PublishedLayer::certificates);
    let by_holder = Sorter::new(&means.spool, means.holders_bytes(), fresh_most);
    let expected = rows.base.certificates() + fresh_most;
    let writer = LayerWriter::new(store, by_holder, expected)?;
    let mut survey = Survey::default();
    let newest = |number: &CertificateNumber, row: Row| {
        let row = in_state_of(row, states.row(number)?.as_ref());
        survey.count(number, &row, row.reviewed_on);
        Ok(row)
    };
    let written = merge::onto_base(&rows.base, merge::entries(fresh), writer, newest)?;
    phases.end("layer");

    let tally = survey.finish();
    let (counts, coverage) = (tally.counts, tally.coverage.clone());
    let texts = Texts {
        coverage: tally.coverage,
        statistics: tally.statistics,
        ..states.texts.clone()
    };
    let texts = texts.write(store)?;
    phases.end("texts");
    Ok(Compiled {
        layers: vec![written.layer(LayerKind::Base, key)],
        texts,
        counts,
        coverage,
        witnesses: Witnesses::none(),
        phases: phases.ended,
    })
}

/// Reads a layer that [`point`] wrote and says how many of its rows are valid although one of the
/// two has them withdrawn and the other does not have a later change. It must be none.
pub(crate) fn revived(
    layer: &PublishedLayer,
    (rows, states): (&Previous, &Previous),
) -> Result<u64, CompileError> {
    let mut revived = 0;
    for certificate in layer.rows() {
        let (number, row) = certificate?;
        let known = [rows.row(&number)?, states.row(&number)?];
        let last = known.iter().flatten().map(|known| known.revision).max();
        let withdrawn =
            |known: &Row| known.status == Status::Withdrawn && Some(known.revision) == last;
        let is_withdrawn = known.iter().flatten().any(withdrawn);
        revived += u64::from(is_withdrawn && row.status == Status::Valid);
    }
    Ok(revived)
}

/// The row in the state of the newer of the two. `newest` is the older one where a ledger was
/// replaced by a copy of itself that lacks its end; of two different changes of one number, the
/// withdrawal counts.
fn in_state_of(row: Row, newest: Option<&Row>) -> Row {
    let newer = |newest: &&Row| {
        let rank = |row: &Row| (row.revision, row.status == Status::Withdrawn);
        rank(newest) >= rank(&row)
    };
    match newest.filter(newer) {
        None => row,
        Some(newest) => Row {
            status: newest.status,
            status_on: newest.status_on,
            reason: newest.reason,
            revision: newest.revision,
            sequence: newest.sequence,
            ..row
        },
    }
}

/// Whether every code of the older tables stands for the same text in the newer ones.
fn goes_on_from(newer: &Texts, older: &Texts) -> bool {
    let centre = |texts: &Texts, index: usize| texts.centres.get(index).map(|it| it.code.clone());
    let coded = usize::from(older.coded_centres.unwrap_or(0));
    older.coded_centres.is_some()
        && newer.occupations.starts_with(&older.occupations)
        && newer.directions.starts_with(&older.directions)
        && newer.reasons.starts_with(&older.reasons)
        && (0..coded).all(|index| centre(newer, index) == centre(older, index))
}
