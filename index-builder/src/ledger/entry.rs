//! One row of the ledger: an admitted change as a line of tab-separated, normalised values.
//!
//! A line stands alone: its sequence and revision are in it, so lines can be parsed on any
//! thread. Values hold no control character, so nothing needs quoting.

use std::borrow::Cow;

use certificate::record::{Change, OperationKind, Score};
use certificate::{
    CertificateNumber, Date, HolderName, IdentityNumber, IdentityType, Level, OccupationCode,
};

use super::line::Lines;
use super::standing::Step;

/// What the values of a line are, in order. A withdrawal or a restoration ends after `reason`.
pub(crate) const COLUMNS: [&str; 22] = [
    "sequence",
    "revision",
    "op",
    "certificate_number",
    "reviewed_by",
    "reviewed_on",
    "reason",
    "name",
    "id_type",
    "id_number",
    "occupation_code",
    "occupation_name",
    "direction",
    "level",
    "theory_score",
    "skill_score",
    "overall_score",
    "plan_no",
    "assessed_on",
    "reported_on",
    "roll_verified_on",
    "issued_on",
];

/// How many of them a withdrawal or a restoration has.
const SHORT_COLUMNS: usize = 7;

/// Room for the values of nearly every line.
const VALUES_BYTES: usize = 320;

/// One admitted row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    /// Position in the ledger, from 1, dense.
    pub(crate) sequence: u64,
    /// How many operations its certificate has seen, this one included.
    pub(crate) revision: u16,
    /// What it does.
    pub(crate) change: Change,
}

impl Entry {
    /// Reads a line, without its line break.
    ///
    /// # Errors
    ///
    /// What is wrong with the line, for an error that names file and offset.
    pub(crate) fn parse(line: &str) -> Result<Self, &'static str> {
        Lines::new().read(line).map(Self::from)
    }
}

/// What is to be written of a change, its texts where they lie.
pub(crate) struct Draft<'a> {
    pub(crate) number: CertificateNumber,
    pub(crate) kind: OperationKind,
    pub(crate) centre: &'a str,
    pub(crate) reviewed_on: Date,
    pub(crate) reason: &'a str,
    /// Of an issue or a correction.
    pub(crate) details: Option<DraftDetails<'a>>,
}

/// As [`Details`](certificate::record::Details).
pub(crate) struct DraftDetails<'a> {
    pub(crate) name: HolderName,
    pub(crate) id_type: IdentityType,
    pub(crate) id_number: IdentityNumber,
    pub(crate) occupation_code: OccupationCode,
    pub(crate) occupation_name: &'a str,
    pub(crate) direction: Cow<'a, str>,
    pub(crate) level: Level,
    pub(crate) scores: [Option<Score>; 3],
    pub(crate) plan_no: &'a str,
    pub(crate) assessed_on: Date,
    pub(crate) reported_on: Date,
    pub(crate) roll_verified_on: Date,
    pub(crate) issued_on: Date,
}

/// A change as it will stand in the ledger, but for the two values that its place decides.
pub(crate) struct Rendered {
    pub(super) number: CertificateNumber,
    pub(super) step: Step,
    /// What stands behind sequence and revision, with the tab before it and the line break.
    values: Vec<u8>,
}

impl From<&Draft<'_>> for Rendered {
    /// # Panics
    ///
    /// When a text holds a control character. The gate refuses those; written, they would shift
    /// the values behind them for ever.
    fn from(draft: &Draft<'_>) -> Self {
        let mut values = Vec::with_capacity(VALUES_BYTES);
        push(&mut values, draft.kind.code());
        push(&mut values, draft.number.as_str());
        push(&mut values, draft.centre);
        push_day(&mut values, draft.reviewed_on);
        push(&mut values, draft.reason);
        if let Some(details) = &draft.details {
            render_details(&mut values, details);
        }
        values.push(b'\n');
        let separators = match draft.details {
            Some(_) => COLUMNS.len() - 1,
            None => SHORT_COLUMNS - 1,
        };
        assert!(
            count_controls(&values) == separators,
            "a control character passed the gate"
        );
        Self {
            number: draft.number,
            step: Step {
                kind: draft.kind,
                issued_on: draft.details.as_ref().map(|details| details.issued_on),
            },
            values,
        }
    }
}

impl Rendered {
    /// Appends the line, its line break included.
    pub(super) fn write(&self, line: &mut Vec<u8>, sequence: u64, revision: u16) {
        push_number(line, sequence);
        line.push(b'\t');
        push_number(line, revision.into());
        line.extend_from_slice(&self.values);
    }

