//! Rules about what a row does: the operation itself, its reason, and whether it fits the register.

use std::borrow::Cow;

use certificate::HolderName;
use certificate::record::OperationKind;

use super::code::Code;
use super::field::{Delivered, Field};
use super::finding::Findings;
use crate::ledger::Misfit;

/// A reason is published beside a certificate; it is no place for a story.
const REASON_CHARACTERS_MOST: usize = 40;

/// This many digits in a row may be an identity number, a telephone number, a date of birth.
const DIGITS_TOO_MANY: usize = 6;

/// `revision_conflict`: the operation is one of the four; an issue when empty.
pub(super) fn read(row: Delivered<'_>, findings: &mut Findings) -> Option<OperationKind> {
    let field = Field::Op;
    let kinds = &row.before.kinds;
    let kind = kinds.of(row.cell(field).text(), OperationKind::parse);
    let kind = kind.filter(|_| !row.is_faulty(field));
    if kind.is_none() {
        let message = "操作应为发证、更正、撤销、注销或恢复";
        findings.reject(Code::RevisionConflict, field, message);
    }
    kind
}

/// `reason_missing`, `reason_malformed`: given, short, and without what looks like personal data.
pub(super) fn read_reason<'a>(row: Delivered<'a>, findings: &mut Findings) -> Option<Cow<'a, str>> {
    let field = Field::Reason;
    let reason = row.prose(field);
    if reason.is_empty() && !row.is_faulty(field) {
        let message = "更正、撤销和恢复须填写原因";
        findings.reject(Code::ReasonMissing, field, message);
        return None;
    }
    let problem = if row.is_faulty(field) {
        Some("原因是公式错误值".to_owned())
    } else if reason.chars().count() > REASON_CHARACTERS_MOST {
        Some(format!("原因最多{REASON_CHARACTERS_MOST}个字符"))
    } else if reason.chars().any(char::is_control) {
        Some("原因含有控制字符".to_owned())
    } else if has_long_number(&reason) {
        Some(format!("原因会公布，不得含有连续{DIGITS_TOO_MANY}位数字"))
    } else {
        None
    };
    match problem {
        Some(problem) => {
            findings.reject(Code::ReasonMalformed, field, problem);
            None
        }
        None => Some(reason),
    }
}

/// Whether six digits follow each other; spaces do not break a number.
pub(super) fn has_long_number(text: &str) -> bool {
    let mut run = 0;
    text.chars().filter(|c| !c.is_whitespace()).any(|c| {
        run = if c.is_numeric() { run + 1 } else { 0 };
        run >= DIGITS_TOO_MANY
    })
}

/// `reason_malformed`: the holder is not named.
pub(super) fn names_nobody(reason: &str, holder: &HolderName, findings: &mut Findings) {
    if names(reason, holder) {
        let message = "原因会公布，不得含有持证人姓名";
        findings.reject(Code::ReasonMalformed, Field::Reason, message);
    }
}

/// Whether a text names a holder: Chinese names anywhere in it, Latin names as whole words.
pub(super) fn names(text: &str, holder: &HolderName) -> bool {
    if holder
        .expose()
        .chars()
        .all(|c| !c.is_alphabetic() || is_latin(c))
    {
        return words(text).contains(&words(holder.expose()));
    }
    let (text, name) = (letters(text), letters(holder.expose()));
    // A single character is in half of all reasons by chance.
    match name.chars().count() {
        0 => false,
        1 => text == name,
        _ => text.contains(&name),
    }
}

/// Letters only, so that neither spaces nor separators hide a name.
fn letters(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_uppercase).collect()
}

/// The Latin words of a text, each between spaces.
fn words(text: &str) -> String {
    let words = text.split(|c| !is_latin(c)).filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |joined, word| {
        joined + &word.to_uppercase() + " "
    })
}

fn is_latin(c: char) -> bool {
    c.is_alphabetic() && c < '\u{0250}'
}

/// `number_duplicate`, `number_unknown`, `revision_conflict`: the operation fits where the
/// certificate stands.
pub(super) fn misfit(misfit: Misfit, findings: &mut Findings) {
    match misfit {
        Misfit::Duplicate => findings.reject(
            Code::NumberDuplicate,
            Field::CertificateNumber,
            "证书编号已在台账中，或在本文件前面的行里；要修改内容请用“更正”",
        ),
        Misfit::Unknown => findings.reject(
            Code::NumberUnknown,
            Field::CertificateNumber,
            "台账中和本文件前面的行里都没有这个证书编号",
        ),
        Misfit::State => findings.reject(
            Code::RevisionConflict,
            Field::Op,
            "操作与证书的现状不符：已撤销的不能再撤销，有效的不能恢复",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_in_a_row() {
        for text in [
            "身份证440106",
            "20201130作废",
            "①②③④⑤⑥",
            "a123456b",
            "44010 6",
        ] {
            assert!(has_long_number(text), "{text}");
        }
        for text in ["成绩复核不合格", "2020-11-30作废", "12345", "一二三四五六"] {
            assert!(!has_long_number(text), "{text}");
        }
    }

    #[test]
    fn names_in_reasons() {
        let is_named = |reason: &str, name: &str| {
            let mut findings = Findings::default();
            names_nobody(reason, &HolderName::parse(name).unwrap(), &mut findings);
            !findings.is_clean()
        };
        assert!(is_named("张三成绩有误", "张三"));
        assert!(is_named("张 三 成绩有误", "张三"));
        assert!(is_named("买买提•艾力更名", "买买提·艾力"));
        assert!(is_named("John Smith left", "JOHN SMITH"));
        assert!(!is_named("张姓考生成绩有误", "张三"));
        assert!(is_named("李JOHN SMITH离职", "John Smith"));
        assert!(!is_named("quality", "LI"));
        assert!(!is_named("王者归来", "王"));
    }
}
