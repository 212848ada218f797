//! Jobs that wait, jobs that are late and jobs nobody wants any more, in this process.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use certq::bulk::{Form, Kind, Order, Refused, Workshop};
use certq::live::Current;
use certq::log::Log;
use certq::metrics::Metrics;
use certq::refusal::Refusal;
use certq::reply::Piece;
use certq::request;
use certq::route::Route;
use jiff::Timestamp;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout};

use crate::http::PATIENCE;
use crate::program::wait_until;
use crate::register::{Register, VALID, ZHANG};

const ROWS: usize = 100_000;

/// A workshop and a register to answer from.
struct Bench {
    register: Register,
    metrics: Arc<Metrics>,
    log: Log,
    workshop: Workshop,
    current: Arc<Current>,
}

impl Bench {
    /// One where so many jobs compute at once.
    fn new(at_once: usize) -> Self {
        let register = Register::published();
        let metrics = Arc::new(Metrics::new(&Route::NAMES, request::outcomes()));
        let sink = std::fs::File::create(register.path("log")).unwrap();
        let dropped = metrics.log_lines_dropped.clone();
        let log = Log::start(sink, dropped, || Timestamp::UNIX_EPOCH);
        let spool = register.path("");
        let workshop = Workshop::new(at_once, spool, Arc::clone(&metrics), log.clone());
        let current = register.current();
        Self {
            register,
            metrics,
            log,
            workshop,
            current,
        }
    }

    fn order(&self, rows: usize, patience: Duration) -> Order {
        let row = format!("{ZHANG},{VALID}\n");
        Order {
            body: format!("姓名,证书编号\n{}", row.repeat(rows)).into(),
            kind: Kind::Spreadsheet,
            places: None,
            form: Form::Xlsx,
            rows_most: ROWS,
            holder_search: true,
            account: None,
            permit: None,
            is_apart: false,
            current: Arc::clone(&self.current),
            deadline: Instant::now() + patience,
        }
    }

    /// Whether a job begins that looks at a list; it goes on until its deadline.
    async fn begins(&self, is_anonymous: bool, patience: Duration) -> bool {
        let list = Bytes::from_static(b"a\n");
        let deadline = Instant::now() + patience;
        let look = self.workshop.preview(list, is_anonymous, deadline);
        match timeout(Duration::from_millis(20), look).await {
            Ok(Err(refused)) => {
                assert_eq!(refused, Refused::from(Refusal::Overloaded));
                false
            }
            Ok(Ok(_)) => panic!("there are no turns"),
            Err(_) => true,
        }
    }

    /// Rows that were answered, and what was logged, when the last job is over.
    fn end(&self) -> (u64, String) {
        wait_until("the job is over", || Arc::strong_count(&self.current) == 1);
        self.log.flush(PATIENCE);
        let logged = std::fs::read_to_string(self.register.path("log")).unwrap();
        (self.answered(), logged)
    }

    /// Rows that were answered so far.
    fn answered(&self) -> u64 {
        let metrics = self.metrics.render(0);
        let name = "certq_bulk_rows_total{outcome=\"match\"} ";
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |rows| rows.parse().unwrap())
    }
}

/// Takes an answer to its end; whether it is whole.
async fn read(mut pieces: Receiver<Piece>) -> bool {
    let mut is_whole = false;
    while let Some(piece) = pieces.recv().await {
        is_whole = matches!(piece, Piece::End);
    }
    is_whole
}

#[tokio::test]
async fn a_job_without_a_turn_ends_at_its_deadline() {
    let bench = Bench::new(0);
    let (began, patience) = (Instant::now(), Duration::from_millis(150));
    let answer = bench.workshop.answer(bench.order(1, patience));
    let answer = timeout(PATIENCE, answer).await.unwrap();
    assert_eq!(answer.unwrap_err(), Refusal::Overloaded.into());
    let deadline = Instant::now() + patience;
    let look = bench
        .workshop
        .preview(Bytes::from_static(b"a\n"), true, deadline);
    let look = timeout(PATIENCE, look).await.unwrap();
    assert_eq!(look.unwrap_err(), Refusal::Overloaded.into());
    assert!(began.elapsed() >= 2 * patience);
    // The thread has ended as well, and not only the wait for it.
    assert_eq!(bench.end().0, 0);
}

#[tokio::test]
async fn whoever_has_a_key_does_not_stand_behind_those_without() {
    let bench = Bench::new(0);
    for is_anonymous in [true, false] {
        for job in 0..8 {
            assert!(bench.begins(is_anonymous, PATIENCE).await, "{job}");
        }
        assert!(!bench.begins(is_anonymous, PATIENCE).await);
    }
}

