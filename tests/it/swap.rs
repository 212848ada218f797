//! How a running server takes new generations, and refuses bad ones: nothing that happens in the
//! store stops it from answering.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use certificate::Date;
use certq::live::Live;
use certq::log::Log;
use certq::metrics::Metrics;
use certq::refresh::{Look, Refresh};
use jiff::Timestamp;
use rustix::process::Signal;
use snapshot::Publisher;

use crate::http::{self, lookup};
use crate::program::{Program, wait_until};
use crate::register::{Certificate, Register, VALID, ZHANG, certificates, flip};

/// The five certificates with the first one withdrawn on this day of September 2026.
fn withdrawn_on(day: i8) -> Vec<Certificate> {
    let mut changed = certificates();
    changed[0].withdrawn_on = Some(Date::constant(2026, 9, day));
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

/// A refresh in this process, so that the test has the clock.
fn refresh(register: &Register) -> (Refresh, Arc<Live>) {
    let live = Arc::new(Live::new(""));
    let metrics = Arc::new(Metrics::new(&[], Vec::new()));
    let log = Log::start(std::io::sink(), metrics.log_lines_dropped.clone(), || {
        Timestamp::UNIX_EPOCH
    });
    (
        Refresh::new(register.source(), Arc::clone(&live), metrics, log),
        live,
    )
}

fn live_epoch(live: &Live) -> u64 {
    live.current().as_ref().unwrap().snapshot.epoch()
}

#[test]
fn an_epoch_beyond_a_gap_is_found_within_a_minute() {
    let register = Register::published();
    let (mut refresh, live) = refresh(&register);
    let began = Instant::now();
    refresh.look(began).unwrap();
    register.publish(200, &withdrawn_on(1));
    for (seconds, epoch) in [(1, 107), (59, 107), (60, 200)] {
        refresh.look(began + Duration::from_secs(seconds)).unwrap();
        assert_eq!(live_epoch(&live), epoch, "after {seconds} s");
    }
}

#[test]
fn a_refused_epoch_is_tried_again_ever_more_rarely() {
    let register = Register::published();
    let (mut refresh, live) = refresh(&register);
    let began = Instant::now();
    refresh.look(began).unwrap();
    register.publish(108, &withdrawn_on(1));
    let blob = register.blob_path(&register.rows_blob(&withdrawn_on(1)));
    flip(&blob, 100);
    let mut tried = Vec::new();
    for seconds in 0..200 {
        match refresh.look(began + Duration::from_secs(seconds)) {
            Err(_) => tried.push(seconds),
            Ok(look) => assert_eq!(look, Look::Waiting),
        }
    }
    assert_eq!(tried, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    flip(&blob, 100);
    assert_eq!(
        refresh.look(began + Duration::from_secs(243)).unwrap(),
        Look::UpToDate
    );
    assert_eq!(live_epoch(&live), 108);
}

/// Puts a file into the channel that is no entry.
fn stray(register: &Register, epoch: u64) -> PathBuf {
    let path = register.path(&format!("store/channels/stable/{epoch:020}.json"));
    fs::write(&path, "{}").unwrap();
    path
}

#[test]
fn a_stray_file_far_ahead_keeps_no_good_epoch_from_being_taken() {
    let register = Register::published();
    for epoch in [9_999, u64::MAX] {
        stray(&register, epoch);
    }
    let (mut refresh, live) = refresh(&register);
    let began = Instant::now();
    let refused = refresh.look(began).unwrap_err().to_string();
    assert!(refused.contains("18446744073709551615"), "{refused}");
    assert_eq!(live_epoch(&live), 107);
    assert_eq!(refresh.look(began).unwrap(), Look::Waiting);
    // The one that follows is found without a listing, the one beyond a gap with the next.
    for (epoch, day, seconds) in [(108, 1, 0), (200, 2, 60)] {
        register.publish(epoch, &withdrawn_on(day));
        refresh
            .look(began + Duration::from_secs(seconds))
            .unwrap_err();
        assert_eq!(live_epoch(&live), epoch);
    }
}

#[test]
fn as_many_refused_epochs_as_are_tried_are_passed_over() {
    for (strays, taken) in [(8, true), (9, false)] {
        let register = Register::published();
        for nth in 1..=strays {
            stray(&register, 1_000 * nth);
        }
        let (mut refresh, live) = refresh(&register);
        refresh.look(Instant::now()).unwrap_err();
        assert_eq!(live.current().is_some(), taken, "{strays} strays");
    }
}

#[test]
fn a_stray_file_that_is_removed_is_forgotten_within_a_minute() {
    let register = Register::published();
    let (mut refresh, _live) = refresh(&register);
    let began = Instant::now();
    let at = |seconds| began + Duration::from_secs(seconds);
    let path = stray(&register, 9_999);
    refresh.look(began).unwrap_err();
    fs::remove_file(path).unwrap();
    assert_eq!(refresh.look(at(60)).unwrap(), Look::UpToDate);
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
    assert_eq!(ready, "ready: epoch 107, generation 42\n");
}

#[test]
fn numbers_are_looked_after_while_a_newer_epoch_is_refused() {
    let register = Register::published();
    stray(&register, 9_999);
    let (mut refresh, live) = refresh(&register);
    let began = Instant::now();
    refresh.look(began).unwrap_err();
    rot(&register, &live);
    let rotten = refresh.look(began).unwrap_err().to_string();
    assert!(rotten.contains("rotted in memory"), "{rotten}");
}

/// Changes the live numbers in the private copy, and so in memory.
fn rot(register: &Register, live: &Live) {
    let current = live.current();
    let numbers = current.as_ref().unwrap().snapshot.manifest().layers[0].numbers;
    flip(
        &register.path(&format!("cache/blobs/{}", numbers.sha256)),
        40,
    );
}

#[test]
fn numbers_that_rot_in_memory_are_opened_again_within_a_minute() {
    let register = Register::published();
    let (mut refresh, live) = refresh(&register);
    let began = Instant::now();
    let at = |seconds| began + Duration::from_secs(seconds);
    refresh.look(began).unwrap();
    refresh.look(at(1)).unwrap();
    rot(&register, &live);
    assert_eq!(refresh.look(at(60)).unwrap(), Look::UpToDate);
    let rotten = refresh.look(at(61)).unwrap_err().to_string();
    assert!(rotten.contains("rotted in memory"), "{rotten}");
    assert_eq!(refresh.look(at(121)).unwrap(), Look::UpToDate);
    assert_eq!(live_epoch(&live), 107);
}
