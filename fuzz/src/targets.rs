//! What is fuzzed: for each kind of bytes that somebody else wrote, a plain function that must not
//! panic, with what must hold whenever the bytes are taken.
//!
//! libFuzzer calls these from `targets/`; the tests replay `seeds/` through them with no tool but
//! cargo (`index-builder/tests/corpus`). A crash that was found is minimised and becomes a seed.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use certificate::key::{LookupKey, MacAlgorithm};
use certificate::sample::registry;
use certificate::{
    CertificateNumber, HolderName, IdentityNumber, IdentityType, InstitutionCode, OccupationCode,
    date, tidy, tidy_prose,
};
use index_builder::Checker;
use snapshot::signed::Document;
use snapshot::{
    BlobRef, Cache, Channel, ChannelEntry, LayerRef, Manifest, Publication, Publisher,
    PublisherKeys, Question, Row, Snapshot, Store, Texts, layout, verify,
};
use tempfile::TempDir;

/// A target.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its seeds.
pub const TARGETS: [(&str, Target); 8] = [
    ("manifest", manifest),
    ("entry", entry),
    ("texts", texts),
    ("layer", layer),
    ("row", row),
    ("csv", csv),
    ("xlsx", xlsx),
    ("words", words),
];

/// A store with two layers, and the key that it was made with.
const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../snapshot/tests/it/fixtures/v2"
);
const LOOKUP_KEY: [u8; 32] = [1; 32];
const GENERATION: u64 = 42;
const EPOCH: u64 = 107;

/// Digits in a row that would be a number of a person or of a certificate.
const TELLING_DIGITS: usize = 12;

/// A store with the fixture's blobs and a reader's cache, used again and again.
struct Bench {
    _folder: TempDir,
    store: Store,
    cache: Cache,
    manifest: Manifest,
    /// A reader refuses another entry for an epoch that it has seen.
    epoch: u64,
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::new(Bench::new());
}

/// A manifest, whoever signed it.
pub fn manifest(bytes: &[u8]) {
    BENCH.with_borrow(|bench| {
        let path = bench.store.root().join(layout::manifest(GENERATION));
        fs::write(path, bytes).expect("a temporary file");
        if let Ok(read) = bench.store.read_manifest_unverified(GENERATION) {
            let manifest = read.expect("it was written");
            assert_eq!(manifest.generation, GENERATION);
            assert!(manifest.blobs().count() >= 4);
            signed_again(manifest);
        }
    });
}

/// A channel entry, whoever signed it.
pub fn entry(bytes: &[u8]) {
    BENCH.with_borrow(|bench| {
        let path = layout::channel_entry(&stable(), EPOCH);
        fs::write(bench.store.root().join(path), bytes).expect("a temporary file");
        let read = bench.store.read_channel_entry_unverified(&stable(), EPOCH);
        if let Ok(read) = read {
            let entry = read.expect("it was written");
            assert_eq!((&entry.channel, entry.epoch), (&stable(), EPOCH));
            signed_again(entry);
        }
    });
}

/// A document that was taken is one that we could have written.
fn signed_again<T: Document + Clone + PartialEq + std::fmt::Debug>(document: T) {
    let publisher = publisher();
    let signed = publisher.sign(document.clone()).expect("it was checked");
    let keys = PublisherKeys::new(vec![publisher.public().clone()]);
    let again = keys
        .open::<T>(signed.bytes().to_vec())
        .expect("we signed it");
    assert_eq!(*again, document);
}

/// The tables behind the codes.
pub fn texts(bytes: &[u8]) {
    if let Ok(texts) = Texts::parse(bytes) {
        for institution in &texts.institutions {
            assert!(texts.institution(&institution.code).is_some());
        }
        for coverage in &texts.coverage {
            assert!(texts.coverage(&coverage.institution).is_some());
        }
    }
}

/// One blob of a layer, signed with its true digest: the first byte says which of the three.
/// Opened and asked as a server does, and read as `verify` does.
pub fn layer(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    BENCH.with_borrow_mut(|bench| bench.layer(*which, bytes));
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::create(&folder.path().join("store")).expect("a temporary folder");
        let fixture = Path::new(FIXTURE);
        for part in [layout::blobs(), layout::manifests(), layout::channels()] {
            copy(&fixture.join(part), &store.root().join(part));
        }
        let manifest = store.read_manifest_unverified(GENERATION);
        Self {
            cache: Cache::open(&folder.path().join("cache")).expect("a temporary folder"),
            manifest: manifest
                .expect("the fixture is whole")
                .expect("it was copied"),
            store,
            epoch: EPOCH,
            _folder: folder,
        }
    }

    fn layer(&mut self, which: u8, bytes: &[u8]) {
        let blob = commit(&self.store, bytes);
        let is_new = !self.manifest.blobs().any(|known| known == blob);
        let mut manifest = self.manifest.clone();
        let base: &mut LayerRef = manifest.layers.last_mut().expect("a manifest has a base");
        match which % 3 {
            0 => base.numbers = blob,
            1 => base.holders = blob,
            _ => base.rows = blob,
        }
        // Either may find damage; neither may fall over it.
        let _ = verify::generation(&self.store, &manifest, &mut |_| {});
        self.epoch += 1;
        let key = LookupKey::new(MacAlgorithm::HmacSha256, &LOOKUP_KEY);
        let publication = publication(manifest, self.epoch);
        let opened = Snapshot::open(&self.cache, &self.store, publication, &[key], None);
        if let Ok(snapshot) = opened {
            ask(&snapshot);
        }
        if is_new {
            fs::remove_file(self.store.blob_path(&blob)).expect("a temporary file");
            self.cache
                .sweep(&[&self.manifest])
                .expect("a temporary folder");
        }
    }
}

