//! Sizes and times of a large register, for docs/format.md and docs/performance.md:
//!
//! ```text
//! CERTQ_CERTIFICATES=1000000 cargo test --release -p snapshot --test it -- \
//!     --ignored --nocapture sizes_and_times
//! ```

use std::time::Instant;

use snapshot::{Cache, LayerKind, verify};

use crate::world::{World, ask};

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    println!("{what}: {:.3} s", begun.elapsed().as_secs_f64());
    done
}

#[test]
#[ignore = "takes a minute in a release build; run by hand"]
fn sizes_and_times() {
    let certificates = std::env::var("CERTQ_CERTIFICATES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let world = timed("sample in memory", || World::new(certificates));
    let layer = timed("write three blobs", || {
        world.layer(LayerKind::Base, &world.certificates)
    });
    let manifest = timed("write texts", || {
        world.manifest(1, vec![layer.clone()], world.certificates.len())
    });
    for (name, blob) in [
        ("numbers", layer.numbers),
        ("holders", layer.holders),
        ("rows", layer.rows),
        ("texts", manifest.texts),
    ] {
        let each = blob.bytes as f64 / certificates as f64;
        println!("{name}: {} bytes, {each:.3} a certificate", blob.bytes);
    }
    world.publish(1, manifest.clone());
    timed("verify", || {
        verify::generation(&world.store, &manifest, &mut |_| {})
    })
    .unwrap();
    let cache = world.cache();
    drop(timed("open, empty cache", || world.open(&cache, 1)).unwrap());
    let snapshot = timed("open, everything cached", || world.open(&cache, 1)).unwrap();
    timed("scrub", || snapshot.scrub()).unwrap();
    for (what, factors) in [
        ("number + name", [true, true, false]),
        ("number + name + id", [true, true, true]),
        ("name + id", [false, true, true]),
    ] {
        let begun = Instant::now();
        let asked = world.certificates.iter().step_by(7);
        let mut count = 0_u32;
        for certificate in asked {
            assert!(!ask(&snapshot, certificate, factors).unwrap().is_empty());
            count += 1;
        }
        let each = begun.elapsed().as_secs_f64() * 1e9 / f64::from(count);
        println!("look up by {what}: {each:.0} ns");
    }
    timed("drop the snapshot", || drop(snapshot));
    drop(Cache::open(&world.path("other")).unwrap());
}
