//! The first pass over a list: whether it can be answered at all, and what that will cost.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use snapshot::Question;
use spreadsheet::row::CELLS_MOST;
use spreadsheet::{SpreadsheetError, column_letters};

use super::Refused;
use super::list::{Cells, Entry, List};
use super::order::Order;
use super::output::Form;
use super::turns::Turn;
use super::verdict::Fault;
use crate::question;
use crate::refusal::Refusal;

/// Texts of all cells of a list together. A workbook can repeat one for nothing; the answer cannot.
const LIST_BYTES_MOST: usize = 64 * 1024 * 1024;

/// Rows between two turns.
const ROWS_A_TURN: usize = 1024;

/// The longest text of a cell of a workbook, in UTF-16 units.
const WORKBOOK_CELL_MOST: usize = 32_767;

/// What the first pass found.
#[derive(Debug)]
pub(super) struct Plan {
    /// Rows of the list.
    pub(super) rows: usize,
    /// Fingerprints of the different questions that nobody has answered yet.
    unanswered: HashSet<Fingerprint, BuildHasherDefault<AsItIs>>,
    hasher: RandomState,
}

/// A question as 64 bits under a key of its list. Two questions that share one would be charged as
/// one; both are answered all the same.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Fingerprint(u64);

/// Hashes a fingerprint, which is a hash under a key already, to itself.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("a fingerprint is written as 64 bits");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Ends the first pass.
enum Stop {
    Refused(Refused),
    Unreadable(SpreadsheetError),
}

impl From<SpreadsheetError> for Stop {
    fn from(error: SpreadsheetError) -> Self {
        Self::Unreadable(error)
    }
}

impl Plan {
    /// Of no rows yet.
    fn new() -> Self {
        Self {
            rows: 0,
            unanswered: HashSet::default(),
            hasher: RandomState::new(),
        }
    }

    /// That of a list of these questions.
    #[cfg(test)]
    pub(super) fn of<'q>(questions: impl IntoIterator<Item = &'q Question>) -> Self {
        let mut plan = Self::new();
        questions.into_iter().for_each(|it| plan.note_asked(it));
        plan
    }

    fn note_asked(&mut self, question: &Question) {
        let fingerprint = self.fingerprint(question);
        self.unanswered.insert(fingerprint);
    }

    /// Reads the list of an order, and lets other jobs compute in between, as long as somebody
    /// still wants it.
    ///
    /// # Errors
    ///
    /// What is wrong with the list as a whole: too many rows, bytes that cannot be read, or a cell
    /// that its answer could not give back as it is.
    pub(super) fn make(
        list: &mut List,
        order: &Order,
        turn: &mut Turn,
        is_wanted: impl Fn() -> bool,
    ) -> Result<Self, Refused> {
        if let Some(head) = list.head_cells() {
            check_cells(head, || "表头".to_owned(), order.form)?;
        }
        let mut plan = Self::new();
        let (mut width, mut bytes) = (list.width, 0);
        let read = list.each(|entry| {
            plan.rows += 1;
            if plan.rows > order.rows_most {
                let limit_rows = order.rows_most;
                return Err(Stop::Refused(Refusal::TooManyRows { limit_rows }.into()));
            }
            width = width.max(entry.cells.used());
            bytes += entry.cells.bytes();
            if bytes > LIST_BYTES_MOST {
                return Err(Stop::Refused(Refusal::FileTooLarge.into()));
            }
            let row = || format!("第{}条数据", plan.rows);
            check_cells(entry.cells, row, order.form).map_err(Stop::Refused)?;
            if let Ok(question) = ask(&entry, order.holder_search) {
                plan.note_asked(&question);
            }
            if plan.rows.is_multiple_of(ROWS_A_TURN) {
                let is_late = turn.pass().is_err();
                if is_late || !is_wanted() {
                    return Err(Stop::Refused(Refusal::Overloaded.into()));
                }
            }
            Ok(())
        });
        list.width = width;
        match read {
            Ok(()) => Ok(plan),
            Err(Stop::Refused(refused)) => Err(refused),
            Err(Stop::Unreadable(error)) => Err(error.into()),
        }
    }

    /// How many different questions there are.
    pub(super) fn questions(&self) -> usize {
        self.unanswered.len()
    }

    /// Whether a question has not been answered yet.
    pub(super) fn is_new(&self, question: Fingerprint) -> bool {
        self.unanswered.contains(&question)
    }

    /// From now on it has been answered.
    pub(super) fn note_answered(&mut self, question: Fingerprint) {
        self.unanswered.remove(&question);
    }

    /// What a question is known by here.
    pub(super) fn fingerprint(&self, question: &Question) -> Fingerprint {
        Fingerprint(self.hasher.hash_one(question))
    }
}

/// The question of an entry.
pub(super) fn ask(entry: &Entry<'_>, holder_search: bool) -> Result<Question, Fault> {
    question::parse(&entry.asked?, holder_search).map_err(Fault::Refused)
}

/// Refuses what could not be given back without loss.
fn check_cells(cells: Cells<'_>, row: impl Fn() -> String, form: Form) -> Result<(), Refused> {
    let refuse = |place: usize, refusal, why: &str| {
        let column = column_letters(place);
        let detail = format!("{}{column}列{why}", row());
        Err(Refused::because(refusal, detail))
    };
    if let Some(place) = cells.oversize() {
        return refuse(
            place,
            Refusal::FileTooLarge,
            "的单元格超过64KiB，请删去后重试",
        );
    }
    let used = cells.used();
    if used > CELLS_MOST {
        return refuse(
            CELLS_MOST,
            Refusal::FileTooLarge,
            "起的内容过多，一行最多1024列",
        );
    }
    match form {
        Form::Ndjson | Form::CsvUtf8 | Form::CsvAsIs => {}
        Form::Xlsx => {
            let is_long = |text: &str| {
                text.len() > WORKBOOK_CELL_MOST && text.encode_utf16().count() > WORKBOOK_CELL_MOST
            };
            if let Some(place) = (0..used).find(|&at| is_long(cells.text(at))) {
                let why = "的单元格超过32767个字符，放不进工作簿；请改要CSV";
                return refuse(place, Refusal::FileTooLarge, why);
            }
        }
        Form::CsvGb18030 => {
            let is_lost = |text: &str| encoding_rs::GB18030.encode(text).2;
            if let Some(place) = (0..used).find(|&at| is_lost(cells.text(at))) {
                let why = "有GB18030写不出的字符；请改要UTF-8的CSV";
                return refuse(place, Refusal::Encoding, why);
            }
        }
    }
    Ok(())
}
