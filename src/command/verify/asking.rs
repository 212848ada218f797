//! Asking until everything is answered: chunks in order, again after what passes, not after what
//! does not.

use std::time::Duration;

use super::answers::{self, Answer};
use super::list::List;
use super::part::Part;
use super::progress::Progress;
use super::server::{Server, Trouble};
use crate::command::{Exit, Failure};

/// Longest pause of our own between two tries.
const PAUSE_MOST: Duration = Duration::from_secs(30);

/// Longest pause that a server may ask for; for more, the person should come back.
const WAIT_MOST: Duration = Duration::from_secs(600);

/// Asks for every row that is not answered yet, `tries` times for each chunk.
///
/// # Errors
///
/// When a chunk cannot be answered; what was answered before is kept.
pub(super) fn ask_all(
    list: &List,
    server: &Server,
    part: &mut Part,
    progress: &mut Progress,
    tries: u32,
) -> Result<(), Failure> {
    progress.start(part.answers.len());
    while part.answers.len() < list.rows.len() {
        let from = part.answers.len();
        let to = list.rows.len().min(from + server.rows_at_once());
        let questions: Vec<_> = list.rows[from..to]
            .iter()
            .map(|row| list.question(row))
            .collect();
        let body = List::body(&questions);
        let asked = || server.ask(&body, &questions);
        let answers = ask(asked, part, progress, tries)?;
        progress.advance(answers.len());
        part.append(answers)?;
    }
    Ok(())
}

/// Asks for one chunk; gives the answers from its first row on, at least one.
fn ask(
    asked: impl Fn() -> Result<Vec<Answer>, Trouble>,
    part: &Part,
    progress: &Progress,
    tries: u32,
) -> Result<Vec<Answer>, Failure> {
    let mut failed = 0;
    loop {
        failed += 1;
        let (after, why) = match asked() {
            Ok(answers) => match settled(answers) {
                Ok(answers) => return Ok(answers),
                // The server does not say for how long; in the end that is the answer.
                Err(limited) if failed >= tries => return Ok(limited),
                Err(_) => (None, "服务器暂时不回答这些行".to_owned()),
            },
            Err(Trouble::Refused(failure)) => return Err(resumable(failure, part)),
            Err(Trouble::Later { after, why }) => (after, why),
            Err(Trouble::Lost(why)) => (None, why),
        };
        let wait = after.unwrap_or_else(|| pause(failed));
        if failed >= tries || wait > WAIT_MOST {
            let hint = after.map_or_else(String::new, |after| {
                format!("；服务器请求{}秒后再试", after.as_secs())
            });
            return Err(resumable(Exit::Io.saying(format!("{why}{hint}")), part));
        }
        progress.wait(&why, wait);
    }
}

/// The answers that are settled. When a quota ends within a chunk, rows were not looked up from there
/// on, though invalid and repeated ones among them were answered; from the first of them on, all will be
/// asked for again. `Err` when that is the first row.
fn settled(mut answers: Vec<Answer>) -> Result<Vec<Answer>, Vec<Answer>> {
    match answers.iter().position(answers::is_limited) {
        Some(0) => Err(answers),
        Some(first) => {
            answers.truncate(first);
            Ok(answers)
        }
        None => Ok(answers),
    }
}

/// 1 s, 2 s, 4 s … at most half a minute.
fn pause(failed: u32) -> Duration {
    let doubled = 1_u64.checked_shl(failed - 1).unwrap_or(u64::MAX);
    Duration::from_secs(doubled).min(PAUSE_MOST)
}

/// Adds what to do to go on.
fn resumable(failure: Failure, part: &Part) -> Failure {
    let told = format!("{}；{}", failure.message, part.kept());
    failure.exit.saying(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: &str) -> Answer {
        let mut answer = Answer::default();
        code.clone_into(&mut answer[1]);
        answer
    }

    #[test]
    fn rows_at_the_end_that_were_not_looked_up_are_asked_for_again() {
        let (found, limited) = (answer("match"), answer("quota_exceeded"));
        let mixed = vec![
            found.clone(),
            limited.clone(),
            found.clone(),
            limited.clone(),
        ];
        assert_eq!(settled(mixed), Ok(vec![found.clone()]));
        let first = vec![limited.clone(), found.clone()];
        assert_eq!(settled(first.clone()), Err(first));
        assert_eq!(settled(vec![found.clone()]), Ok(vec![found]));
        assert_eq!(settled(vec![limited.clone()]), Err(vec![limited]));
    }

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let pauses: Vec<u64> = (1..8).map(|failed| pause(failed).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(u32::MAX), PAUSE_MOST);
    }
}
