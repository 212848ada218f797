//! How review centres spell a batch: headers of either language, dates of any accepted form, the
//! dots people type for `·`, and two encodings. Every spelling here is one that the contract
//! accepts.
//!
//! It does not know files; it makes cells and bytes.

use certificate::Date;
use certificate::record::{Change, Details};
use encoding_rs::GB18030;

/// How one batch is spelled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Style {
    columns: &'static [Column],
    chinese: bool,
    dates: Dates,
    encoding: Encoding,
}

/// A column of a batch: its own name, and a header that centres use.
type Column = (&'static str, &'static str);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Dates {
    /// `2020-03-09`
    Dashed,
    /// `2020/3/9`
    Slashed,
    /// `20200309`
    Plain,
    /// `2020年3月9日`
    Chinese,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Encoding {
    Utf8,
    /// As spreadsheets save it.
    Utf8WithMark,
    Gb18030,
}

/// Every column of an issue, in the order centres print them.
#[rustfmt::skip]
const ISSUE: [Column; 21] = [
    ("op", "操作"), ("certificate_number", "证书编号"), ("name", "姓名"), ("id_type", "证件类型"),
    ("id_number", "证件号码"), ("occupation_code", "职业编码"),
    ("occupation_name", "职业名称"), ("direction", "工种/职业方向"),
    ("level", "职业技能等级"), ("theory_score", "理论知识成绩"),
    ("skill_score", "操作技能成绩"), ("overall_score", "综合评审成绩"),
    ("plan_no", "计划编号"), ("assessed_on", "认定日期"), ("reported_on", "报送日期"),
    ("roll_verified_on", "学籍核验日期"), ("reviewed_by", "审核机构代码"),
    ("reviewed_on", "审核日期"), ("review_result", "审核结论"), ("issued_on", "发证日期"),
    ("reason", "原因"),
];

/// The same under other headers, without what is optional and never published.
#[rustfmt::skip]
const BRIEF_ISSUE: [Column; 16] = [
    ("certificate_number", "证书号码"), ("name", "姓名"), ("id_type", "证件类型"),
    ("id_number", "身份证号"), ("occupation_code", "职业代码"),
    ("occupation_name", "职业(工种)"), ("direction", "工种/职业方向"), ("level", "级别"),
    ("plan_no", "认定计划编号"),
    ("assessed_on", "认定日期"), ("reported_on", "报送日期"),
    ("roll_verified_on", "学籍核验日期"), ("reviewed_by", "审核机构代码"),
    ("reviewed_on", "审核日期"), ("review_result", "审核结论"), ("issued_on", "发证日期"),
];

#[rustfmt::skip]
const WITHDRAWAL: [Column; 6] = [
    ("op", "操作"), ("certificate_number", "证书编号"), ("reviewed_by", "审核机构代码"),
    ("reviewed_on", "审核日期"), ("review_result", "审核结论"), ("reason", "原因"),
];

impl Style {
    /// The batch of withdrawals.
    pub(super) const WITHDRAWALS: Self = Self {
        columns: &WITHDRAWAL,
        chinese: true,
        dates: Dates::Dashed,
        encoding: Encoding::Gb18030,
    };

    /// The four ways of issue batches, in turn.
    pub(super) const fn of_batch(batch: u64) -> Self {
        let (columns, chinese, dates, encoding): (&[Column], _, _, _) = match batch % 4 {
            0 => (&ISSUE, true, Dates::Dashed, Encoding::Utf8WithMark),
            1 => (&ISSUE, false, Dates::Plain, Encoding::Utf8),
            2 => (&ISSUE, true, Dates::Slashed, Encoding::Gb18030),
            _ => (&BRIEF_ISSUE, true, Dates::Chinese, Encoding::Utf8),
        };
        Self {
            columns,
            chinese,
            dates,
            encoding,
        }
    }

    /// The header row.
    pub(super) fn headers(self) -> [Vec<String>; 1] {
        let header = |&(name, chinese): &Column| if self.chinese { chinese } else { name };
        [self
            .columns
            .iter()
            .map(|column| header(column).to_owned())
            .collect()]
    }

    /// What stands before the header.
    pub(super) const fn mark(self) -> &'static [u8] {
        match self.encoding {
            Encoding::Utf8WithMark => b"\xEF\xBB\xBF",
            Encoding::Utf8 | Encoding::Gb18030 => b"",
        }
    }

    /// Rows as bytes of the file.
    pub(super) fn encode(self, rows: &[Vec<String>]) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::with_capacity(256 * rows.len()));
        for row in rows {
            writer
                .write_record(row)
                .expect("memory takes what is written, rows are equally long");
        }
        let bytes = writer.into_inner().expect("memory takes what is written");
        match self.encoding {
            Encoding::Utf8 | Encoding::Utf8WithMark => bytes,
            Encoding::Gb18030 => {
                let text = String::from_utf8(bytes).expect("made of strings");
                let (encoded, _, unmappable) = GB18030.encode(&text);
                assert!(
                    !unmappable,
                    "GB 18030 has every character outside the private-use areas"
                );
                encoded.into_owned()
            }
        }
    }

    fn day(self, day: Date) -> String {
        let (y, m, d) = (day.year(), day.month(), day.day());
        match self.dates {
            Dates::Dashed => day.to_string(),
            Dates::Slashed => format!("{y}/{m}/{d}"),
            Dates::Plain => format!("{y:04}{m:02}{d:02}"),
            Dates::Chinese => format!("{y}年{m}月{d}日"),
        }
    }

    fn approved(self) -> String {
        if self.chinese { "通过" } else { "approved" }.to_owned()
    }

    fn row(self, cell: impl Fn(&str) -> String) -> Vec<String> {
        self.columns.iter().map(|(name, _)| cell(name)).collect()
    }
}

