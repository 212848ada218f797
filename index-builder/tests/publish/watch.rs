//! `watch` as a process: what it takes, where it puts it, what it waits for and what ends it.

use std::fs::{self, File};

use serde_json::Value;

use crate::centre::{Centre, PUBLISH, VERIFY};
use crate::watching::{WATCH, Watcher};

#[test]
fn a_delivered_batch_is_accepted_published_and_filed() {
    let centre = Centre::waiting(300, 2);
    let made = centre.made();
    let watcher = Watcher::start(&centre);
    // Without a marker: taken once it has not changed for a while.
    centre.deliver(&made[0], "a.csv");
    let judged = watcher.event("judged");
    assert_eq!(
        (&judged["file"], &judged["filed"]),
        (&"a.csv".into(), &"accepted/a.csv".into())
    );
    assert_eq!(judged["rejected"], 0);
    let published = watcher.event("published");
    assert_eq!(
        (&published["outcome"], &published["epoch"]),
        (&"published".into(), &1.into())
    );
    // Not yet whole, by its name; then whole, by its marker.
    centre.deliver(&made[1], "b.CSV.part");
    fs::rename(centre.path("inbox/b.CSV.part"), centre.path("inbox/b.CSV")).unwrap();
    centre.vouch("b.CSV");
    assert_eq!(watcher.event("judged")["filed"], "accepted/b.CSV");
    assert_eq!(watcher.event("published")["epoch"], 2);

    assert_eq!(centre.names("inbox"), ["accepted", "rejected"]);
    let filed = ["a.csv", "a.csv.report.json", "b.CSV", "b.CSV.report.json"];
    assert_eq!(centre.names("inbox/accepted"), filed);
    assert!(centre.names("inbox/rejected").is_empty());
    let report = centre.report("accepted/a.csv");
    assert_eq!(report["rows"], judged["rows"]);
    let bytes = |path: &str| fs::read(centre.path(path)).unwrap();
    assert_eq!(
        bytes("inbox/accepted/a.csv"),
        bytes(&format!("made/{}", made[0]))
    );
    // Commands run beside it.
    centre.run(VERIFY).silent(0);
    centre.run(PUBLISH).silent(0);
    let ended = watcher.terminate();
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!(ended.out, r#"{"event":"stopped","unpublished":false}"#);
}

#[test]
fn a_file_of_which_nothing_is_admitted_is_rejected_with_its_report() {
    let centre = Centre::waiting(50, 1);
    let watcher = Watcher::start(&centre);
    fs::write(centre.path("inbox/picture.xlsx"), [0xff, 0xd8, 0xff, 0xe0]).unwrap();
    assert_eq!(watcher.event("judged")["readable"], false);
    let report = centre.report("rejected/picture.xlsx");
    assert_eq!(report["rejections"][0]["code"], "file_unreadable");
    // Every row of it is an issue that the ledger has.
    let made = centre.made().remove(0);
    centre.deliver(&made, "first.csv");
    watcher.event("judged");
    watcher.event("published");
    let text = fs::read_to_string(centre.path(&format!("made/{made}"))).unwrap();
    fs::write(centre.path("inbox/again.csv"), text + "\n").unwrap();
    let judged = watcher.event("judged");
    assert_eq!(
        (&judged["filed"], &judged["admitted"]),
        (&"rejected/again.csv".into(), &0.into())
    );
    assert_eq!(judged["rejected"], judged["rows"]);
    let codes = centre.report("rejected/again.csv");
    assert_eq!(codes["rejections"][0]["code"], "number_duplicate");
    let ended = watcher.terminate();
    assert_eq!(ended.code, 0);
    let shown = centre.run("show --store store --json").json(0);
    assert_eq!(
        shown["channels"][0]["epoch"], 1,
        "nothing new, nothing published"
    );
}

#[test]
fn the_same_file_again_gets_its_first_report_and_the_same_name_a_number() {
    let centre = Centre::waiting(100, 2);
    let made = centre.made();
    let watcher = Watcher::start(&centre);
    centre.deliver(&made[0], "a.csv");
    let first = watcher.event("judged");
    assert_eq!(first["accepted_before"], Value::Null);
    watcher.event("published");
    centre.deliver(&made[0], "a.csv");
    let again = watcher.event("judged");
    assert_eq!(again["filed"], "accepted/a.2.csv");
    assert!(again["accepted_before"].is_string());
    assert_eq!(
        centre.report("accepted/a.csv"),
        centre.report("accepted/a.2.csv")
    );
    let unchanged = centre.run("show --store store --json").json(0);
    assert_eq!(unchanged["channels"][0]["epoch"], 1);
    // Another file of that name.
    centre.deliver(&made[1], "a.csv");
    assert_eq!(watcher.event("judged")["filed"], "accepted/a.3.csv");
    assert_eq!(watcher.event("published")["epoch"], 2);
    assert_eq!(centre.names("ledger/batches").len(), 2);
}

#[test]
fn a_second_one_ends_with_75() {
    let centre = Centre::waiting(20, 1);
    let watcher = Watcher::start(&centre);
    let second = centre.run(WATCH);
    assert!(second.line(75).contains("somebody else is watching inbox"));
    watcher.kill();
    // The lock ends with its process.
    assert_eq!(Watcher::start(&centre).terminate().code, 0);
}

#[test]
fn names_that_lead_nowhere_end_it() {
    let centre = Centre::waiting(20, 1);
    for (wrong, told) in [
        ("--inbox inbox", "inbxo is not there"),
        ("--registry registry", "regsitry is not there"),
    ] {
        let name = told.split(' ').next().unwrap();
        let flag = wrong.split(' ').next().unwrap();
        let run = centre.run(&WATCH.replace(wrong, &format!("{flag} {name}")));
        assert!(run.line(65).contains(told), "{}", run.err);
    }
    let roll = centre.run(&format!("{WATCH} --roll rol.csv"));
    assert!(
        roll.line(65).contains("rol.csv is not there"),
        "{}",
        roll.err
    );
}

#[test]
fn what_passes_is_waited_for_and_the_file_stays() {
    let centre = Centre::waiting(60, 3);
    let made = centre.made();
    let watcher = Watcher::start(&centre);

    // A registry that somebody is editing.
    let plans = centre.path("registry/plans.csv");
    let whole = fs::read(&plans).unwrap();
    fs::write(&plans, &whole[..whole.len() / 2]).unwrap();
    centre.deliver(&made[0], "a.csv");
    let waiting = watcher.event("waiting");
    assert!(
        waiting["reason"].as_str().unwrap().contains("plans.csv"),
        "{waiting}"
    );
    assert!(centre.path("inbox/a.csv").exists());
    fs::write(&plans, &whole).unwrap();
    assert_eq!(watcher.event("judged")["filed"], "accepted/a.csv");
    watcher.event("published");

    // Somebody accepts by hand, then somebody publishes.
    let lock = File::open(centre.path("ledger/lock")).unwrap();
    lock.try_lock().unwrap();
    centre.deliver(&made[1], "b.csv");
    let waiting = watcher.event("waiting");
    assert!(
        waiting["reason"]
            .as_str()
            .unwrap()
            .contains("accepting into"),
        "{waiting}"
    );
    assert!(centre.path("inbox/b.csv").exists());
    let store = File::open(centre.path("store")).unwrap();
    store.try_lock().unwrap();
    drop(lock);
    watcher.event("judged");
    let waiting = watcher.event("waiting");
    assert!(
        waiting["reason"]
            .as_str()
            .unwrap()
            .contains("publishing into"),
        "{waiting}"
    );
    // Meanwhile it goes on accepting.
    centre.deliver(&made[2], "c.csv");
    watcher.event("judged");
    drop(store);
    assert_eq!(watcher.event("published")["epoch"], 2);
    assert_eq!(watcher.terminate().code, 0);
    centre.run(VERIFY).silent(0);
}

#[test]
fn a_guard_of_publish_ends_it_with_2() {
    let centre = Centre::published(40);
    let other = Centre::new(41);
    fs::rename(centre.path("ledger"), centre.path("old")).unwrap();
    fs::rename(other.path("ledger"), centre.path("ledger")).unwrap();
    let run = centre.run(WATCH);
    assert!(run.line(2).contains("does not contain it"), "{}", run.err);
}

#[test]
fn what_somebody_pointed_to_is_not_published_over() {
    let centre = Centre::waiting(60, 2);
    let made = centre.made();
    let watcher = Watcher::start(&centre);
    centre.deliver(&made[0], "a.csv");
    watcher.event("judged");
    watcher.event("published");
    centre.deliver(&made[1], "b.csv");
    watcher.event("judged");
    watcher.event("published");
    let point = "point --store store --keys keys --generation 1 --reason mistake";
    centre.run(point).silent(0);
    centre.deliver(&made[2], "c.csv");
    watcher.event("judged");
    let ended = watcher.end();
    assert!(
        ended.line(2).contains("index-builder publish"),
        "{}",
        ended.err
    );
    let again = centre.run(WATCH);
    assert!(again.line(2).contains("generation 3"), "{}", again.err);
    let shown = centre.run("show --store store --json").json(0);
    assert_eq!(shown["channels"][0]["epoch"], 3);
    // Somebody moves on.
    centre.run(&format!("{PUBLISH} --layer base")).silent(0);
    assert_eq!(Watcher::start(&centre).terminate().code, 0);
}

#[test]
fn for_people_it_tells_a_line_an_event() {
    let centre = Centre::waiting(30, 1);
    let made = centre.made().remove(0);
    centre.deliver(&made, "a.csv");
    // Another ledger is live, so that it ends by itself after one round.
    let other = Centre::published(31);
    fs::rename(other.path("store"), centre.path("store")).unwrap();
    for name in ["publisher.key", "publisher.pub", "lookup.key"] {
        let key = format!("keys/{name}");
        fs::copy(other.path(&key), centre.path(&key)).unwrap();
    }
    centre.vouch("a.csv");
    let run = centre.run(&WATCH.replace(" --json", ""));
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    let lines: Vec<&str> = run.err.lines().collect();
    assert_eq!(lines.len(), 3, "{}", run.err);
    assert_eq!(lines[0], "watching inbox");
    assert!(lines[1].starts_with("a.csv: "), "{}", lines[1]);
    assert!(lines[1].contains(" rows, "), "{}", lines[1]);
    assert!(
        lines[1].contains("0 rejected; accepted/a.csv, "),
        "{}",
        lines[1]
    );
    assert!(lines[2].starts_with("index-builder: "), "{}", lines[2]);
}
