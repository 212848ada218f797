//! What one look-up costs, part by part, against questions that docs/performance.md names.
//!
//! Everything is asked of one register of the synthetic population, opened as the server opens it:
//! that of the centre at `CERTQ_BENCH_CENTRE`, or one built once a run
//! (`CERTQ_BENCH_CERTIFICATES`, a million when unset). Questions are drawn over the whole register
//! and asked in turn, so that what is measured includes the caches missing as often as they do.

mod lists;
mod register;
mod rows;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use certificate::sample::Population;
use certificate::{CertificateNumber, HolderName, IdentityNumber};
use certq::answer;
use certq::endpoint::lookup;
use certq::live::Current;
use certq::render;
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput};
use serde_json::json;
use snapshot::{Question, Snapshot, look_up, verify};

use crate::register::Register;

/// The server's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Questions of each kind; enough that their rows do not stay in the caches of one core.
const QUESTIONS: u64 = 50_000;

/// Which certificates are asked for: a prime apart, so that neighbours in turn are not neighbours
/// in the register.
pub(crate) const STRIDE: u64 = 7_368_787;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let register = match std::env::var_os("CERTQ_BENCH_CENTRE") {
        Some(centre) => Register::of_centre(centre.as_ref()),
        None => Register::build(certificates()),
    };
    let current = Arc::new(Current::new(register.open()));
    factors(&mut criterion, register.population);
    find(&mut criterion, &current.snapshot, register.population);
    answers(&mut criterion, &current, register.population);
    rows::rows(&mut criterion, &current, &register);
    lists::lists(&mut criterion, &current, register.population);
    opening(&mut criterion, &register);
    criterion.final_summary();
}

fn certificates() -> u64 {
    match std::env::var("CERTQ_BENCH_CERTIFICATES") {
        Ok(count) => count.parse().expect("CERTQ_BENCH_CERTIFICATES is a number"),
        Err(_) => 1_000_000,
    }
}

/// Something made of each certificate that is asked for.
pub(crate) fn asked<T>(population: Population, make: impl Fn(&Population, u64) -> T) -> Vec<T> {
    let certificates = population.certificates();
    let of = |n: u64| n * STRIDE % certificates;
    (0..QUESTIONS).map(|n| make(&population, of(n))).collect()
}

/// Measures one call for each of `inputs` in turn.
pub(crate) fn each<T, R>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    inputs: &[T],
    call: impl Fn(&T) -> R,
) {
    let mut turn = inputs.iter().cycle();
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let input = turn.next().expect("a cycle has no end");
            black_box(call(black_box(input)))
        });
    });
}

/// What does reading one factor cost, as it is typed?
///
/// - `number`: a certificate number;
/// - `name`: a name, with every fold of the rules;
/// - `identity`: an identity number with its check character.
fn factors(criterion: &mut Criterion, population: Population) {
    let mut group = criterion.benchmark_group("factor");
    let numbers = asked(population, |all, i| all.number(i).as_str().to_owned());
    each(&mut group, "number", &numbers, |text| {
        CertificateNumber::parse_query(text)
    });
    let names = asked(population, |all, i| all.name(i).expose().to_owned());
    each(&mut group, "name", &names, |text| HolderName::parse(text));
    let documents = asked(population, |all, i| {
        (all.id_type(i), all.id_number(i).expose().to_owned())
    });
    each(&mut group, "identity", &documents, |(kind, text)| {
        IdentityNumber::parse(*kind, text)
    });
    group.finish();
}

/// How long does it take to find a certificate, from factors to its row?
///
/// - `number`: by number and name, the number is there;
/// - `number_unknown`: the same, the number was never issued; must cost what a hit costs;
/// - `number_wrong_name`: the number is there, the name is another's; the same again;
/// - `holder`: by name and identity number;
/// - `holder_unknown`: a name and an identity number that do not belong together.
fn find(criterion: &mut Criterion, snapshot: &Snapshot, population: Population) {
    let mut group = criterion.benchmark_group("find");
    let mut measure =
        |name: &str, hit: bool, question: fn(&Population, u64) -> Option<Question>| {
            let questions = asked(population, |all, i| question(all, i).expect("two factors"));
            for question in questions.iter().step_by(97) {
                let found = look_up(snapshot, question).expect("an intact register");
                assert_eq!(!found.is_empty(), hit, "{name}");
            }
            each(&mut group, name, &questions, |question| {
                look_up(snapshot, question)
            });
        };
    measure("number", true, |all, i| {
        Question::new(Some(all.number(i)), Some(all.name(i)), None)
    });
    measure("number_unknown", false, |all, i| {
        Question::new(Some(all.unknown_number(i)), Some(all.name(i)), None)
    });
    measure("number_wrong_name", false, |all, i| {
        Question::new(
            Some(all.number(i)),
            HolderName::parse("查无此人").ok(),
            None,
        )
    });
    measure("holder", true, |all, i| {
        Question::new(None, Some(all.name(i)), Some(all.id_number(i)))
    });
    measure("holder_unknown", false, |all, i| {
        Question::new(
            None,
            HolderName::parse("查无此人").ok(),
            Some(all.id_number(i)),
        )
    });
    group.finish();
}

/// What does one answer cost in process, without HTTP?
///
/// - `lookup`: from the bytes of a JSON question to the bytes of its answer, a match;
/// - `lookup_miss`: the same, a number that was never issued;
/// - `render`: only the last step, from a found certificate to JSON.
fn answers(criterion: &mut Criterion, current: &Current, population: Population) {
    let mut group = criterion.benchmark_group("answer");
    let bodies = |number: fn(&Population, u64) -> CertificateNumber| {
        asked(population, |all, i| {
            let (number, name) = (number(all, i), all.name(i));
            json!({"certificate_number": number.as_str(), "name": name.expose()}).to_string()
        })
    };
    let reply = |body: &String| lookup::answer(Ok(current), body.as_bytes(), true);
    each(&mut group, "lookup", &bodies(Population::number), reply);
    each(
        &mut group,
        "lookup_miss",
        &bodies(Population::unknown_number),
        reply,
    );
    let questions = asked(population, |all, i| {
        Question::new(Some(all.number(i)), Some(all.name(i)), None).expect("two factors")
    });
    let found: Vec<_> = questions
        .iter()
        .map(|question| answer::answer(current, question).expect("an intact register"))
        .collect();
    each(&mut group, "render", &found, |answer| {
        render::answer(current, answer)
    });
    group.finish();
}

/// How long until a generation can be asked, and until every byte of it has been checked?
///
/// - `open_cached`: a restart; the private cache has the blobs, they are hashed and mapped;
/// - `open_new`: a new generation; copied into the cache while hashing, then mapped;
/// - `verify`: every row, holder and number of the store compared with each other.
fn opening(criterion: &mut Criterion, register: &Register) {
    let mut group = criterion.benchmark_group("generation");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(10));
    group.throughput(Throughput::Bytes(register.blob_bytes()));
    group.bench_function("open_cached", |bencher| {
        bencher.iter_batched(|| (), |()| register.open(), BatchSize::PerIteration);
    });
    group.bench_function("open_new", |bencher| {
        bencher.iter_batched(
            || register.forget(),
            |()| register.open(),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("verify", |bencher| {
        let publication = register.publication();
        let manifest = publication.manifest();
        bencher
            .iter(|| verify::generation(register.store(), manifest, &mut |_| {}).expect("intact"));
    });
    group.finish();
}
