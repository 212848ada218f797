//! What the rows of a list cost.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use certificate::sample::Population;
use certq::bulk::{Form, Kind, Order, Workshop};
use certq::endpoint::bulk::ROWS_MOST;
use certq::live::Current;
use certq::log::Log;
use certq::metrics::Metrics;
use certq::reply::Piece;
use criterion::{Criterion, Throughput};
use jiff::Timestamp;
use rust_xlsxwriter::Workbook;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::STRIDE;

/// What does a row of a list cost, from the socket's side?
///
/// - `ndjson`, `csv`, `xlsx`: from the bytes of a list of 100,000 different questions to the bytes
///   of its answer in the same form, both passes, one row's share.
pub(crate) fn lists(criterion: &mut Criterion, current: &Arc<Current>, population: Population) {
    let mut group = criterion.benchmark_group("list");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(10))
        .throughput(Throughput::Elements(ROWS_MOST as u64));
    let (runtime, workshop) = workshop();
    for (name, kind, form, body) in [
        ("ndjson", Kind::Ndjson, Form::Ndjson, ndjson(population)),
        ("csv", Kind::Spreadsheet, Form::CsvUtf8, csv(population)),
        ("xlsx", Kind::Spreadsheet, Form::Xlsx, xlsx(population)),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let order = Order {
                    body: body.clone(),
                    kind,
                    places: None,
                    form,
                    rows_most: ROWS_MOST,
                    holder_search: true,
                    account: None,
                    permit: None,
                    is_apart: false,
                    current: Arc::clone(current),
                    deadline: Instant::now() + Duration::from_secs(60),
                };
                runtime.block_on(drain(&workshop, order))
            });
        });
    }
    group.finish();
}

fn workshop() -> (Runtime, Workshop) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let metrics = Arc::new(Metrics::new(&[], Vec::new()));
    let dropped = metrics.log_lines_dropped.clone();
    let log = Log::start(std::io::sink(), dropped, || Timestamp::UNIX_EPOCH);
    let workshop = Workshop::new(1, std::env::temp_dir(), metrics, log);
    (runtime, workshop)
}

/// Takes a whole answer; gives its length.
async fn drain(workshop: &Workshop, order: Order) -> usize {
    let mut pieces = workshop.answer(order).await.expect("a list in order");
    let mut bytes = 0;
    loop {
        match pieces.recv().await {
            Some(Piece::Bytes(piece)) => bytes += piece.len(),
            Some(Piece::End) => return bytes,
            None => panic!("the answer was cut short"),
        }
    }
}

/// Number and name of each row.
fn rows(population: Population) -> impl Iterator<Item = (String, String)> {
    (0..ROWS_MOST as u64).map(move |n| {
        let i = n * STRIDE % population.certificates();
        let (number, name) = (population.number(i), population.name(i));
        (number.as_str().to_owned(), name.expose().to_owned())
    })
}

fn ndjson(population: Population) -> Bytes {
    let mut text = String::new();
    for (number, name) in rows(population) {
        let row = serde_json::json!({"certificate_number": number, "name": name});
        writeln!(text, "{row}").expect("memory takes it");
    }
    text.into()
}

fn csv(population: Population) -> Bytes {
    let mut text = "姓名,证书编号\n".to_owned();
    for (number, name) in rows(population) {
        writeln!(text, "{name},{number}").expect("memory takes it");
    }
    text.into()
}

fn xlsx(population: Population) -> Bytes {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let head = [("证书编号".to_owned(), "姓名".to_owned())];
    for (row, (number, name)) in (0..).zip(head.into_iter().chain(rows(population))) {
        sheet.write_string(row, 0, number).expect("it fits");
        sheet.write_string(row, 1, name).expect("it fits");
    }
    workbook.save_to_buffer().expect("memory takes it").into()
}