/// The cells of an issue; `i` picks the spelling where people differ.
pub(super) fn issue(style: Style, i: u64, change: &Change) -> Vec<String> {
    let details = change.operation.details().expect("issues have details");
    style.row(|column| match column {
        "op" => if style.chinese { "发证" } else { "" }.to_owned(),
        "certificate_number" => change.number.as_str().to_owned(),
        "reviewed_by" => change.review.centre.clone(),
        "reviewed_on" => style.day(change.review.on),
        "review_result" => style.approved(),
        "name" => spelled_name(i, details.name.expose()),
        "id_type" if style.chinese => details.id_type.name().to_owned(),
        "id_type" => details.id_type.code(),
        // As people type it: the capital X is two keys away.
        "id_number" if i.is_multiple_of(3) => details.id_number.expose().to_ascii_lowercase(),
        "id_number" => details.id_number.expose().to_owned(),
        "level" if style.chinese => details.level.name(),
        "level" => details.level.code().to_string(),
        other => detail(style, details, other),
    })
}

/// The cells of an issue that have one spelling.
fn detail(style: Style, details: &Details, column: &str) -> String {
    let score = |index: usize| details.scores[index].map_or_else(String::new, |s| s.to_string());
    match column {
        "occupation_code" => details.occupation_code.to_string(),
        "occupation_name" => details.occupation_name.clone(),
        "direction" => details.direction.clone(),
        "theory_score" => score(0),
        "skill_score" => score(1),
        "overall_score" => score(2),
        "plan_no" => details.plan_no.clone(),
        "assessed_on" => style.day(details.assessed_on),
        "reported_on" => style.day(details.reported_on),
        "roll_verified_on" => style.day(details.roll_verified_on),
        "issued_on" => style.day(details.issued_on),
        _ => String::new(),
    }
}

/// The cells of a withdrawal.
pub(super) fn withdrawal(style: Style, change: &Change) -> Vec<String> {
    style.row(|column| match column {
        "op" => "撤销".to_owned(),
        "certificate_number" => change.number.as_str().to_owned(),
        "reviewed_by" => change.review.centre.clone(),
        "reviewed_on" => style.day(change.review.on),
        "review_result" => style.approved(),
        _ => change.reason.clone(),
    })
}

/// A name as it is typed: other dots for `·`, lower case in Latin names, and now and then a space
/// that makes a short name as wide as a long one.
fn spelled_name(i: u64, name: &str) -> String {
    const DOTS: [&str; 8] = ["·", "•", "・", "．", ".", "‧", " · ", "∙"];
    let dots = usize::try_from(i % DOTS.len() as u64).expect("below eight");
    let characters: Vec<char> = name.chars().collect();
    match characters[..] {
        [surname, given] if i.is_multiple_of(50) => format!("{surname}\u{3000}{given}"),
        _ if name.contains('·') => name.replace('·', DOTS[dots]),
        _ if i.is_multiple_of(2) => name.to_lowercase(),
        _ => name.to_owned(),
    }
}