/// Asks about certificates that are in the fixture and some that are not.
fn ask(snapshot: &Snapshot) {
    let passport = IdentityType::parse("08").expect("a type");
    for serial in 0..24_u32 {
        let number = format!("J000044000001203{serial:06}");
        let number = CertificateNumber::parse(&number).expect("a number");
        let name = HolderName::parse("张三").expect("a name");
        let holder = format!("E{:08}", serial % 10);
        let holder = IdentityNumber::parse(passport, &holder).expect("a passport");
        for factors in [
            (Some(number), Some(name.clone()), None),
            (Some(number), None, Some(holder.clone())),
            (None, Some(name.clone()), Some(holder.clone())),
        ] {
            let question = Question::new(factors.0, factors.1, factors.2).expect("two factors");
            for found in snapshot::look_up(snapshot, &question).into_iter().flatten() {
                assert!(factors.0.is_none_or(|asked| asked == found.number));
            }
        }
    }
    // A server scrubs now and then.
    let _ = snapshot.scrub();
}

/// A row under a checksum that fits: what is taken is what we would have written.
pub fn row(bytes: &[u8]) {
    let Some(packed) = bytes.first_chunk::<{ layout::ROW }>() else {
        return;
    };
    let number = CertificateNumber::parse("J000044000001203000001").expect("a number");
    let mut packed = *packed;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(number.as_bytes()), &packed[4..]);
    packed[..4].copy_from_slice(&checksum.to_le_bytes());
    if let Some(row) = Row::unpack(&number, &packed) {
        assert_eq!(row.pack(&number).expect("it was read"), packed);
    }
}

/// A delivered file that is called CSV.
pub fn csv(bytes: &[u8]) {
    judge(bytes, "batch.csv");
}

/// A delivered file that is called a workbook.
pub fn xlsx(bytes: &[u8]) {
    judge(bytes, "batch.xlsx");
}

/// Judged in full against a registry. The report is whole and gives away no number.
fn judge(bytes: &[u8], name: &str) {
    static CHECKER: OnceLock<Checker> = OnceLock::new();
    let checker = CHECKER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in registry::files() {
            fs::write(folder.path().join(name), text).expect("a temporary file");
        }
        Checker::open(folder.path()).expect("the sample's registry is good")
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a temporary file");
    let report = checker.check(&path).expect("nothing stands in the way");
    let report: serde_json::Value = serde_json::from_str(&report).expect("a report is JSON");
    assert!(report["admitted"].as_u64() <= report["rows"].as_u64());
    let told = [
        &report["rejections"],
        &report["warnings"],
        &report["notices"],
    ];
    let told = told.map(ToString::to_string).concat();
    for digits in bytes.split(|byte| !byte.is_ascii_digit()) {
        let digits = std::str::from_utf8(digits).expect("digits");
        assert!(
            digits.len() < TELLING_DIGITS || !told.contains(digits),
            "it quotes a number"
        );
    }
}

/// Numbers, identity numbers, names, dates and codes: to read what was read changes nothing.
pub fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let typed = [
        CertificateNumber::parse(text),
        CertificateNumber::parse_query(text),
    ];
    for number in typed.into_iter().flatten() {
        let again = CertificateNumber::from_canonical(number.as_str());
        assert_eq!(again, Ok(number));
    }
    if let Ok(name) = HolderName::parse(text) {
        let again = HolderName::parse(name.expose()).expect("a canonical name");
        assert_eq!(again.expose(), name.expose());
    }
    for kind in IdentityType::all() {
        if let Ok(number) = IdentityNumber::parse(kind, text) {
            let again = IdentityNumber::parse(kind, number.expose()).expect("a canonical number");
            assert_eq!(again.expose(), number.expose());
        }
    }
    assert_eq!(tidy(&tidy(text)), tidy(text));
    assert_eq!(tidy_prose(&tidy_prose(text)), tidy_prose(text));
    if let Ok(code) = InstitutionCode::parse(text) {
        assert_eq!(InstitutionCode::parse(code.as_str()), Ok(code));
    }
    // What these make of a text has no canonical spelling to come back to.
    let _ = (
        OccupationCode::parse(text),
        date::parse(text),
        IdentityType::parse(text),
    );
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a temporary folder");
    for entry in fs::read_dir(from).expect("the fixture") {
        let entry = entry.expect("the fixture");
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).expect("a temporary file")),
        }
    }
}

fn commit(store: &Store, bytes: &[u8]) -> BlobRef {
    let mut blob = store.stage().expect("a temporary file");
    std::io::Write::write_all(&mut blob, bytes).expect("a temporary file");
    blob.commit().expect("a temporary file")
}

/// A manifest made live.
fn publication(manifest: Manifest, epoch: u64) -> Publication {
    let publisher = publisher();
    let manifest = publisher.sign(manifest).expect("a good manifest");
    let entry = publisher.sign(ChannelEntry {
        format: layout::FORMAT,
        channel: stable(),
        epoch,
        generation: GENERATION,
        manifest: *manifest.digest(),
        published_at: manifest.created_at,
        publish_id: manifest.publish_id,
        reason: "fuzz".to_owned(),
        overrides: Vec::new(),
    });
    Publication::new(entry.expect("a good entry"), manifest).expect("they belong together")
}

fn publisher() -> Publisher {
    Publisher::new(&[5; 32])
}

fn stable() -> Channel {
    Channel::parse("stable").expect("a name")
}
