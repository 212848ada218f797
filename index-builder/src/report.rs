//! What is told about a batch: the report of CONTRACT 1.2, as JSON and as a summary for people.
//!
//! Nothing personal is in it: findings name rows, fields and rules, never contents.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use snapshot::Digest;

use crate::failure::Exit;
use crate::gate::{Finding, Findings};

/// The report about one file.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    /// The file's name, as it was given.
    file: String,
    /// Its digest; none when it could not be read.
    sha256: Option<Digest>,
    /// Rows judged, blank ones not counted.
    pub(crate) rows: u64,
    /// Rows that may enter, or have entered, the ledger.
    pub(crate) admitted: u64,
    rejections: Vec<Remark>,
    warnings: Vec<Remark>,
    notices: Vec<String>,
}

/// A rejection or a warning.
#[derive(Debug, Deserialize, Serialize)]
struct Remark {
    /// As a spreadsheet counts; none when it is about the whole file.
    row: Option<u64>,
    field: Option<Cow<'static, str>>,
    code: Cow<'static, str>,
    message: String,
}

/// A finished report, in both forms.
pub(crate) struct Told {
    pub(crate) report: Report,
    /// The same as JSON; for a file that was accepted before, exactly what was told then.
    pub(crate) json: Box<RawValue>,
    /// When the same file was accepted, if this is not the first time.
    pub(crate) accepted_before: Option<String>,
    pub(crate) exit: Exit,
}

impl Report {
    /// A report about a file, with nothing in it yet.
    pub(crate) fn new(file: String, sha256: Option<Digest>) -> Self {
        Self {
            file,
            sha256,
            rows: 0,
            admitted: 0,
            rejections: Vec::new(),
            warnings: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Adds what was found in one row.
    pub(crate) fn add_row(&mut self, row: u64, findings: Findings) {
        self.rows += 1;
        self.admitted += u64::from(findings.rejections.is_empty());
        let remark = |finding: Finding| Remark {
            row: Some(row),
            field: Some(Cow::Owned(finding.place.name().to_owned())),
            code: Cow::Borrowed(finding.code.name()),
            message: finding.message,
        };
        self.rejections
            .extend(findings.rejections.into_iter().map(remark));
        self.warnings
            .extend(findings.warnings.into_iter().map(remark));
    }

    /// Adds something a person should know about the file.
    pub(crate) fn notice(&mut self, notice: String) {
        self.notices.push(notice);
    }

    /// Says instead that the whole file is refused; what was found in its rows is void.
    pub(crate) fn refuse(&mut self, code: &'static str, field: Option<String>, message: String) {
        (self.rows, self.admitted) = (0, 0);
        self.warnings.clear();
        self.rejections = vec![Remark {
            row: None,
            field: field.map(Cow::Owned),
            code: Cow::Borrowed(code),
            message,
        }];
    }

    /// Why the whole file is refused, if it is.
    pub(crate) fn refusal(&self) -> Option<&str> {
        let whole = self.rejections.iter().find(|remark| remark.row.is_none());
        whole.map(|remark| remark.message.as_str())
    }

    /// What the file's name is.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// The exit code of this file.
    pub(crate) fn exit(&self) -> Exit {
        match (self.refusal(), self.rejections.is_empty()) {
            (Some(_), _) => Exit::Input,
            (None, false) => Exit::Rejected,
            (None, true) => Exit::Done,
        }
    }
}

impl Told {
    /// A report that is complete.
    pub(crate) fn first(report: Report) -> Self {
        Self {
            json: to_raw_value(&report).expect("a report is a plain struct"),
            exit: report.exit(),
            accepted_before: None,
            report,
        }
    }
}

/// The reports as JSON: an object when one file was asked about, an array when several were.
pub(crate) fn json(told: &[Told], asked: usize) -> String {
    let objects: Vec<&str> = told.iter().map(|told| told.json.get()).collect();
    let objects = objects.join(",\n");
    if asked == 1 {
        format!("{objects}\n")
    } else {
        format!("[{objects}]\n")
    }
}

/// The reports for a person: counts by code, with the first row of each.
pub(crate) fn summary(told: &[Told], verb: &str) -> String {
    let mut text = String::new();
    for told in told {
        let report = &told.report;
        if let Some(when) = &told.accepted_before {
            let _ = writeln!(
                text,
                "{}：已于{when}收入台账，以下为当时的结果",
                report.file
            );
        }
        if let Some(refusal) = report.refusal() {
            let _ = writeln!(text, "{}：未能读取。{refusal}", report.file);
            continue;
        }
        let Report { rows, admitted, .. } = report;
        let _ = writeln!(
            text,
            "{}：共{rows}行，{verb}{admitted}行，退回{}行",
            report.file,
            rows - admitted
        );
        count_by_code(&mut text, "退回", &report.rejections);
        count_by_code(&mut text, "警告", &report.warnings);
        for notice in &report.notices {
            let _ = writeln!(text, "  提示 {notice}");
        }
    }
    text
}

fn count_by_code(text: &mut String, kind: &str, remarks: &[Remark]) {
    let mut codes: BTreeMap<&str, (u64, &Remark)> = BTreeMap::new();
    for remark in remarks {
        codes.entry(&remark.code).or_insert((0, remark)).0 += 1;
    }
    for (code, (count, first)) in codes {
        let row = first.row.unwrap_or_default();
        let _ = writeln!(
            text,
            "  {kind} {code} {count}处，如第{row}行：{}",
            first.message
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_that_of_the_contract() {
        let mut report = Report::new("a.csv".to_owned(), Some(Digest::of(b"a")));
        report.add_row(2, Findings::default());
        report.notice("B列的表头无法识别，该列已忽略".to_owned());
        let told = [Told::first(report)];
        let sha256 = Digest::of(b"a");
        assert_eq!(
            json(&told, 1),
            format!(
                "{{\"file\":\"a.csv\",\"sha256\":\"{sha256}\",\"rows\":1,\"admitted\":1,\
                 \"rejections\":[],\"warnings\":[],\
                 \"notices\":[\"B列的表头无法识别，该列已忽略\"]}}\n"
            )
        );
        let text = summary(&told, "准入");
        assert_eq!(
            text,
            "a.csv：共1行，准入1行，退回0行\n  提示 B列的表头无法识别，该列已忽略\n"
        );
    }

    #[test]
    fn a_refused_file_has_one_rejection_without_a_row() {
        let mut report = Report::new("a.csv".to_owned(), None);
        report.add_row(2, Findings::default());
        report.refuse("encoding", None, "坏".to_owned());
        assert_eq!((report.rows, report.admitted), (0, 0));
        let told = Told::first(report);
        assert_eq!(told.exit, Exit::Input);
        assert!(told.json.get().contains(
            "\"rejections\":[{\"row\":null,\"field\":null,\"code\":\"encoding\",\"message\":\"坏\"}]"
        ));
    }

    #[test]
    fn several_files_make_an_array() {
        let told = ["a.csv", "b.csv"].map(|name| Told::first(Report::new(name.to_owned(), None)));
        let parsed: Vec<Report> = serde_json::from_str(&json(&told, 2)).unwrap();
        assert_eq!(parsed[1].file, "b.csv");
    }
}
