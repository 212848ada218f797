//! What must be true after something went wrong: judged from the files and by the program's own
//! `verify`, against the same command undisturbed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::centre::{Centre, Run, Work};
use crate::scenario::{ACCEPT_TWO, PUBLISH, SCENARIOS, SHOW, SWEEP, Scenario, VERIFY};

/// A register as it lies in a work directory.
#[derive(Clone)]
pub(crate) struct Register {
    /// Every file that is created once and never changed.
    published: BTreeMap<PathBuf, Vec<u8>>,
    /// The rows of each batch.
    batches: Vec<Vec<String>>,
    epochs: usize,
    /// Which blobs are live, and what they count.
    live: Value,
    /// What lies in the inbox, by name.
    delivered: Vec<PathBuf>,
    /// Files and folders that are no part of a register at rest.
    stray: Vec<PathBuf>,
}

/// What to expect of a scenario.
pub(crate) struct Oracle {
    command: &'static str,
    /// Where it starts.
    pub(crate) template: Work,
    before: Register,
    /// After the command.
    after: Register,
    /// After the command and a `publish`.
    settled: Register,
    /// Whether the command publishes again when it is run again.
    repeats: bool,
}

/// What was found after something went wrong.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Found {
    Old,
    /// The first of two batches, whole.
    Part,
    New,
}

/// What is wrong, for the message of a failed test or for the count of a mutant.
pub(crate) type Verdict<T> = Result<T, String>;

impl Register {
    pub(crate) fn read(work: &Work) -> Self {
        let mut register = Self {
            published: BTreeMap::new(),
            batches: Vec::new(),
            epochs: 0,
            live: Value::Null,
            delivered: Vec::new(),
            stray: Vec::new(),
        };
        for name in ["inbox", "ledger", "store", "tmp"] {
            register.take(work.path(), Path::new(name));
        }
        if register.epochs > 0 {
            let shown = work.run(SHOW).json().unwrap_or_default();
            let generation = &shown["generation"];
            register.live = ["layers", "texts", "certificates", "withdrawn"]
                .map(|field| generation[field].clone())
                .to_vec()
                .into();
        }
        register
    }

    /// Takes what is below a path inside a work directory, in the order of the names.
    fn take(&mut self, root: &Path, inside: &Path) {
        let path = root.join(inside);
        let Ok(entries) = fs::read_dir(&path) else {
            return;
        };
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            let inside = inside.join(name);
            let path = root.join(&inside);
            match (path.is_dir(), Kind::of(&inside)) {
                (true, Kind::Folder) => self.take(root, &inside),
                (false, Kind::Published) => self.take_published(inside, fs::read(path).unwrap()),
                (false, Kind::Rewritten) => {}
                (false, Kind::Delivered) => self.delivered.push(inside),
                _ => self.stray.push(inside),
            }
        }
    }

    fn take_published(&mut self, inside: PathBuf, bytes: Vec<u8>) {
        if inside.starts_with("ledger") {
            let text = String::from_utf8_lossy(&bytes);
            let is_row = |line: &&str| line.starts_with(|first: char| first.is_ascii_digit());
            let rows = text.lines().filter(is_row).map(str::to_owned);
            self.batches.push(rows.collect());
        }
        if inside.starts_with("store/channels") {
            self.epochs += 1;
        }
        self.published.insert(inside, bytes);
    }

    /// How many epochs it has.
    pub(crate) fn epochs(&self) -> usize {
        self.epochs
    }

    /// Their numbers, ascending.
    pub(crate) fn epoch_numbers(&self) -> Vec<usize> {
        let entries = self.published.keys();
        entries
            .filter(|path| path.starts_with("store/channels"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap())
            .collect()
    }

    /// Whether all that was published here is there, unchanged.
    pub(crate) fn is_kept_by(&self, later: &Self) -> Verdict<()> {
        self.is_kept_by_all_but(&[], later)
    }

    /// The same; these may be gone, but not changed.
    fn is_kept_by_all_but(&self, removed: &[&PathBuf], later: &Self) -> Verdict<()> {
        let lost = self.published.iter().find(|(path, bytes)| {
            let found = later.published.get(*path);
            found != Some(bytes) && !(found.is_none() && removed.contains(path))
        });
        match lost {
            None => Ok(()),
            Some((path, _)) => Err(format!("{} has changed or is gone", path.display())),
        }
    }

    /// How far it has come: each accepted batch and each publication is a step.
    fn steps(&self) -> usize {
        self.batches.len() + self.epochs
    }
}

/// What a path may be in a register at rest.
enum Kind {
    Folder,
    Published,
    /// The lock and the derived index.
    Rewritten,
    /// A batch, its marker or its report.
    Delivered,
    Stray,
}

