//! What a whole list came to: for a person in a line, for a program as JSON.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::answers::{self, Answer, RESULTS};

/// Counts and dates of all answers.
#[derive(Debug)]
pub(super) struct Summary {
    counts: [usize; RESULTS.len()],
    /// The oldest and the newest state of the register that answered.
    as_of: Option<(String, String)>,
}

impl Summary {
    /// Counts.
    pub(super) fn of(answers: &[Answer]) -> Self {
        let mut counts = [0; RESULTS.len()];
        for result in answers.iter().filter_map(answers::result) {
            counts[result] += 1;
        }
        let as_of = || answers.iter().map(answers::as_of);
        let as_of = as_of().min().zip(as_of().max());
        Self {
            counts,
            as_of: as_of.map(|(oldest, newest)| (oldest.to_owned(), newest.to_owned())),
        }
    }

    /// Whether every certificate is on the register and valid.
    pub(super) fn is_all_valid(&self) -> bool {
        self.counts[1..].iter().all(|count| *count == 0)
    }

    fn rows(&self) -> usize {
        self.counts.iter().sum()
    }

    /// For a person.
    pub(super) fn line(&self, out: &Path) -> String {
        let some = RESULTS
            .iter()
            .zip(self.counts)
            .filter(|(_, count)| *count > 0);
        let counts: Vec<String> = some
            .map(|((words, _), count)| format!("{words}{count}"))
            .collect();
        let counts = counts.join("，");
        let as_of = match &self.as_of {
            None => String::new(),
            Some((oldest, newest)) if oldest == newest => format!("；数据截至{oldest}"),
            Some((oldest, newest)) => format!("；数据截至{oldest}至{newest}"),
        };
        let colon = if counts.is_empty() { "" } else { "：" };
        format!(
            "共{}行{colon}{counts}{as_of}\n结果在{}\n",
            self.rows(),
            out.display()
        )
    }

    /// For a program.
    pub(super) fn json(&self, file: &Path, out: &Path) -> String {
        let mut report = Map::new();
        report.insert("file".to_owned(), json!(file));
        report.insert("out".to_owned(), json!(out));
        report.insert("rows".to_owned(), json!(self.rows()));
        for ((_, name), count) in RESULTS.iter().zip(self.counts) {
            report.insert((*name).to_owned(), json!(count));
        }
        let as_of = self.as_of.as_ref();
        report.insert("as_of".to_owned(), json!(as_of.map(|(oldest, _)| oldest)));
        format!("{}\n", Value::Object(report))
    }
}
