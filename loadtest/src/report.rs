//! What a run found, for people and for programs.
//!
//! It prints how it measured beside what it measured: a percentile without its method is a rumour.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::arguments::Arguments;
use crate::question::Kind;
use crate::run::{Ended, Tally};

/// The percentiles that are told, with their names.
const PERCENTILES: [(f64, &str); 4] = [
    (50.0, "p50"),
    (99.0, "p99"),
    (99.9, "p99.9"),
    (100.0, "max"),
];

/// The report as text.
pub(crate) fn text(arguments: &Arguments, ended: &Ended) -> String {
    let tally = &ended.tally;
    let mut text = String::new();
    let _ = writeln!(text, "method     {}", method(arguments));
    let _ = writeln!(
        text,
        "answers    {} in {:.2} s, {:.0} a second{}",
        tally.answers(),
        ended.elapsed.as_secs_f64(),
        rate(ended),
        planned(arguments)
    );
    for (kind, right) in Kind::ALL.iter().zip(tally.right) {
        let _ = writeln!(text, "           {right} {} right", kind.name());
    }
    let _ = writeln!(text, "wrong      {}", tally.wrong_answers());
    for (wrong, count) in &tally.wrong {
        let _ = writeln!(text, "           {count} × {wrong}");
    }
    let _ = writeln!(text, "errors     {}", tally.errors());
    for (trouble, count) in &tally.troubles {
        let _ = writeln!(text, "           {count} × {trouble:?}");
    }
    if tally.unanswered > 0 {
        let _ = writeln!(
            text,
            "           {} × not answered when the run was ended",
            tally.unanswered
        );
    }
    let _ = writeln!(text, "latency    {}", milliseconds(&tally.latency));
    let _ = write!(text, "generator  {:.2} cores", cores(ended, ended.own_cpu));
    if arguments.closed {
        text.push('\n');
    } else {
        let lateness = milliseconds(&tally.own_lateness);
        let _ = writeln!(text, "; late by itself {lateness}");
        let _ = writeln!(
            text,
            "           {} questions waited for a free connection",
            tally.waited
        );
    }
    if let Some(server) = ended.server_cpu {
        let _ = writeln!(
            text,
            "server     {:.2} cores, {:.2} µs an answer",
            cores(ended, server),
            per_answer(tally, server)
        );
    }
    text
}

/// The report as JSON: times in microseconds.
pub(crate) fn json(arguments: &Arguments, ended: &Ended) -> String {
    let tally = &ended.tally;
    let right = Kind::ALL.iter().zip(tally.right);
    let right: Map<String, Value> = right
        .map(|(kind, count)| (kind.name().to_owned(), Value::from(count)))
        .collect();
    let wrong: Map<String, Value> = tally
        .wrong
        .iter()
        .map(|(wrong, count)| (wrong.to_string(), Value::from(*count)))
        .collect();
    let mut errors: Map<String, Value> = tally
        .troubles
        .iter()
        .map(|(trouble, count)| (format!("{trouble:?}"), Value::from(*count)))
        .collect();
    errors.insert("Unanswered".to_owned(), Value::from(tally.unanswered));
    let report = json!({
        "method": method(arguments),
        "certificates": arguments.certificates,
        "seed": arguments.seed,
        "connections": arguments.connections,
        "planned": (!arguments.closed).then(|| arguments.planned()),
        "planned_per_second": (!arguments.closed).then_some(arguments.rate),
        "answers": tally.answers(),
        "answers_per_second": rate(ended),
        "seconds": ended.elapsed.as_secs_f64(),
        "right": right,
        "wrong": tally.wrong_answers(),
        "wrong_by_kind": wrong,
        "errors": tally.errors(),
        "errors_by_kind": errors,
        "latency_us": microseconds(&tally.latency),
        "own_lateness_us": (!arguments.closed).then(|| microseconds(&tally.own_lateness)),
        "waited_for_a_connection": tally.waited,
        "reconnected": tally.reconnected,
        "own_cores": cores(ended, ended.own_cpu),
        "server_cores": ended.server_cpu.map(|cpu| cores(ended, cpu)),
        "server_us_per_answer": ended.server_cpu.map(|cpu| per_answer(tally, cpu)),
    });
    report.to_string()
}