impl Kind {
    fn of(inside: &Path) -> Self {
        let parts: Vec<&str> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        let digits = |name: &str, count, end| {
            name.strip_suffix(end).is_some_and(|stem: &str| {
                stem.len() == count && stem.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        match parts[..] {
            ["inbox", "accepted" | "rejected"]
            | ["ledger", "batches" | "index"]
            | ["store", "blobs" | "manifests" | "channels" | "staging"]
            | ["store", "blobs", "sha256"]
            | ["store", "blobs", "sha256", _]
            | ["store", "channels", "stable"] => Self::Folder,
            ["inbox", ..] => Self::Delivered,
            ["ledger", "lock"] => Self::Rewritten,
            ["ledger", "index", name] if name.ends_with(".segment") => Self::Rewritten,
            ["ledger", "batches", name] if digits(name, 10, ".batch") => Self::Published,
            ["store", "manifests", name] | ["store", "channels", "stable", name]
                if digits(name, 20, ".json") =>
            {
                Self::Published
            }
            ["store", "blobs", "sha256", start, name]
                if name.len() == 64 && name.starts_with(start) =>
            {
                Self::Published
            }
            _ => Self::Stray,
        }
    }
}

impl Oracle {
    /// Runs a scenario undisturbed to learn what to expect.
    pub(crate) fn of(centre: &Centre, scenario: &Scenario) -> Self {
        let folder = scenario.name.replace([' ', ','], "-");
        let template = centre.before(scenario, &format!("{folder}-template"));
        let work = centre.work(&format!("{folder}-undisturbed"));
        work.reset(&template);
        work.run(scenario.command).expect_code(0);
        let after = Register::read(&work);
        work.run(PUBLISH).expect_code(0);
        let settled = Register::read(&work);
        work.run(scenario.command).expect_code(0);
        let oracle = Self {
            command: scenario.command,
            before: Register::read(&template),
            template,
            after,
            repeats: Register::read(&work).steps() > settled.steps(),
            settled,
        };
        assert!(oracle.after.published != oracle.before.published);
        assert_eq!(oracle.settled.stray, Vec::<PathBuf>::new());
        oracle
    }

    /// A work directory for the runs of one thread.
    pub(crate) fn work(&self) -> Work {
        let name = self.template.path().file_name().unwrap().to_str().unwrap();
        let path = self.template.path().with_file_name(format!("{name}-run"));
        Work::at(&path)
    }

    /// Where every run starts.
    pub(crate) fn before(&self) -> &Register {
        &self.before
    }

    /// Judges what is there right after a run went wrong that had started from `from` and had
    /// acknowledged so many steps.
    pub(crate) fn judge(
        &self,
        work: &Work,
        from: &Register,
        acknowledged: usize,
    ) -> Verdict<Register> {
        let found = Register::read(work);
        self.judge_published(from, &found)?;
        let possible = self.after.steps() - self.before.steps();
        if found.steps() < from.steps() + acknowledged.min(possible) {
            return Err(format!("lost: {acknowledged} steps were acknowledged"));
        }
        let expected = match found.epochs == self.before.epochs {
            true => &self.before.live,
            false => &self.after.live,
        };
        if found.live != *expected {
            return Err(format!("live is {}, not {expected}", found.live));
        }
        let verified = work.run(VERIFY);
        let nothing_there = found.epochs == 0
            && verified.code == Some(65)
            && ["is not there", "has no generation"]
                .iter()
                .any(|told| verified.err.contains(told));
        match verified.code == Some(0) || nothing_there {
            true => Ok(found),
            false => Err(format!("unreadable: {}", verified.err)),
        }
    }

    /// What was published stays, and what is new is what the undisturbed run wrote, whole.
    fn judge_published(&self, from: &Register, found: &Register) -> Verdict<()> {
        from.is_kept_by_all_but(&self.removed(), found)?;
        if !self.after.batches.starts_with(&found.batches) {
            return Err("the ledger holds other rows".to_owned());
        }
        match (from.epochs..=self.epochs_after(from)).contains(&found.epochs) {
            true => Ok(()),
            false => Err(format!("{} epochs", found.epochs)),
        }
    }

    /// How many epochs there are when the command was run to its end from here.
    fn epochs_after(&self, from: &Register) -> usize {
        match self.repeats {
            true => from.epochs + self.after.epochs - self.before.epochs,
            false => self.after.epochs,
        }
    }

    /// What the command removes.
    fn removed(&self) -> Vec<&PathBuf> {
        let before = self.before.published.keys();
        before
            .filter(|path| !self.after.published.contains_key(*path))
            .collect()
    }

    /// How far a run came that ended like this.
    pub(crate) fn side(&self, found: &Register) -> Found {
        match found.steps() {
            steps if steps >= self.after.steps() => Found::New,
            steps if steps <= self.before.steps() => Found::Old,
            _ => Found::Part,
        }
    }

    /// Runs the command again, then `publish`: everything must be as if nothing had happened,
    /// and nothing may lie about.
    pub(crate) fn judge_recovery(&self, work: &Work, from: &Register) -> Verdict<()> {
        let again = work.run(self.command);
        if again.code != Some(0) {
            return Err(format!("the next run ends {:?}: {}", again.code, again.err));
        }
        let found = Register::read(work);
        let removed = self.removed();
        if let Some(path) = removed
            .iter()
            .find(|path| found.published.contains_key(**path))
        {
            return Err(format!("{} is still there", path.display()));
        }
        let epochs = self.epochs_after(from);
        Self::compare("after the next run", &found, &self.after, epochs)?;
        let published = work.run(PUBLISH);
        if published.code != Some(0) {
            return Err(format!("publish: {}", published.err));
        }
        let found = Register::read(work);
        let epochs = epochs + self.settled.epochs - self.after.epochs;
        Self::compare("after publishing", &found, &self.settled, epochs)?;
        let swept = work.run(SWEEP);
        let verified = work.run(VERIFY);
        match (swept.code, verified.code) {
            (Some(0), Some(0)) => nothing_noticed(&verified),
            _ => Err(format!("gc: {}verify: {}", swept.err, verified.err)),
        }
    }

    /// Both judgements of a single run that went wrong.
    pub(crate) fn judge_run(&self, work: &Work, acknowledged: usize) -> Verdict<Found> {
        let found = self.judge(work, &self.before, acknowledged)?;
        self.judge_recovery(work, &found)?;
        Ok(self.side(&found))
    }

    fn compare(when: &str, found: &Register, expected: &Register, epochs: usize) -> Verdict<()> {
        let same = [
            ("rows", found.batches == expected.batches),
            ("epochs", found.epochs == epochs),
            ("what is live", found.live == expected.live),
            ("files in the inbox", found.delivered == expected.delivered),
        ];
        if let Some((what, _)) = same.iter().find(|(_, same)| !same) {
            return Err(format!("{when}: other {what}"));
        }
        match found.stray.is_empty() {
            true => Ok(()),
            false => Err(format!("litter {when}: {:?}", found.stray)),
        }
    }
}

/// A killed writer may leave a manifest and blobs that nothing names. After `gc` there are none.
fn nothing_noticed(verified: &Run) -> Verdict<()> {
    let report = verified.json().unwrap_or_default();
    match report["notices"].as_array().map(Vec::as_slice) {
        Some([]) => Ok(()),
        notices => Err(format!("litter: {notices:?}")),
    }
}

#[test]
fn damage_loss_and_litter_are_seen() {
    let centre = Centre::new();
    let accept = &SCENARIOS[1];
    assert_eq!(accept.command, ACCEPT_TWO);
    let oracle = Oracle::of(&centre, accept);
    let work = oracle.work();
    let wrong = |plant: &dyn Fn(&Path), acknowledged: usize| {
        work.reset(&oracle.template);
        plant(work.path());
        oracle.judge_run(&work, acknowledged).unwrap_err()
    };
    assert!(wrong(&|_| (), 1).contains("lost"));
    let batch = "ledger/batches/0000000001.batch";
    let manifest = "store/manifests/00000000000000000001.json";
    for published in [batch, manifest] {
        let emptied = |root: &Path| fs::write(root.join(published), "").unwrap();
        assert!(wrong(&emptied, 0).contains("has changed or is gone"));
        let gone = |root: &Path| fs::remove_file(root.join(published)).unwrap();
        assert!(wrong(&gone, 0).contains("has changed or is gone"));
    }
    let torn = |root: &Path| fs::write(root.join("ledger/batches/0000000002.batch"), "").unwrap();
    assert!(wrong(&torn, 0).contains("the ledger holds other rows"));
    let epoch = "store/channels/stable/00000000000000000002.json";
    let torn = |root: &Path| fs::write(root.join(epoch), "{").unwrap();
    assert!(wrong(&torn, 0).contains("epochs"));
    for litter in ["ledger/index/half", "store/name", "tmp/spool"] {
        let plant = |root: &Path| fs::write(root.join(litter), "").unwrap();
        assert!(
            wrong(&plant, 0).contains("litter after the next run"),
            "{litter}"
        );
    }
    work.reset(&oracle.template);
    assert_eq!(oracle.judge_run(&work, 0), Ok(Found::Old));
}
