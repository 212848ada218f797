//! The page for lists, and in English what its refusals say in Chinese.

use askama::Template;

use super::{AsOf, Lang, Refusal, finish};

/// The page for lists (`GET /bulk`, and `POST /bulk` when the list was refused).
#[derive(Clone, Copy, Debug, Default)]
pub struct BulkView<'a> {
    /// Why the list was refused, if it was.
    pub refusal: Option<Refusal<'a>>,
    /// `None` while the server has no generation yet.
    pub as_of: Option<AsOf>,
}

/// The page for lists.
pub fn bulk(lang: Lang, view: &BulkView<'_>) -> String {
    finish(&BulkPage {
        lang,
        path: "/bulk",
        refusal: view.refusal,
        as_of: view.as_of,
    })
}

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage<'a> {
    lang: Lang,
    path: &'static str,
    refusal: Option<Refusal<'a>>,
    as_of: Option<AsOf>,
}

/// What the script says on an English page, by the code of a refusal; the last is for all others.
/// On a Chinese page it says what the server says.
const ENGLISH: [(&str, &str); 15] = [
    (
        "key_unknown",
        "This API key is not valid or was revoked. Please ask whoever gave it to you.",
    ),
    (
        "too_many_rows",
        "There are too many rows for one list: 20 without an API key, 100,000 with one. Please \
         split the list, or enter a key.",
    ),
    (
        "rate_limited",
        "Too much was asked with this key in a short time. Please wait a little.",
    ),
    (
        "quota_exceeded",
        "The rows that this key may check are used up for now. Please try again later.",
    ),
    (
        "body_too_large",
        "The file is too large: 1 MiB at most without an API key, 32 MiB with one.",
    ),
    (
        "file_too_large",
        "The file, or one of its cells, is too large. Please split the list.",
    ),
    (
        "file_unreadable",
        "The file is empty, damaged, encrypted, or neither CSV nor XLSX.",
    ),
    (
        "encoding",
        "The file's encoding cannot be read (or, for the answer, written): UTF-8 and GB18030 are.",
    ),
    (
        "column_missing",
        "At least two of these columns are needed, each once: certificate number, name, document \
         number. The first row is the header.",
    ),
    (
        "body_timeout",
        "The file did not arrive in time. Please try again.",
    ),
    (
        "overloaded",
        "Too many lists are being checked at this moment. Please try again shortly.",
    ),
    (
        "cannot_answer",
        "The system cannot answer at the moment. That does not mean that a certificate is invalid.",
    ),
    (
        "unsupported_media_type",
        "Please choose a CSV or XLSX file.",
    ),
    (
        "internal_error",
        "Something went wrong on our side. That does not mean that a certificate is invalid.",
    ),
    ("", "The list could not be checked. Please try again."),
];

impl BulkPage<'_> {
    /// What was wrong with the list as a whole; empty when nothing was.
    fn problem(&self) -> &str {
        match (self.lang, &self.refusal) {
            (_, None) => "",
            (Lang::Zh, Some(refusal)) => refusal.detail,
            (Lang::En, Some(refusal)) => english(refusal.code),
        }
    }

    /// Whether it is the key that was wrong, or would help.
    fn is_about_key(&self) -> bool {
        let about_key = ["key_unknown", "rate_limited", "quota_exceeded"];
        self.refusal
            .is_some_and(|refusal| about_key.contains(&refusal.code))
    }

    fn problem_of_key(&self) -> &str {
        if self.is_about_key() {
            self.problem()
        } else {
            ""
        }
    }

    fn problem_of_list(&self) -> &str {
        if self.is_about_key() {
            ""
        } else {
            self.problem()
        }
    }

    /// What the script may have to say.
    fn sentences(&self) -> &'static [(&'static str, &'static str)] {
        match self.lang {
            Lang::Zh => &[],
            Lang::En => &ENGLISH,
        }
    }
}

fn english(code: &str) -> &'static str {
    let found = ENGLISH.iter().find(|(of, _)| *of == code);
    found
        .or(ENGLISH.last())
        .map_or("", |(_, sentence)| sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_sentence() {
        assert!(english("too_many_rows").starts_with("There are too many rows"));
        assert_eq!(english("no_such_code"), ENGLISH[ENGLISH.len() - 1].1);
        assert!(!english("no_such_code").is_empty());
    }
}