/// How the run was made, in one line.
fn method(arguments: &Arguments) -> String {
    let Arguments {
        connections,
        seconds,
        certificates,
        seed,
        rate,
        ..
    } = arguments;
    let population = format!("{certificates} certificates, seed {seed}");
    if arguments.closed {
        format!(
            "closed loop, {seconds} s, {connections} connections, latency from the sending; {population}"
        )
    } else {
        format!(
            "open loop, {rate} a second for {seconds} s, {connections} connections, latency from \
             the intended start; {population}"
        )
    }
}

fn planned(arguments: &Arguments) -> String {
    if arguments.closed {
        String::new()
    } else {
        format!(
            " ({} planned, {} a second)",
            arguments.planned(),
            arguments.rate
        )
    }
}

fn rate(ended: &Ended) -> f64 {
    counted(ended.tally.answers()) / ended.elapsed.as_secs_f64()
}

fn cores(ended: &Ended, cpu: Duration) -> f64 {
    cpu.as_secs_f64() / ended.elapsed.as_secs_f64()
}

fn per_answer(tally: &Tally, cpu: Duration) -> f64 {
    cpu.as_secs_f64() * 1e6 / counted(tally.answers().max(1))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run asks far fewer than 2^53 questions"
)]
fn counted(count: u64) -> f64 {
    count as f64
}

fn milliseconds(histogram: &Histogram<u64>) -> String {
    let told = PERCENTILES.map(|(percentile, name)| {
        let value = counted(histogram.value_at_percentile(percentile)) / 1e6;
        format!("{name} {value:.3}")
    });
    format!("{} ms", told.join("  "))
}

fn microseconds(histogram: &Histogram<u64>) -> Map<String, Value> {
    let told = PERCENTILES.iter().map(|(percentile, name)| {
        let value = counted(histogram.value_at_percentile(*percentile)) / 1e3;
        ((*name).to_owned(), Value::from(value))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::http::Trouble;
    use crate::judge::Wrong;

    fn ended() -> Ended {
        let mut tally = Tally::new();
        tally.right = [60, 10, 25, 5];
        tally.wrong.insert(Wrong::Field("level"), 3);
        tally.troubles.insert(Trouble::Closed, 2);
        tally.unanswered = 1;
        tally.latency.record(250_000).unwrap();
        Ended {
            tally,
            elapsed: Duration::from_secs(2),
            own_cpu: Duration::from_secs(1),
            server_cpu: Some(Duration::from_millis(103)),
        }
    }

    fn arguments(more: &[&str]) -> Arguments {
        let words = ["loadtest", "--certificates", "1000"];
        Arguments::parse_from(words.iter().chain(more))
    }

    #[test]
    fn both_forms_tell_the_same() {
        let text = text(&arguments(&[]), &ended());
        for told in [
            "open loop, 1000 a second for 10 s",
            "103 in 2.00 s, 52 a second (10000 planned",
            "25 miss right",
            "3 × another value of level",
            "2 × Closed",
            "1 × not answered",
            "p99.9 0.250",
            "0.50 cores",
            "1000.00 µs an answer",
        ] {
            assert!(text.contains(told), "{told}:\n{text}");
        }
        let json: Value = serde_json::from_str(&json(&arguments(&[]), &ended())).unwrap();
        assert_eq!(json["answers"], 103);
        assert_eq!(json["right"]["withdrawn"], 10);
        assert_eq!(json["wrong_by_kind"]["another value of level"], 3);
        assert_eq!(json["errors"], 3);
        assert_eq!(json["answers_per_second"], 51.5);
        assert!((json["latency_us"]["p50"].as_f64().unwrap() - 250.0).abs() < 1.0);
        assert_eq!(json["server_us_per_answer"], 1_000.0);
    }

    #[test]
    fn a_closed_loop_says_so() {
        let closed = arguments(&["--closed"]);
        let text = text(&closed, &ended());
        assert!(
            text.contains("closed loop") && !text.contains("planned"),
            "{text}"
        );
        let json: Value = serde_json::from_str(&json(&closed, &ended())).unwrap();
        assert!(json["planned"].is_null() && json["own_lateness_us"].is_null());
    }
}
