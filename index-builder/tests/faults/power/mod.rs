//! Power cuts: every write that reached the disk is recorded, every state that a cut could have
//! left is made, mounted and judged.
//!
//! The file system is ext4 without `auto_da_alloc`, which would hide a missing `fsync` of a file
//! that is put in another's place. Between two flushes a disk may write in any order, so beside
//! every beginning of the record there are images that lack some of the writes since the last flush.
//!
//! A harness that finds nothing proves nothing; so it is also run over the program with one
//! `fsync` taken out, and has to notice.

mod disk;
mod record;

use std::collections::BTreeMap;
use std::path::Path;

use crate::centre::{Centre, Work, in_memory};
use crate::chance::{Chance, cases};
use crate::oracle::{Found, Oracle};
use crate::preload;
use crate::scenario::{ACCEPT_TWO, PUBLISH, PUBLISH_FRESH, PUBLISHED, Scenario};

use disk::{Disk, Recorded};

/// Images of the slice, over all scenarios.
const SLICE: usize = 18;

/// Images of each mutant, of which some must be wrong. In the slice one is enough.
const MUTANT_IMAGES: usize = 60;

/// What happens while the power is on. The images of each are judged on their own.
#[rustfmt::skip]
const SCENARIOS: &[Scenario] = &[
    Scenario { name: "power, accept", before: PUBLISHED, command: ACCEPT_TWO },
    Scenario { name: "power, publish", before: &[PUBLISHED[0], PUBLISHED[1], ACCEPT_TWO], command: PUBLISH },
    Scenario { name: "power, fresh layer", before: &[PUBLISHED[0], PUBLISHED[1], ACCEPT_TWO], command: PUBLISH_FRESH },
    Scenario { name: "power, new ledger", before: &[], command: ACCEPT_TWO },
];

/// `fsync` taken out where the path has this text, and the scenario that does without it. That of
/// the folder of batches is not among them: ext4 commits its whole journal at the next `fsync`,
/// which is that of the derived index, before anything is acknowledged.
const MUTANTS: &[(&str, usize)] = &[
    ("/ledger/staging", 0),
    ("/store/staging/", 1),
    ("/store/channels/stable", 1),
];

#[derive(Debug, Default)]
struct Tally {
    images: usize,
    after_acknowledgement: usize,
    found: BTreeMap<Found, usize>,
    wrong: Vec<String>,
}

#[test]
fn power_cuts() {
    let centre = Centre::new();
    let share = cases("CERTQ_POWER_IMAGES", SLICE).div_ceil(SCENARIOS.len());
    for scenario in SCENARIOS {
        let oracle = Oracle::of(&centre, scenario);
        let folder = in_memory();
        let recorded = Disk::new(folder.path(), &centre, &oracle.template).record(scenario, &[]);
        let tally = judge_images(&oracle, &recorded, (share, share), folder.path());
        assert_eq!(tally.wrong, Vec::<String>::new(), "{}", scenario.name);
        println!(
            "{}: {} images of {} writes, {} after the acknowledgement, torn 0; found {:?}",
            scenario.name,
            tally.images,
            recorded.record.len(),
            tally.after_acknowledgement,
            tally.found
        );
        assert!(tally.images >= share, "{} images", tally.images);
        assert!(tally.after_acknowledgement > 0);
    }
}

#[test]
fn a_missing_sync_is_noticed() {
    let centre = Centre::new();
    let folder = in_memory();
    let library = preload::library(folder.path());
    let oracles: Vec<Oracle> = SCENARIOS
        .iter()
        .map(|scenario| Oracle::of(&centre, scenario))
        .collect();
    for (path, scenario) in MUTANTS {
        let (oracle, scenario) = (&oracles[*scenario], &SCENARIOS[*scenario]);
        let folder = in_memory();
        let planted = [
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("CERTQ_SKIP_FSYNC", path),
        ];
        let disk = Disk::new(folder.path(), &centre, &oracle.template);
        let recorded = disk.record(scenario, &planted);
        let enough = cases("CERTQ_POWER_IMAGES", 1);
        let tally = judge_images(oracle, &recorded, (MUTANT_IMAGES, enough), folder.path());
        println!(
            "no fsync of {path}: {} of {} images are wrong, the first: {}",
            tally.wrong.len(),
            tally.images,
            tally.wrong.first().map_or("none", String::as_str)
        );
        assert!(!tally.wrong.is_empty(), "{path}: the harness is blind");
    }
}

/// Makes and judges so many images, or until so many were wrong: every beginning, and then
/// beginnings with gaps.
fn judge_images(
    oracle: &Oracle,
    recorded: &Recorded,
    (share, enough): (usize, usize),
    folder: &Path,
) -> Tally {
    let record = &recorded.record;
    let mut chance = Chance::of("power");
    let mut ends: Vec<usize> = (0..=record.len()).collect();
    chance.shuffle(&mut ends);
    // One of the images is the whole record: all was written, all was acknowledged.
    ends.insert(0, record.len());
    let mut tally = Tally::default();
    let work = Work::at(&oracle.template.path().with_extension("image"));
    for case in 0..share {
        if tally.wrong.len() >= enough {
            break;
        }
        let end = ends[case % ends.len()];
        // In a slice every second image has gaps; in a campaign the first round has none.
        let with_gaps = match share < ends.len() {
            true => case % 2 == 1,
            false => case >= ends.len(),
        };
        let keep = record.kept(end, |_| !with_gaps || chance.toss());
        let acknowledged = match end >= recorded.acknowledged_at {
            true => recorded.acknowledged,
            false => 0,
        };
        tally.images += 1;
        tally.after_acknowledgement += usize::from(acknowledged > 0);
        let judged = recorded
            .restore(&keep, folder, &work)
            .and_then(|()| oracle.judge_run(&work, acknowledged));
        match judged {
            Ok(found) => *tally.found.entry(found).or_default() += 1,
            Err(wrong) => tally.wrong.push(format!("cut after write {end}: {wrong}")),
        }
    }
    tally
}