    /// About how long its line is.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}

fn render_details(line: &mut Vec<u8>, details: &DraftDetails<'_>) {
    push(line, details.name.expose());
    let [tens, ones] = details.id_type.digits();
    line.extend_from_slice(&[b'\t', tens, ones]);
    push(line, details.id_number.expose());
    let [a, b, c, d, e, f, g] = *details.occupation_code.digits();
    line.extend_from_slice(&[b'\t', a, b'-', b, c, b'-', d, e, b'-', f, g]);
    push(line, details.occupation_name);
    push(line, &details.direction);
    push(line, details.level.code().encode_utf8(&mut [0; 4]));
    for score in details.scores {
        line.push(b'\t');
        if let Some(score) = score {
            push_score(line, score);
        }
    }
    push(line, details.plan_no);
    for day in [
        details.assessed_on,
        details.reported_on,
        details.roll_verified_on,
        details.issued_on,
    ] {
        push_day(line, day);
    }
}

/// A score as it prints, without needless decimals.
fn push_score(line: &mut Vec<u8>, score: Score) {
    let hundredths = score.hundredths();
    push_number(line, u64::from(hundredths / 100));
    let [tenth, hundredth] = two_digits(hundredths % 100);
    match (tenth, hundredth) {
        (b'0', b'0') => {}
        (_, b'0') => line.extend_from_slice(&[b'.', tenth]),
        _ => line.extend_from_slice(&[b'.', tenth, hundredth]),
    }
}

/// A day as `YYYY-MM-DD`; the gate admits no year before 1970.
fn push_day(line: &mut Vec<u8>, day: Date) {
    let year = day.year().unsigned_abs();
    let [a, b] = two_digits(year / 100);
    let [c, d] = two_digits(year % 100);
    let [e, f] = two_digits(day.month().unsigned_abs().into());
    let [g, h] = two_digits(day.day().unsigned_abs().into());
    line.extend_from_slice(&[b'\t', a, b, c, d, b'-', e, f, b'-', g, h]);
}

/// The digits of a number below 100.
fn two_digits(number: u16) -> [u8; 2] {
    [number / 10, number % 10].map(|digit| b'0' + u8::try_from(digit).expect("below 10"))
}

/// A number as it prints; `write!` costs more than all the rest of a line.
fn push_number(line: &mut Vec<u8>, mut number: u64) {
    // The largest has twenty digits.
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + u8::try_from(number % 10).expect("below 10");
        number /= 10;
        if number == 0 {
            return line.extend_from_slice(&digits[first..]);
        }
    }
}

fn push(line: &mut Vec<u8>, text: &str) {
    line.push(b'\t');
    line.extend_from_slice(text.as_bytes());
}

/// Control characters in a text: below a space, U+007F, and U+0080 to U+009F.
fn count_controls(text: &[u8]) -> usize {
    // Few enough at once for a byte, so that many are counted by one instruction.
    let suspicious = text.chunks(128).map(|few| {
        let few = few.iter();
        few.map(|&byte| u8::from(byte < b' ' || byte == 0x7F || byte == 0xC2))
            .sum::<u8>()
    });
    let suspicious = suspicious.map(usize::from).sum();
    if suspicious == 0 || !text.contains(&0xC2) {
        return suspicious;
    }
    let text = String::from_utf8_lossy(text);
    text.chars().filter(|c| c.is_control()).count()
}

#[cfg(test)]
pub(super) mod tests {
    use certificate::record::{Details, Operation, Review};

    use super::*;

    impl From<&Change> for Rendered {
        fn from(change: &Change) -> Self {
            Self::from(&Draft {
                number: change.number,
                kind: change.operation.kind(),
                centre: &change.review.centre,
                reviewed_on: change.review.on,
                reason: &change.reason,
                details: change.operation.details().map(DraftDetails::from),
            })
        }
    }

