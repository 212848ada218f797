//! How a running server takes new generations, and refuses bad ones: nothing that happens in the
//! store stops it from answering.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use certificate::Date;
use rustix::process::Signal;
use snapshot::Publisher;

use crate::follow::stray;
use crate::http::{self, lookup};
use crate::program::{Program, wait_until};
use crate::register::{Certificate, Register, VALID, ZHANG, certificates, flip};

/// The five certificates with the first one withdrawn on this day of September 2026.
pub(crate) fn withdrawn_on(day: i8) -> Vec<Certificate> {
    let mut changed = certificates();
    changed[0].withdraw(Date::constant(2026, 9, day));
    changed
}

fn ask(program: &Program) -> String {
    let json = format!(r#"{{"certificate_number":"{VALID}","name":"{ZHANG}"}}"#);
    let response = lookup(program.public, &json);
    assert_eq!(response.status, 200);
    response.text()
}

fn stop(mut program: Program) {
    program.signal(Signal::TERM);
    let (status, said) = program.end();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn a_new_epoch_is_taken_within_seconds() {
    let register = Register::published();
    let program = Program::ready(&register);
    assert!(ask(&program).contains(r#""status":"valid""#));
    let began = Instant::now();
    register.publish(108, &withdrawn_on(1));
    program.wait_for_epoch(108);
    assert!(began.elapsed() < Duration::from_secs(5));
    let answer = ask(&program);
    assert!(
        answer.contains(r#""status":"withdrawn","status_on":"2026-09-01""#),
        "{answer}"
    );
    assert!(
        answer.contains(r#""as_of":{"epoch":108,"generation":43,"#),
        "{answer}"
    );
    assert!(program.metric("certq_refreshes_total") >= 2.0);
    assert!(program.metric("certq_snapshot_age_seconds") > 0.0);
}

#[test]
fn an_answer_is_of_one_epoch_while_epochs_change() {
    let register = Register::published();
    let program = Program::ready(&register);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut epochs = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let answer = ask(&program);
                let (_, rest) = answer.split_once(r#""epoch":"#).unwrap();
                let epoch: u64 = rest.split_once(',').unwrap().0.parse().unwrap();
                let day = format!("2026-09-{:02}", epoch - 107);
                assert!(epoch == 107 || answer.contains(&day), "{answer}");
                epochs.push(epoch);
            }
            epochs
        });
        for day in 1..=8 {
            let epoch = 107 + u64::try_from(day).unwrap();
            register.publish(epoch, &withdrawn_on(day));
            program.wait_for_epoch(epoch);
        }
        done.store(true, Ordering::Relaxed);
        let epochs = asking.join().unwrap();
        assert!(epochs.is_sorted(), "an epoch came back: {epochs:?}");
        assert!(epochs.len() > 8);
    });
}

#[test]
fn a_generation_signed_by_a_stranger_is_refused() {
    let register = Register::published();
    let program = Program::ready(&register);
    register.publish_by(&Publisher::new(&[7; 32]), 108, &withdrawn_on(1));
    program.wait_to_hear("signed by the unknown publisher");
    assert!(ask(&program).contains(r#""epoch":107"#));
    let ready = http::get(program.admin, "/readyz");
    assert_eq!(ready.status, 200);
    assert!(
        ready.text().contains("last refresh failed: "),
        "{}",
        ready.text()
    );
    assert!(program.metric("certq_refresh_failures_total") >= 1.0);

    register.publish(109, &withdrawn_on(2));
    program.wait_for_epoch(109);
    program.wait_to_hear("refresh_recovered");
    let said = program.said();
    assert_eq!(
        said.matches("\"event\":\"refresh_failed\"").count(),
        1,
        "{said}"
    );
}

#[test]
fn a_damaged_blob_in_the_store_is_refused_and_taken_once_it_is_whole() {
    let register = Register::published();
    stop(Program::ready(&register));
    register.publish(108, &withdrawn_on(1));
    let blob = register.blob_path(&register.rows_blob(&withdrawn_on(1)));
    flip(&blob, 100);

    let program = Program::ready(&register);
    program.wait_to_hear("epoch 108, generation 43 is refused");
    assert!(ask(&program).contains(r#""epoch":107"#));
    flip(&blob, 100);
    program.wait_for_epoch(108);
    assert!(ask(&program).contains("2026-09-01"));
}

#[test]
fn a_first_start_takes_the_newest_good_epoch() {
    let register = Register::published();
    register.publish(108, &withdrawn_on(1));
    register.publish(109, &withdrawn_on(2));
    flip(
        &register.blob_path(&register.rows_blob(&withdrawn_on(2))),
        100,
    );
    let program = Program::start(&register);
    program.wait_for_epoch(108);
    assert!(
        http::get(program.admin, "/readyz")
            .text()
            .contains("generation 44 is refused")
    );
}

#[test]
fn a_restart_needs_no_store() {
    let register = Register::published();
    stop(Program::ready(&register));
    let (store, away) = (register.path("store"), register.path("away"));
    fs::rename(&store, &away).unwrap();

    let program = Program::ready(&register);
    assert!(ask(&program).contains(r#""epoch":107"#));
    program.wait_to_hear("refresh_failed");
    fs::rename(&away, &store).unwrap();
    program.wait_to_hear("refresh_recovered");
    register.publish(108, &withdrawn_on(1));
    program.wait_for_epoch(108);
}

#[test]
fn a_channel_that_went_back_is_not_followed() {
    let register = Register::published();
    register.publish(108, &withdrawn_on(1));
    let program = Program::start(&register);
    program.wait_for_epoch(108);
    stop(program);
    fs::remove_file(register.path("store/channels/stable/00000000000000000108.json")).unwrap();

    let program = Program::start(&register);
    program.wait_for_epoch(108);
    program.wait_to_hear("the channel went back to epoch 107 after epoch 108 was served");
    assert!(!program.said().contains("--"), "{}", program.said());
    assert!(ask(&program).contains(r#""status":"withdrawn""#));
    stop(program);

    // On purpose, as the message says.
    fs::remove_dir_all(register.path("cache")).unwrap();
    Program::start(&register).wait_for_epoch(107);
}

#[test]
fn an_empty_store_is_waited_for() {
    let register = Register::empty();
    let program = Program::start(&register);
    program.wait_to_hear("publish a generation");
    assert_eq!(http::get(program.admin, "/readyz").status, 503);
    register.publish(107, &certificates());
    program.wait_for_epoch(107);
}

#[test]
fn old_snapshots_are_unmapped() {
    let register = Register::published();
    let program = Program::ready(&register);
    register.publish(108, &withdrawn_on(1));
    program.wait_for_epoch(108);
    ask(&program);
    // The system shows the maps of a process without core dumps to root only.
    if program.maps().is_some() {
        wait_until("no removed file is mapped", || {
            !program
                .maps()
                .is_some_and(|maps| maps.contains("(deleted)"))
        });
    }
}

#[test]
fn the_cache_keeps_only_what_is_live() {
    let register = Register::published();
    let program = Program::ready(&register);
    let blobs = || fs::read_dir(register.path("cache/blobs")).unwrap().count();
    let before = blobs();
    for (epoch, day) in [(108, 1), (109, 2), (110, 3)] {
        register.publish(epoch, &withdrawn_on(day));
        program.wait_for_epoch(epoch);
    }
    wait_until("the cache is swept", || blobs() == before);
}

#[test]
fn readiness_recovers_once_the_only_file_a_stray_is_removed() {
    let register = Register::empty();
    let channel = register.path("store/channels/stable");
    fs::create_dir_all(&channel).unwrap();
    let path = stray(&register, 9_999);
    let program = Program::start(&register);
    program.wait_to_hear("00000000000000009999.json is refused");
    fs::remove_file(path).unwrap();
    program.wait_to_hear("publish a generation");
    register.publish(107, &certificates());
    program.wait_for_epoch(107);
    program.wait_to_hear("refresh_recovered");
    let ready = http::get(program.admin, "/readyz").text();
    assert!(ready.starts_with("ready: epoch 107, generation 42\n"));
    assert!(!ready.contains("failed"), "{ready}");
}
