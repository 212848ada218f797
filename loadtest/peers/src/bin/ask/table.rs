//! A report as text.

use std::fmt::Write as _;

use crate::report::{Lateness, Report, Row, Spread};

/// The table, with what to hold of it below.
pub(crate) fn of(report: &Report) -> String {
    let mut text = match report.offered_per_s {
        Some(rate) => format!("\nOpen loop, {rate:.0} a second\n"),
        None => format!(
            "\nClosed loop, {} at a time on a connection\n",
            report.pipelined
        ),
    };
    let _ = writeln!(
        text,
        "{:<10} {:>9} {:>17} {:>8} {:>15} {:>7} {:>15} {:>7} {:>15} {:>7} {:>5} {:>7} {:>8} {:>8}",
        "target",
        "answers/s",
        "quartiles",
        "µs CPU",
        "quartiles",
        "to floor",
        "quartiles",
        "by CPU",
        "quartiles",
        "server",
        "own",
        "foreign",
        "MiB",
        "no file"
    );
    for row in &report.targets {
        line(&mut text, row);
    }
    if report.offered_per_s.is_some() {
        lateness(&mut text, report);
    }
    notes(&mut text, report);
    text
}

fn line(text: &mut String, row: &Row) {
    let quartiles = |spread: Spread, digits: usize| {
        format!("{:.digits$}–{:.digits$}", spread.lower, spread.upper)
    };
    let ratio = |ratio: Option<Spread>| match ratio {
        Some(ratio) => (format!("{:.3}", ratio.median), quartiles(ratio, 3)),
        None => Default::default(),
    };
    let (throughput, processor) = (ratio(row.throughput_ratio), ratio(row.processor_ratio));
    let _ = writeln!(
        text,
        "{:<10} {:>9.0} {:>17} {:>7.2} {:>15} {:>8} {:>15} {:>7} {:>15} {:>7.2} {:>5.2} {:>7.2} {:>8} {:>8}",
        row.name,
        row.answers_per_s.median,
        quartiles(row.answers_per_s, 0),
        row.server_us.median,
        quartiles(row.server_us, 2),
        throughput.0,
        throughput.1,
        processor.0,
        processor.1,
        row.server_cores.median,
        row.own_cores.median,
        row.foreign_cores.median,
        row.resident_bytes >> 20,
        row.anonymous_bytes >> 20,
    );
}

/// Percentiles of each target, and of the generator itself.
fn lateness(text: &mut String, report: &Report) {
    let of = |late: Option<Lateness>| match late {
        Some(late) => format!("{:>7.0} {:>7.0} {:>7.0}", late.p50, late.p99, late.p999),
        None => String::new(),
    };
    let _ = writeln!(
        text,
        "{:<10} {:>7} {:>7} {:>7}   {:>7} {:>7} {:>7} {:>11}",
        "late, µs", "p50", "p99", "p99.9", "own p50", "p99", "p99.9", "unanswered"
    );
    for row in &report.targets {
        let _ = writeln!(
            text,
            "{:<10} {}   {} {:>11.0}",
            row.name,
            of(row.late_us),
            of(row.own_late_us),
            row.unanswered.map_or(0.0, |unanswered| unanswered.median),
        );
    }
}

fn notes(text: &mut String, report: &Report) {
    let Report {
        windows,
        flagged,
        left_out,
        ..
    } = report;
    let _ = writeln!(
        text,
        "{windows} windows of each; in {flagged} rounds somebody else used the processors, \
         {left_out} of them left out"
    );
    text.push_str("MiB: resident, databases included; of it no file: not pages of mapped files\n");
    if report.generator_bound {
        text.push_str(
            "the generator was busy for more than 0.9 of its core beside the floor: ratios of \
             throughput are bounds, processor time is the figure\n",
        );
    }
}