    impl<'a> From<&'a Details> for DraftDetails<'a> {
        fn from(details: &'a Details) -> Self {
            Self {
                name: details.name.clone(),
                id_type: details.id_type,
                id_number: details.id_number.clone(),
                occupation_code: details.occupation_code,
                occupation_name: &details.occupation_name,
                direction: Cow::Borrowed(&details.direction),
                level: details.level,
                scores: details.scores,
                plan_no: &details.plan_no,
                assessed_on: details.assessed_on,
                reported_on: details.reported_on,
                roll_verified_on: details.roll_verified_on,
                issued_on: details.issued_on,
            }
        }
    }

    /// The issue of certificate `serial` to the person of the standard's example.
    pub(crate) fn issue(serial: u32) -> Change {
        let day = |day| Date::constant(2020, 11, day);
        Change {
            number: CertificateNumber::parse(&format!("J000044000001203{serial:06}")).unwrap(),
            operation: Operation::Issue(Box::new(Details {
                name: HolderName::parse("买买提·艾力").unwrap(),
                id_type: IdentityType::RESIDENT,
                id_number: IdentityNumber::parse(IdentityType::RESIDENT, "11010519491231002X")
                    .unwrap(),
                occupation_code: OccupationCode::parse("4-04-05-05").unwrap(),
                occupation_name: "人工智能训练师".to_owned(),
                direction: String::new(),
                level: Level::from_code('3').unwrap(),
                scores: [Score::parse("88.5"), None, Score::parse("60")],
                plan_no: "GD-2020-001".to_owned(),
                assessed_on: day(2),
                reported_on: day(9),
                roll_verified_on: day(10),
                issued_on: day(30),
            })),
            review: Review {
                centre: "440000".to_owned(),
                on: day(20),
            },
            reason: String::new(),
        }
    }

    /// The withdrawal of certificate `serial`.
    pub(crate) fn withdrawal(serial: u32) -> Change {
        Change {
            operation: Operation::Withdraw,
            reason: "成绩复核不合格".to_owned(),
            ..issue(serial)
        }
    }

    fn line(change: &Change) -> String {
        let mut line = Vec::new();
        Rendered::from(change).write(&mut line, 41, 2);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_is_what_the_columns_say() {
        let line = line(&issue(123));
        assert_eq!(
            line,
            "41\t2\tissue\tJ000044000001203000123\t440000\t2020-11-20\t\t买买提·艾力\t01\t\
             11010519491231002X\t4-04-05-05\t人工智能训练师\t\t3\t88.5\t\t60\tGD-2020-001\t\
             2020-11-02\t2020-11-09\t2020-11-10\t2020-11-30\n"
        );
        assert_eq!(line.split('\t').count(), COLUMNS.len());
    }

    #[test]
    fn numbers_days_and_scores_as_they_print() {
        let pushed = |push: &dyn Fn(&mut Vec<u8>)| {
            let mut line = Vec::new();
            push(&mut line);
            String::from_utf8(line).unwrap()
        };
        for number in [0, 9, 10, 1_234_567, u64::MAX] {
            assert_eq!(
                pushed(&|line| push_number(line, number)),
                number.to_string()
            );
        }
        for day in [Date::constant(1970, 1, 1), Date::constant(2149, 12, 31)] {
            assert_eq!(pushed(&|line| push_day(line, day)), format!("\t{day}"));
        }
        for text in ["0", "7", "100", "59.5", "59.05", "59.50", "0.01"] {
            let score = Score::parse(text).unwrap();
            assert_eq!(pushed(&|line| push_score(line, score)), score.to_string());
        }
    }

    #[test]
    fn parse_inverts_render() {
        for change in [issue(1), withdrawal(1)] {
            let line = line(&change);
            let entry = Entry::parse(line.trim_end_matches('\n')).unwrap();
            assert_eq!((entry.sequence, entry.revision), (41, 2));
            assert_eq!(entry.change, change);
        }
    }

    #[test]
    fn a_damaged_line_is_an_error() {
        let line = line(&issue(1));
        let line = line.trim_end();
        let cells: Vec<&str> = line.split('\t').collect();
        for (broken, problem) in [
            (cells[..21].join("\t"), "row has too few values"),
            (format!("{line}\tmore"), "row has too many values"),
            (line.replacen("issue", "isue", 1), "op is unknown"),
            (
                line.replacen("2020-11-02", "2020-11-32", 1),
                "date is malformed",
            ),
            (
                line.replacen("1002X", "10021", 1),
                "identity number is malformed",
            ),
            (String::new(), "sequence is no number"),
        ] {
            assert_eq!(Entry::parse(&broken), Err(problem));
        }
    }

    #[test]
    fn every_control_character_is_seen() {
        for c in (0..=0x10_FFFF).filter_map(char::from_u32) {
            let text = format!("a\t{c}\u{A9}b");
            assert_eq!(
                count_controls(text.as_bytes()),
                1 + usize::from(c.is_control()),
                "{c:?}"
            );
        }
    }

    #[test]
    #[should_panic(expected = "a control character passed the gate")]
    fn a_tab_is_never_written() {
        line(&Change {
            reason: "a\tb".to_owned(),
            ..withdrawal(1)
        });
    }
}
