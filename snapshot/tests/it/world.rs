//! A publisher, a store, readers, and certificates of the sample population.

use std::path::{Path, PathBuf};

use certificate::key::MacAlgorithm;
use certificate::{CertificateNumber, HolderName, IdentityNumber, LookupKey};
use snapshot::{
    BlobRef, Cache, Channel, ChannelEntry, Counts, Damaged, Digest, Found, Holders, LayerKind,
    LayerRef, LedgerHead, Manifest, NumbersAndRows, OpenError, Outcome, Publication, PublishId,
    Publisher, PublisherKeys, Question, Row, Signed, Snapshot, Status, Store, StoreError, Texts,
    layout,
};
use tempfile::TempDir;

use crate::population::population;

/// One certificate and who holds it.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) number: CertificateNumber,
    pub(crate) name: HolderName,
    pub(crate) id_number: IdentityNumber,
    pub(crate) row: Row,
}

/// Everything on one machine.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    pub(crate) key: LookupKey,
    /// By number.
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) texts: Texts,
}

/// Why an epoch cannot be served.
#[derive(Debug)]
pub(crate) enum Refused {
    Missing,
    Store(StoreError),
    Open(OpenError),
}

/// Seeded, small, good enough to choose bits with (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

pub(crate) fn stable() -> Channel {
    Channel::parse("stable").unwrap()
}

impl World {
    /// A population of this size; nothing is published yet.
    pub(crate) fn new(certificates: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = LookupKey::new(MacAlgorithm::HmacSha256, &[3; 32]);
        let (certificates, texts) = population(certificates, &key);
        Self {
            store: Store::create(&folder.path().join("store")).unwrap(),
            folder,
            publisher: Publisher::new(&[4; 32]),
            key,
            certificates,
            texts,
        }
    }

