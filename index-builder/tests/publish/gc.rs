//! `gc` as an operator runs it: a plan, then the deed, and a store that is whole before and after.

use std::fs::{self, File};

use serde_json::{Value, json};

use crate::centre::{Centre, PUBLISH, VERIFY, files};

/// A centre that accepted and published this many batches, one after the other.
fn grown(batches: u32) -> Centre {
    let centre = Centre::waiting(200, batches);
    for batch in centre.made().into_iter().take(batches as usize) {
        let accept = format!("accept made/{batch} --registry registry --ledger ledger");
        assert_eq!(centre.run(&accept).code, 0);
        centre.run(&format!("{PUBLISH} --layer base")).silent(0);
    }
    centre
}

const GC: &str = "gc --store store";

#[test]
fn first_a_plan_then_the_deed() {
    let centre = grown(4);
    fs::write(centre.path("store/staging/0123456789abcdef"), "half").unwrap();
    let before = files(&centre.path("store"));
    let plan = centre.run(&format!("{GC} --keep 1 --json")).json(0);
    assert_eq!(plan["applied"], false);
    assert_eq!(
        plan["retained"],
        json!([3, 4]),
        "what is live, and what was live before"
    );
    assert_eq!(plan["generations"], json!([2, 1]));
    assert_eq!(
        plan["staged"],
        json!([{"path": "staging/0123456789abcdef", "bytes": 4}])
    );
    let text = centre.run(&format!("{GC} --keep 1")).silent(0).out;
    assert!(
        text.contains("manifests/00000000000000000002.json\n"),
        "{text}"
    );
    assert!(text.contains("would remove 2 generations, "), "{text}");
    assert!(
        text.ends_with("nothing was removed; add --apply\n"),
        "{text}"
    );
    assert_eq!(files(&centre.path("store")), before);

    let done = centre.run(&format!("{GC} --keep 1 --apply --json")).json(0);
    assert_eq!(done["applied"], true);
    let same = ["retained", "generations", "blobs", "staged", "bytes"];
    assert!(
        same.iter().all(|field| done[field] == plan[field]),
        "{done}"
    );
    let after = files(&centre.path("store"));
    assert!(
        after
            .iter()
            .all(|(path, bytes)| before.get(path) == Some(bytes))
    );
    let gone = |file: &Value| {
        !centre
            .path("store")
            .join(file["path"].as_str().unwrap())
            .exists()
    };
    assert!(done["blobs"].as_array().unwrap().iter().all(gone));
    let bytes = |files: &std::collections::BTreeMap<_, Vec<u8>>| -> usize {
        files.values().map(Vec::len).sum()
    };
    assert_eq!(done["bytes"], bytes(&before) - bytes(&after));
    let again = centre.run(&format!("{GC} --keep 1 --apply --json")).json(0);
    assert_eq!(
        (&again["bytes"], &again["generations"]),
        (&json!(0), &json!([]))
    );
}

#[test]
fn entries_that_name_what_was_swept_are_no_damage() {
    let centre = grown(4);
    centre.run(&format!("{GC} --keep 2 --apply")).silent(0);
    let verified = centre.run(&format!("{VERIFY} --json")).json(0);
    assert_eq!(
        (&verified["entries"], &verified["swept_entries"]),
        (&4.into(), &2.into())
    );
    assert_eq!(verified["generations"], 2);
    assert_eq!(verified["notices"], json!([]));
    let text = centre.run(VERIFY).silent(0).out;
    assert!(
        text.contains("2 of the channel entries name generations that gc removed"),
        "{text}"
    );
    let shown = centre.run("show --store store --json").json(0);
    assert_eq!(shown["generations"], json!([3, 4]));
    assert_eq!(shown["channels"][0]["epochs"], 4);
    let swept = centre.run("show --store store --generation 1");
    assert!(
        swept
            .line(65)
            .contains("has no generation 1; it has 3 to 4 (2)"),
        "{}",
        swept.err
    );
    // Publishing goes on, with the next numbers.
    let next = centre.run(&format!("{PUBLISH} --layer base")).silent(0);
    assert!(
        next.out.starts_with("published generation 5 as epoch 5"),
        "{}",
        next.out
    );
    centre.run(VERIFY).silent(0);
    // The default keeps ten.
    let plan = centre.run(&format!("{GC} --json")).json(0);
    assert_eq!(plan["generations"], json!([]));
}

#[test]
fn what_point_and_a_fresh_layer_were_made_from_stays() {
    let centre = grown(3);
    let point = "point --store store --keys keys --generation 1 --reason mistake";
    centre.run(point).silent(0);
    centre
        .run(&format!("{point} --generation 2").replace("--generation 1 ", ""))
        .silent(0);
    // 5 shows the rows of 2 with the states of 3; 4, which was live before, shows those of 1.
    let done = centre.run(&format!("{GC} --keep 1 --apply --json")).json(0);
    assert_eq!(done["retained"], json!([1, 2, 3, 4, 5]));
    // Moving on makes a fresh layer over the base that 3 wrote.
    centre.run(&format!("{PUBLISH} --layer fresh")).silent(0);
    centre.run(&format!("{PUBLISH} --layer base")).silent(0);
    let done = centre.run(&format!("{GC} --keep 1 --apply --json")).json(0);
    assert_eq!(done["retained"], json!([3, 6, 7]));
    centre.run(VERIFY).silent(0);
}

#[test]
fn what_is_live_is_never_taken_for_swept() {
    let centre = grown(2);
    let live = "store/manifests/00000000000000000002.json";
    fs::remove_file(centre.path(live)).unwrap();
    let before = files(&centre.path("store"));
    for line in [
        "verify --store store",
        "show --store store",
        &format!("{GC} --apply"),
    ] {
        let run = centre.run(line);
        run.line(65);
        let named = ["00000000000000000002.json", "no generation 2"];
        assert!(
            named.iter().any(|name| run.err.contains(name)),
            "{line}: {}",
            run.err
        );
    }
    assert_eq!(files(&centre.path("store")), before);
}

#[test]
fn what_stands_in_the_way_is_told_and_nothing_is_removed() {
    let centre = grown(3);
    let before = files(&centre.path("store"));
    let lock = File::open(centre.path("store")).unwrap();
    lock.try_lock().unwrap();
    for flags in ["", "--apply"] {
        let busy = centre.run(&format!("{GC} --keep 1 {flags}"));
        assert!(
            busy.line(75).contains("somebody else is publishing"),
            "{}",
            busy.err
        );
    }
    drop(lock);
    let missing = centre.run("gc --store stroe --apply");
    assert!(
        missing.line(65).contains("stroe is not there"),
        "{}",
        missing.err
    );
    let none = centre.run(&format!("{GC} --keep 0"));
    assert!(none.line(64).contains("--keep"), "{}", none.err);
    assert_eq!(files(&centre.path("store")), before);
    let damaged = centre.path("store/channels/stable/00000000000000000001.json");
    let whole = fs::read(&damaged).unwrap();
    fs::remove_file(&damaged).unwrap();
    fs::write(&damaged, &whole[..60]).unwrap();
    let run = centre.run(&format!("{GC} --keep 1 --apply"));
    assert!(
        run.line(65).contains("00000000000000000001.json"),
        "{}",
        run.err
    );
    fs::write(&damaged, &whole).unwrap();
    assert_eq!(files(&centre.path("store")), before);
}
