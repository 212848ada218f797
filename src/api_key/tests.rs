//! What the server does when the file changes under it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::quota::Now;

const BUDGETS: Budgets = Budgets {
    enabled: true,
    replicas: 1,
};

struct Bench {
    folder: TempDir,
    keys: ApiKeys,
}

impl Bench {
    /// Keys whose file is not there yet.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = ApiKeys::open(folder.path().join("api-keys.json"), BUDGETS).unwrap();
        Self { folder, keys }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("api-keys.json")
    }

    fn edit<T>(&self, change: impl FnOnce(&mut KeyFile) -> T) -> T {
        edit(&self.path(), change)
    }

    fn create(&self, name: &str, rows: u64) -> NewKey {
        self.edit(|keys| keys.create(name, rows, now().wall).unwrap())
    }

    fn rows_left(&self, key: &NewKey) -> Option<u64> {
        let account = self.keys.find(&key.secret)?;
        let rows = account.reserve(u64::MAX, now());
        account.give_back(rows, now());
        Some(rows)
    }
}

fn edit<T>(path: &Path, change: impl FnOnce(&mut KeyFile) -> T) -> T {
    let mut editing = Editing::begin(path).unwrap();
    let changed = change(&mut editing.keys);
    editing.save().unwrap();
    changed
}

fn now() -> Now {
    Now {
        wall: "2026-11-24T02:00:00Z".parse::<Timestamp>().unwrap(),
        tick: Instant::now(),
    }
}

#[test]
fn keys_come_and_go_with_the_file() {
    let bench = Bench::new();
    assert!(!bench.keys.has_file());
    assert!(bench.keys.look().unwrap_err().is_not_found());
    let first = bench.create("甲公司", 100);
    assert!(bench.keys.find(&first.secret).is_none(), "not looked yet");
    assert_eq!(bench.keys.look().unwrap(), Look::Taken(1));
    assert_eq!(bench.keys.look().unwrap(), Look::Unchanged);
    assert_eq!(bench.rows_left(&first), Some(100));
    let second = bench.create("乙公司", 50);
    bench.edit(|keys| keys.revoke(&first.id, now().wall).unwrap());
    assert_eq!(bench.keys.look().unwrap(), Look::Taken(1));
    assert_eq!(bench.rows_left(&first), None);
    assert_eq!(bench.rows_left(&second), Some(50));
    let stranger = NewKey::random();
    assert!(bench.keys.find(&stranger.secret).is_none());
}

#[test]
fn keys_of_one_name_share_an_account_that_outlives_files_and_revocation() {
    let bench = Bench::new();
    let old = bench.create("甲公司", 100);
    bench.keys.look().unwrap();
    assert_eq!(bench.keys.find(&old.secret).unwrap().reserve(60, now()), 60);
    let new = bench.create("甲公司", 150);
    bench.keys.look().unwrap();
    assert_eq!(
        (bench.rows_left(&old), bench.rows_left(&new)),
        (Some(90), Some(90))
    );
    for id in [&old.id, &new.id] {
        bench.edit(|keys| keys.revoke(id, now().wall).unwrap());
    }
    bench.keys.look().unwrap();
    let third = bench.create("甲公司", 80);
    bench.keys.look().unwrap();
    assert_eq!(bench.rows_left(&third), Some(20));
}

#[test]
fn whatever_happens_to_the_file_good_keys_go_on() {
    let bench = Bench::new();
    let key = bench.create("甲公司", 100);
    bench.keys.look().unwrap();
    let good = fs::read(bench.path()).unwrap();
    for damage in [&good[..good.len() / 2], b"", b"[]", b"\xff\xfe"] {
        fs::write(bench.path(), damage).unwrap();
        let error = bench.keys.look().unwrap_err();
        assert!(matches!(error, ApiKeyError::Damaged { .. }), "{error}");
        assert_eq!(bench.rows_left(&key), Some(100));
    }
    fs::write(bench.path(), &good).unwrap();
    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let error = bench.keys.look().unwrap_err().to_string();
    assert!(error.contains("mode 0644; chmod 0600 it"), "{error}");
    fs::remove_file(bench.path()).unwrap();
    assert!(bench.keys.look().unwrap_err().is_not_found());
    assert_eq!(bench.rows_left(&key), Some(100));
    fs::write(bench.path(), &good).unwrap();
    fs::set_permissions(bench.path(), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(bench.keys.look().unwrap(), Look::Unchanged);
}

#[test]
fn a_file_that_cannot_be_used_ends_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api-keys.json");
    fs::write(&path, "{}").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(
        ApiKeys::open(path, BUDGETS),
        Err(ApiKeyError::Damaged { .. })
    ));
}

#[test]
fn trouble_is_counted_each_time_and_logged_once() {
    let bench = Bench::new();
    bench.create("甲公司", 100);
    let (folder, path) = (&bench.folder, bench.path());
    let keys = Arc::new(ApiKeys::open(path.clone(), BUDGETS).unwrap());
    let metrics = Arc::new(crate::metrics::Metrics::new(&[], Vec::new()));
    let sink = fs::File::create(folder.path().join("log")).unwrap();
    let log = crate::log::Log::start(sink, metrics.log_lines_dropped.clone(), || {
        "2026-11-24T02:00:00Z".parse().unwrap()
    });
    let mut watching = Watching::new(keys, Arc::clone(&metrics), log.clone());
    let good = fs::read(&path).unwrap();
    watching.look();
    fs::remove_file(&path).unwrap();
    watching.look();
    watching.look();
    fs::write(&path, "{}").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    watching.look();
    fs::write(&path, good).unwrap();
    watching.look();
    fs::remove_file(&path).unwrap();
    watching.look();
    assert_eq!(metrics.api_key_failures.get(), 4);
    log.flush(std::time::Duration::from_secs(10));
    let logged = fs::read_to_string(folder.path().join("log")).unwrap();
    assert_eq!(logged.matches("api_keys_kept").count(), 3, "{logged}");
    assert!(!logged.contains("甲公司"), "{logged}");
}