    /// As [`new`](Self::new), published as epoch 1 and generation 1.
    pub(crate) fn published(certificates: u64) -> Self {
        let world = Self::new(certificates);
        let base = world.layer(LayerKind::Base, &world.certificates);
        let manifest = world.manifest(1, vec![base], world.certificates.len());
        world.publish(1, manifest);
        world
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn cache(&self) -> Cache {
        Cache::open(&self.path("cache")).unwrap()
    }

    pub(crate) fn publishers(&self) -> PublisherKeys {
        PublisherKeys::new(vec![self.publisher.public().clone()])
    }

    /// Writes a layer of these certificates, which are in number order.
    pub(crate) fn layer(&self, kind: LayerKind, certificates: &[Certificate]) -> LayerRef {
        let mut writer = NumbersAndRows::new(&self.store).unwrap();
        let mut entries = Vec::new();
        for (ordinal, certificate) in (0..).zip(certificates) {
            writer.push(&certificate.number, &certificate.row).unwrap();
            let key = self
                .key
                .holder_key(&certificate.id_number, &certificate.name);
            entries.push((key, ordinal));
        }
        let (numbers, rows, count) = writer.finish().unwrap();
        entries.sort_unstable();
        let mut holders = Holders::new(&self.store, count).unwrap();
        for (key, ordinal) in entries {
            holders.push(key, ordinal).unwrap();
        }
        LayerRef {
            kind,
            key_id: self.key.id(),
            algorithm: MacAlgorithm::HmacSha256,
            certificates: count,
            numbers,
            holders: holders.finish().unwrap(),
            rows,
        }
    }

    pub(crate) fn manifest(
        &self,
        generation: u64,
        layers: Vec<LayerRef>,
        certificates: usize,
    ) -> Manifest {
        let withdrawn = |c: &&Certificate| c.row.status == Status::Withdrawn;
        Manifest {
            format: layout::FORMAT,
            generation,
            publish_id: PublishId::random(),
            created_at: "2026-11-24T01:59:58Z".parse().unwrap(),
            normalisation: certificate::NORMALISATION_VERSION,
            layers,
            texts: self.texts.write(&self.store).unwrap(),
            counts: Counts {
                certificates: certificates as u64,
                withdrawn: self.certificates.iter().filter(withdrawn).count() as u64,
                institutions: self.texts.coverage.len() as u64,
            },
            ledger: LedgerHead {
                head: Digest::of(b"ledger"),
                batches: 1,
                rows: certificates as u64,
            },
            registry: Digest::of(b"registry"),
            base: None,
            pointed: None,
        }
    }

    pub(crate) fn entry(&self, epoch: u64, manifest: &Signed<Manifest>) -> ChannelEntry {
        ChannelEntry {
            format: layout::FORMAT,
            channel: stable(),
            epoch,
            generation: manifest.generation,
            manifest: *manifest.digest(),
            published_at: "2026-11-24T02:00:00Z".parse().unwrap(),
            publish_id: manifest.publish_id,
            reason: "publish".into(),
            overrides: Vec::new(),
        }
    }

    /// Signs both documents without writing them.
    pub(crate) fn publication(&self, epoch: u64, manifest: Manifest) -> Publication {
        let manifest = self.publisher.sign(manifest).unwrap();
        let entry = self.publisher.sign(self.entry(epoch, &manifest)).unwrap();
        Publication::new(entry, manifest).unwrap()
    }

    /// Makes a manifest live.
    pub(crate) fn publish(&self, epoch: u64, manifest: Manifest) -> Publication {
        let publication = self.publication(epoch, manifest);
        let made = self.store.create_manifest(publication.manifest()).unwrap();
        assert_eq!(made, Outcome::Created);
        let made = self
            .store
            .create_channel_entry(publication.entry())
            .unwrap();
        assert_eq!(made, Outcome::Created);
        publication
    }

    /// What a reader does with an epoch.
    pub(crate) fn open(&self, cache: &Cache, epoch: u64) -> Result<Snapshot, Refused> {
        let publication = self
            .store
            .read_publication(&stable(), epoch, &self.publishers())
            .map_err(Refused::Store)?
            .ok_or(Refused::Missing)?;
        self.open_publication(cache, publication)
    }

    pub(crate) fn open_publication(
        &self,
        cache: &Cache,
        publication: Publication,
    ) -> Result<Snapshot, Refused> {
        self.open_beside(cache, publication, None)
    }

    /// What a reader does that has a snapshot open.
    pub(crate) fn open_beside(
        &self,
        cache: &Cache,
        publication: Publication,
        live: Option<&Snapshot>,
    ) -> Result<Snapshot, Refused> {
        let keys = std::slice::from_ref(&self.key);
        Snapshot::open(cache, &self.store, publication, keys, live).map_err(Refused::Open)
    }

    /// What a reader does at its start, before it asks the store.
    pub(crate) fn reopen(&self, cache: &Cache) -> Result<Snapshot, Refused> {
        let remembered = cache.remembered(&stable(), &self.publishers());
        let publication = remembered.unwrap().ok_or(Refused::Missing)?;
        self.open_publication(cache, publication)
    }
}

/// Looks up by the factors chosen: number, name, identity number.
pub(crate) fn ask(
    snapshot: &Snapshot,
    certificate: &Certificate,
    [number, name, id_number]: [bool; 3],
) -> Result<Vec<Found>, Damaged> {
    let question = Question::new(
        number.then_some(certificate.number),
        name.then(|| certificate.name.clone()),
        id_number.then(|| certificate.id_number.clone()),
    );
    snapshot::look_up(snapshot, &question.unwrap())
}

/// What a register answers to number and name, number and identity number, all three, and name
/// and identity number.
pub(crate) fn ask_every_way(
    snapshot: &Snapshot,
    certificate: &Certificate,
) -> [Result<Vec<Found>, Damaged>; 4] {
    [
        [true, true, false],
        [true, false, true],
        [true, true, true],
        [false, true, true],
    ]
    .map(|factors| ask(snapshot, certificate, factors))
}

/// Asserts that every certificate is found every way, and nothing else with it.
pub(crate) fn assert_all_found(snapshot: &Snapshot, certificates: &[Certificate]) {
    for certificate in certificates {
        let [by_name, by_id, by_all, by_holder] = ask_every_way(snapshot, certificate);
        let found = [Found {
            number: certificate.number,
            row: certificate.row,
        }];
        for answer in [by_name, by_id, by_all] {
            assert_eq!(answer.unwrap(), found);
        }
        assert_eq!(by_holder.unwrap(), of_holder(certificates, certificate));
    }
}

/// Every certificate of a holder as a look-up lists them.
pub(crate) fn of_holder(certificates: &[Certificate], holder: &Certificate) -> Vec<Found> {
    let ours = |c: &&Certificate| c.name == holder.name && c.id_number == holder.id_number;
    let mut found: Vec<Found> = certificates
        .iter()
        .filter(ours)
        .map(|c| Found {
            number: c.number,
            row: c.row,
        })
        .collect();
    found.sort_unstable_by_key(|found| (std::cmp::Reverse(found.row.issued_on), found.number));
    found
}

/// Every published file of a store: blobs, manifests, channel entries.
pub(crate) fn published_files(store: &Store) -> Vec<PathBuf> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(store.root(), &mut files);
    files.sort();
    files
}

/// Puts bytes into the store as a blob, whatever they are.
pub(crate) fn commit(store: &Store, bytes: &[u8]) -> BlobRef {
    let mut blob = store.stage().unwrap();
    std::io::Write::write_all(&mut blob, bytes).unwrap();
    blob.commit().unwrap()
}
