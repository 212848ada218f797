//! What a row of a list costs in the register, part by part.

use std::hint::black_box;

use certq::answer::{self, Answer};
use certq::live::Current;
use certq::question::{self, Typed};
use certq::render::{self, BulkRow};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use snapshot::{LookUp, Question, look_up, look_up_all};

use crate::STRIDE;
use crate::register::Register;

/// Different certificates asked for in turn, if there are so many: their rows take three times as
/// much as the largest cache of a machine of today.
const QUESTIONS: u64 = 1 << 20;

/// Rows of one measured call.
const ROWS: usize = 1024;

/// Lines that are sent together.
const PIECE_BYTES: usize = 64 * 1024;

/// Number and name as they are typed.
type Text = (String, String);

/// What does a row cost, by number and name, each time of another certificate?
///
/// - `parse`: from the texts of its cells to a question;
/// - `look_up`: from a question to the row of the register;
/// - `tag`: the keyed hash of the name, which is part of `look_up`;
/// - `answer`: from a question to what the register says, in words: `look_up` and its texts;
/// - `render`: from those words to the line of the answer;
/// - `row`: from a question to the line of its answer;
/// - `look_up_all`, `answers`, `rows`: the same as `look_up`, `answer` and `row`, many at once, as
///   a list is answered.
pub(crate) fn rows(criterion: &mut Criterion, current: &Current, register: &Register) {
    let mut group = criterion.benchmark_group("row");
    let texts = texts(register);
    let questions: Vec<Question> = texts.iter().map(parse).collect();
    each(&mut group, "parse", &texts, |texts| {
        texts.iter().map(parse).for_each(drop_seen);
    });
    each(&mut group, "look_up", &questions, |questions| {
        let found = questions.iter().map(|it| look_up(&current.snapshot, it));
        found.for_each(drop_seen);
    });
    each(&mut group, "tag", &questions, |questions| {
        for question in questions {
            if let (Some(number), Some(name)) = (question.number(), question.name()) {
                black_box(register.key.name_tag(number, name));
            }
        }
    });
    let answer =
        |question: &Question| answer::answer(current, question).expect("an intact register");
    each(&mut group, "answer", &questions, |questions| {
        questions.iter().map(answer).for_each(drop_seen);
    });
    let answers: Vec<Answer<'_>> = questions[..ROWS].iter().map(answer).collect();
    let mut line = String::new();
    each(&mut group, "render", &answers, |answers| {
        for answer in answers {
            render(&mut line, current, answer);
        }
    });
    each(&mut group, "row", &questions, |questions| {
        for question in questions {
            render(&mut line, current, &answer(question));
        }
    });
    each(&mut group, "look_up_all", &questions, |questions| {
        look_up_all(&current.snapshot, questions)
            .map(LookUp::found)
            .for_each(drop_seen);
    });
    each(&mut group, "answers", &questions, |questions| {
        answer::answers(current, questions)
            .map(|answer| answer())
            .for_each(drop_seen);
    });
    each(&mut group, "rows", &questions, |questions| {
        for answer in answer::answers(current, questions) {
            render(&mut line, current, &answer().expect("an intact register"));
        }
    });
    group.finish();
}

fn texts(register: &Register) -> Vec<Text> {
    let population = register.population;
    let certificates = population.certificates();
    (0..QUESTIONS.min(certificates))
        .map(|n| {
            let i = n * STRIDE % certificates;
            let (number, name) = (population.number(i), population.name(i));
            (number.as_str().to_owned(), name.expose().to_owned())
        })
        .collect()
}

fn parse((certificate_number, name): &Text) -> Question {
    let typed = Typed {
        certificate_number,
        name,
        ..Typed::default()
    };
    question::parse(&typed, true).expect("a question")
}

fn render(line: &mut String, current: &Current, answer: &Answer<'_>) {
    let Answer::Match(certificates) = answer else {
        panic!("every question has a match");
    };
    let row = BulkRow {
        row: 1,
        reference: None,
        outcome: "match",
        code: None,
        detail: None,
        certificates,
        phrases: &current.phrases,
    };
    if line.len() > PIECE_BYTES {
        line.clear();
    }
    render::bulk_row(line, &row);
}

fn drop_seen<T>(value: T) {
    drop(black_box(value));
}

/// Measures a call for [`ROWS`] of `inputs` at a time, in turn.
fn each<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    inputs: &[T],
    mut call: impl FnMut(&[T]),
) {
    let mut turn = inputs.chunks_exact(ROWS).cycle();
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| call(black_box(turn.next().expect("a cycle has no end"))));
    });
}
