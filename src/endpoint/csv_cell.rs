//! What the CSV answers share: the mark that spreadsheets need, and cells that are no formulas.

use std::borrow::Cow;

/// What spreadsheets need to take a file for UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Puts an apostrophe before what a spreadsheet would take for a formula.
pub(super) fn neutralise(cell: &mut Cow<'_, str>) {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        cell.to_mut().insert(0, '\'');
    }
}
