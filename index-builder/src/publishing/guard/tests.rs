//! Each guard: what stops, what does not, and what the channel entry says of an override.

use std::fs;

use certificate::sample::Population;
use snapshot::Channel;

use super::*;
use crate::compile::tests::{ACCEPTANCE, Centre, issues};
use crate::failure::Exit;
use crate::publishing::Layer;
use crate::publishing::tests::{Bench, told};

/// What the entry of an epoch says of overrides.
fn overrides(bench: &Bench, epoch: u64) -> Vec<String> {
    let channel = Channel::parse("stable").unwrap();
    let entry = bench.store.read_channel_entry_unverified(&channel, epoch);
    entry.unwrap().unwrap().overrides
}

fn allowing(
    bench: &Bench,
    centre: &Centre,
    allowed: &[Guard],
) -> Result<serde_json::Value, Failure> {
    bench.publish_with(centre, |order| {
        order.guards = Guards::allowing(allowed.to_vec())
    })
}

fn summary(rows: u64, admitted: u64) -> Summary {
    Summary {
        batch: 1,
        rows,
        admitted,
        last_sequence: admitted,
        digest: snapshot::Digest::of(b""),
    }
}

#[test]
fn a_smaller_register_of_another_ledger_needs_three_flags() {
    let bench = Bench::new();
    bench.publish(Layer::Auto).unwrap();
    let files = bench.files();
    let smaller = Centre::new();
    smaller.accept(&ACCEPTANCE, &issues(&Population::new(40, 4)));
    let mut allowed = Vec::new();
    for guard in [Guard::OtherLedger, Guard::Shrink, Guard::Vanished] {
        let failure = allowing(&bench, &smaller, &allowed).err().unwrap();
        assert_eq!(failure.exit(), Exit::Refused);
        assert!(failure.to_string().ends_with(guard.flag()), "{failure}");
        let manifests = |files: &std::collections::BTreeSet<std::path::PathBuf>| {
            files
                .iter()
                .filter(|file| !file.to_string_lossy().contains("blobs"))
                .count()
        };
        assert_eq!(
            manifests(&bench.files()),
            manifests(&files),
            "only blobs may be left"
        );
        allowed.push(guard);
    }
    allowed.push(Guard::Rejections);
    let report = allowing(&bench, &smaller, &allowed).unwrap();
    assert_eq!(report["certificates"], 40);
    let expected = ["--allow-other-ledger", "--allow-shrink", "--allow-vanished"];
    assert_eq!(
        overrides(&bench, 2),
        expected,
        "only those that made a difference"
    );
}

#[test]
fn rejections_count_from_a_thousand_rows_and_above_a_fifth() {
    for (batches, stops) in [
        (vec![summary(999, 1)], false),
        (vec![summary(1_000, 800)], false),
        (vec![summary(1_000, 799)], true),
        (vec![summary(600, 300), summary(400, 400)], true),
        (vec![summary(600, 500), summary(100_000, 99_000)], false),
        (vec![], false),
    ] {
        let mut guards = Guards::default();
        assert_eq!(guards.rejections(&batches).is_err(), stops, "{batches:?}");
        let mut guards = Guards::allowing(vec![Guard::Rejections]);
        guards.rejections(&batches).unwrap();
        let overridden = guards.overrides();
        assert_eq!(overridden.len(), usize::from(stops));
    }
}

#[test]
fn a_guard_that_cannot_look_does_not_say_yes() {
    let bench = Bench::new();
    bench.publish(Layer::Auto).unwrap();
    let channel = Channel::parse("stable").unwrap();
    let live = bench
        .store
        .read_publication(&channel, 1, &bench.keys.publishers);
    let texts = bench
        .store
        .blob_path(&live.unwrap().unwrap().manifest().texts);
    fs::remove_file(texts).unwrap();
    bench.centre.accept(&ACCEPTANCE, &[bench.unissued()]);
    let failure = bench.publish(Layer::Base).err().unwrap();
    assert_eq!(failure.exit(), Exit::Input, "{failure}");
    let allowed = [Guard::Vanished];
    let report = bench.publish_with(&bench.centre, |order| {
        order.layer = Layer::Base;
        order.guards = Guards::allowing(allowed.to_vec());
    });
    assert_eq!(report.unwrap()["certificates"], 301);
    assert!(overrides(&bench, 2).is_empty());
}

#[test]
fn a_restored_store_begins_above_what_readers_have_seen() {
    let bench = Bench::new();
    let first = |first| bench.publish_with(&bench.centre, |order| order.first_epoch = Some(first));
    let report = first(108).unwrap();
    assert_eq!(
        (&report["generation"], &report["epoch"]),
        (&108.into(), &108.into())
    );
    assert_eq!(bench.published(Layer::Auto), told("unchanged", 108, 108));
    let failure = first(108).err().unwrap();
    assert_eq!(failure.exit(), Exit::Usage, "{failure}");
    // Nothing is new, but a higher epoch is asked for.
    let report = first(200).unwrap();
    assert_eq!(
        (&report["generation"], &report["epoch"]),
        (&200.into(), &200.into())
    );
    bench.centre.accept(&ACCEPTANCE, &[bench.unissued()]);
    assert_eq!(bench.published(Layer::Auto), told("published", 201, 201));
}
