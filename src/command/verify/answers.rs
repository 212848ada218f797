//! What the server answers: as many rows as were asked, in order, each with ten columns more.

pub(super) use crate::bulk::columns::APPENDED;

/// The values of the appended columns for one row.
pub(super) type Answer = [String; APPENDED.len()];

const RESULT: usize = 0;
const CODE: usize = 1;
const AS_OF: usize = 9;

/// What a row came to: the words of the first column, and their names in a report.
pub(super) const RESULTS: [(&str, &str); 5] = [
    ("一致有效", "match"),
    ("一致但已撤销", "withdrawn"),
    ("信息不一致或未查到", "no_match"),
    ("格式错误", "invalid"),
    ("暂时无法核验", "unavailable"),
];

/// Place in [`RESULTS`]; every answer that was read has one.
pub(super) fn result(answer: &Answer) -> Option<usize> {
    RESULTS
        .iter()
        .position(|(words, _)| *words == answer[RESULT])
}

/// Whether the server did not look, because a budget was used up.
pub(super) fn is_limited(answer: &Answer) -> bool {
    [
        "limited",
        "rate_limited",
        "quota_exceeded",
        "challenge_required",
    ]
    .contains(&answer[CODE].as_str())
}

/// How old the data were.
pub(super) fn as_of(answer: &Answer) -> &str {
    &answer[AS_OF]
}

/// Reads the body of an answer to `questions`; `None` when it is not the answer to them: rows are
/// missing, or are others.
pub(super) fn read(body: &[u8], questions: &[Vec<String>]) -> Option<Vec<Answer>> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers().ok()?;
    let appended = head.len().checked_sub(APPENDED.len())?;
    if !head.iter().skip(appended).eq(APPENDED) {
        return None;
    }
    let mut answers = Vec::with_capacity(questions.len());
    for record in reader.records() {
        let record = record.ok()?;
        let question = questions.get(answers.len())?;
        let echoes = record.iter().take(appended);
        if !echoes.zip(question).all(|(echo, sent)| is_echo(echo, sent)) {
            return None;
        }
        let mut cells = record.iter().skip(appended).map(str::to_owned);
        let answer: Answer = std::array::from_fn(|_| cells.next().unwrap_or_default());
        result(&answer)?;
        answers.push(answer);
    }
    (answers.len() == questions.len()).then_some(answers)
}

/// Whether a cell came back as it was sent; an apostrophe may stand before one that would be a
/// formula.
fn is_echo(echo: &str, sent: &str) -> bool {
    echo == sent || echo.strip_prefix('\'') == Some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions(numbers: &[&str]) -> Vec<Vec<String>> {
        numbers
            .iter()
            .map(|number| vec![(*number).to_owned()])
            .collect()
    }

    fn body(rows: &[&str]) -> String {
        let head = format!("\u{feff}certificate_number,{}", APPENDED.join(","));
        let rows = rows
            .iter()
            .map(|row| format!("{row},一致有效,match,,,,,,,,2026-11-24 10:00\r\n"));
        format!("{head}\r\n{}", rows.collect::<String>())
    }

    #[test]
    fn an_answer_belongs_to_its_questions() {
        let answers = read(body(&["a", "'=b"]).as_bytes(), &questions(&["a", "=b"])).unwrap();
        assert_eq!(answers.len(), 2);
        assert_eq!(
            (result(&answers[0]), as_of(&answers[1])),
            (Some(0), "2026-11-24 10:00")
        );
    }

    #[test]
    fn other_bytes_are_no_answer() {
        let asked = questions(&["a", "b"]);
        for wrong in [
            body(&["a"]),
            body(&["b", "a"]),
            body(&["a", "b", "c"]),
            body(&["a", "b"]).replace("一致有效", "一致"),
            body(&["a", "b"]).replace("说明,", ""),
            body(&["a", "b"]).replace("b,一致有效", "b"),
            body(&[]),
            "<html>".to_owned(),
            String::new(),
        ] {
            assert_eq!(read(wrong.as_bytes(), &asked), None, "{wrong}");
        }
        assert_eq!(read(b"\xff\xfe", &asked), None);
    }
}