#[tokio::test]
async fn a_place_is_free_again_after_the_deadline() {
    let bench = Bench::new(0);
    for _ in 0..8 {
        assert!(bench.begins(true, Duration::from_millis(500)).await);
    }
    let began = Instant::now();
    while !bench.begins(true, PATIENCE).await {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn whoever_has_the_end_of_an_answer_may_send_the_next_list() {
    let bench = Bench::new(1);
    // As many as there are places, each with the next list as soon as the last one is answered.
    let one_after_the_other = async || {
        for list in 0..50 {
            let answer = bench.workshop.answer(bench.order(1, PATIENCE)).await;
            let mut pieces = answer.unwrap_or_else(|_| panic!("no place for list {list}"));
            while !matches!(pieces.recv().await.expect("an end"), Piece::End) {}
        }
    };
    let employer = &one_after_the_other;
    tokio::join!(
        employer(),
        employer(),
        employer(),
        employer(),
        employer(),
        employer(),
        employer(),
        employer()
    );
}

#[tokio::test]
async fn a_workbook_is_cut_at_its_deadline() {
    let bench = Bench::new(1);
    let began = Instant::now();
    let answer = bench.workshop.answer(bench.order(ROWS, PATIENCE)).await;
    let planned = began.elapsed();
    assert!(read(answer.unwrap()).await);
    let whole = began.elapsed();
    let (mut answered, mut before) = bench.end();
    assert_eq!(answered, ROWS as u64);
    // A third into the second pass. On a machine that is busy at times that may miss it.
    let patience = planned + (whole - planned) / 3;
    for _ in 0..20 {
        let answer = bench.workshop.answer(bench.order(ROWS, patience)).await;
        let is_whole = match answer {
            Ok(pieces) => read(pieces).await,
            Err(refused) => {
                assert_eq!(refused, Refusal::Overloaded.into());
                (answered, before) = bench.end();
                continue;
            }
        };
        let (total, logged) = bench.end();
        let new = total - std::mem::replace(&mut answered, total);
        // Of an earlier try nothing counts.
        let told = logged.strip_prefix(&*before).unwrap();
        assert_eq!(is_whole, new == ROWS as u64 && !told.contains("cut_short"));
        if new > 0 && new < ROWS as u64 {
            assert!(told.contains("\"bulk_cut_short\",\"reason\":\"timed out\""));
            return;
        }
        before = logged;
    }
    panic!("no deadline fell into the second pass");
}

#[tokio::test]
async fn a_workbook_nobody_waits_for_is_not_made() {
    let bench = Bench::new(1);
    let answer = bench.workshop.answer(bench.order(ROWS, PATIENCE)).await;
    drop(answer.unwrap());
    let (answered, logged) = bench.end();
    assert!(answered < ROWS as u64, "{answered}");
    assert!(!logged.contains("cut_short"), "{logged}");
}

/// Rows whose answers fill exactly the pieces that wait for a reader, so that only the end does
/// not find room.
async fn rows_of_four_pieces(bench: &Bench) -> usize {
    for rows in (100..10_000).step_by(50) {
        let order = Order {
            form: Form::CsvUtf8,
            ..bench.order(rows, PATIENCE)
        };
        let mut pieces = bench.workshop.answer(order).await.unwrap();
        let mut count = 0;
        while let Piece::Bytes(_) = pieces.recv().await.expect("an end") {
            count += 1;
        }
        if count == 4 {
            return rows;
        }
    }
    panic!("no list is answered in four pieces");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_read_the_end_keeps_its_place() {
    let bench = Bench::new(1);
    let rows = rows_of_four_pieces(&bench).await;
    let answered = bench.end().0;
    let mut unread = Vec::new();
    for _ in 0..8 {
        let order = Order {
            form: Form::CsvUtf8,
            ..bench.order(rows, PATIENCE)
        };
        unread.push(bench.workshop.answer(order).await.unwrap());
    }
    wait_until("all rows are answered", || {
        let new = bench.answered() - answered;
        new == 8 * rows as u64 && unread.iter().all(|pieces| pieces.len() == 4)
    });
    for _ in 0..50 {
        let ninth = bench.workshop.answer(bench.order(1, PATIENCE)).await;
        assert_eq!(ninth.unwrap_err(), Refusal::Overloaded.into());
        tokio::task::yield_now().await;
    }
    drop(unread);
    // Their threads end, and the places are free again.
    bench.end();
    assert!(
        bench
            .workshop
            .answer(bench.order(1, PATIENCE))
            .await
            .is_ok()
    );
}
