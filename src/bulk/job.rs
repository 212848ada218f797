//! One list from its bytes to the last byte of its answer, on a thread of its own.

use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use snapshot::{Damaged, Question};
use spreadsheet::SpreadsheetError;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::Refused;
use super::grant::Grant;
use super::list::{Entry, List, breathe};
use super::order::Order;
use super::outlet::Outlet;
use super::output::{Counts, Form, Output};
use super::plan::{Plan, ask};
use super::premises::Premises;
use super::turns::Turn;
use super::verdict::Verdict;
use crate::answer::{self, Answer};
use crate::log::Level;
use crate::refusal::Refusal;
use crate::reply::Piece;

/// Why an answer ends before it is whole.
enum Stop {
    /// The client went, or did not read in time, or the spool is full.
    Io(io::Error),
    /// The second pass found other bytes than the first: a defect of ours.
    Unreadable,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<SpreadsheetError> for Stop {
    fn from(_: SpreadsheetError) -> Self {
        Self::Unreadable
    }
}

/// Does an order. Says on `begun` whether it can be done, then sends the answer.
pub(super) fn run(
    premises: &Premises,
    mut order: Order,
    slot: OwnedSemaphorePermit,
    begun: oneshot::Sender<Result<(), Refused>>,
    pieces: mpsc::Sender<Piece>,
    runtime: Handle,
) {
    let form = order.form;
    let place = (slot, order.permit.take());
    let to_tell = pieces.clone();
    let job = AssertUnwindSafe(|| {
        let deadline = order.deadline;
        let is_wanted = || !begun.is_closed() && Instant::now() < deadline;
        let (list, plan, turn) = match prepare(premises, &mut order, is_wanted) {
            Ok(prepared) => prepared,
            Err(refused) => {
                drop(place);
                // Nobody hears it when the client has gone.
                let _ = begun.send(Err(refused));
                return Ok(());
            }
        };
        let grant = Grant::take(order.account.as_ref(), plan.questions() as u64);
        if begun.send(Ok(())).is_err() {
            return Ok(());
        }
        let outlet = Outlet::new(pieces, order.deadline, runtime, turn, place);
        answer(premises, &order, list, plan, grant, outlet)
    });
    // A panic costs this job only; the hook has told where it was.
    match catch_unwind(job) {
        Ok(Ok(())) => return,
        Ok(Err(Stop::Io(error))) if error.kind() == io::ErrorKind::BrokenPipe => return,
        Ok(Err(Stop::Io(error))) => {
            let reason = error.kind().to_string();
            premises
                .log
                .event(Level::Warning, "bulk_cut_short", &[("reason", &reason)]);
        }
        Ok(Err(Stop::Unreadable)) | Err(_) => {}
    }
    if form == Form::Ndjson {
        tell(&to_tell);
    }
}

/// Waits for a turn and makes the first pass.
fn prepare(
    premises: &Premises,
    order: &mut Order,
    is_wanted: impl Fn() -> bool,
) -> Result<(List, Plan, Turn), Refused> {
    let mut turn = Turn::wait(&premises.turns, order.deadline).map_err(|_| Refusal::Overloaded)?;
    // Nobody else keeps the bytes, so they are gone with the list, before its client hears the end.
    let mut list = List::open(
        mem::take(&mut order.body),
        order.kind,
        order.places,
        order.rows_most,
    )?;
    let plan = Plan::make(&mut list, order, &mut turn, is_wanted)?;
    Ok((list, plan, turn))
}

/// Ends a list of lines with what went wrong, if the client still takes anything. In the other
/// forms the end is missing, which says the same.
fn tell(pieces: &mpsc::Sender<Piece>) {
    let line = crate::render::bulk_error(Refusal::Internal);
    if pieces.try_send(Piece::Bytes(line.into())).is_ok() {
        let _ = pieces.try_send(Piece::End);
    }
}

fn answer(
    premises: &Premises,
    order: &Order,
    mut list: List,
    mut plan: Plan,
    mut grant: Grant,
    outlet: Outlet,
) -> Result<(), Stop> {
    let current = &*order.current;
    let mut output = Output::begin(order.form, &list, current, &premises.spool, outlet)?;
    let mut counts = Counts::default();
    let mut rows = 0;
    let answered = list.each_block(|entries| {
        judge(order, &mut plan, &mut grant, entries, |entry, verdict| {
            breathe(&mut rows);
            counts[verdict.index()] += 1;
            if let Verdict::CannotAnswer(damaged) = &verdict {
                premises.alarm(damaged, counts[verdict.index()]);
            }
            output.row(current, entry.cells, &verdict).map_err(Stop::Io)
        })
    });
    premises.count(&counts);
    answered?;
    // The memory, and what was kept of the quota for rows that cost nothing, are there for the next
    // list.
    drop((list, plan, grant));
    output.end(current, &counts)?;
    Ok(())
}

/// Gives the verdict on each of some rows, which are looked up together.
fn judge<'s>(
    order: &'s Order,
    plan: &mut Plan,
    grant: &mut Grant,
    entries: &[Entry<'_>],
    mut each: impl FnMut(&Entry<'_>, Verdict<'s>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut questions = Vec::with_capacity(entries.len());
    let mut faults = Vec::with_capacity(entries.len());
    for entry in entries {
        let asked = ask(entry, order.holder_search);
        faults.push(asked.map(|question| questions.push(question)).err());
    }
    let answers = answer::answers(&order.current, &questions);
    let mut answered = questions.iter().zip(answers);
    for (entry, fault) in entries.iter().zip(faults) {
        let verdict = match fault {
            Some(fault) => Verdict::Invalid(fault),
            None => {
                let (question, answer) = answered.next().expect("what is no fault is a question");
                charge(plan, grant, question, answer)
            }
        };
        each(entry, verdict)?;
    }
    Ok(())
}

/// The verdict of an answer, if the quota lasts: what is limited is not looked up, so that how long it
/// takes says nothing about the register. A question that was answered before costs nothing,
/// and one that cannot be answered neither.
fn charge<'s>(
    plan: &mut Plan,
    grant: &mut Grant,
    question: &Question,
    answer: impl FnOnce() -> Result<Answer<'s>, Damaged>,
) -> Verdict<'s> {
    let question = plan.fingerprint(question);
    let is_new = plan.is_new(question);
    if is_new && grant.is_used_up() {
        return Verdict::Limited;
    }
    let verdict = Verdict::of(answer());
    let is_answered = matches!(verdict, Verdict::Match(_) | Verdict::NoMatch);
    if is_new && is_answered {
        plan.note_answered(question);
        grant.charge(matches!(verdict, Verdict::Match(_)));
    }
    verdict
}

#[cfg(test)]
mod tests {
    use certificate::{CertificateNumber, HolderName};

    use super::*;

    #[test]
    fn what_is_limited_is_not_looked_up() {
        let number = CertificateNumber::parse("J000044000001203000123").ok();
        let name = HolderName::parse("张三").ok();
        let question = Question::new(number, name, None).unwrap();
        let mut plan = Plan::of([&question]);
        let no_match = || Ok(Answer::NoMatch(None));
        let limited = charge(&mut plan, &mut Grant::take(None, 0), &question, || {
            panic!("looked up")
        });
        assert!(matches!(limited, Verdict::Limited));
        let mut grant = Grant::take(None, 1);
        let verdict = charge(&mut plan, &mut grant, &question, no_match);
        assert!(matches!(verdict, Verdict::NoMatch));
        // The same question costs nothing, and is answered though nothing is left.
        assert!(grant.is_used_up());
        let verdict = charge(&mut plan, &mut grant, &question, no_match);
        assert!(matches!(verdict, Verdict::NoMatch));
    }
}
