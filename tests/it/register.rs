//! A register of five certificates, published as a builder would: through `snapshot`'s writers,
//! signed, into a store in a temporary directory, with the keys and the configuration beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use certificate::{CertificateNumber, Date, HolderName, IdentityNumber, IdentityType, LookupKey};
use certq::live::Current;
use certq::memory::Memory;
use certq::refresh::Source;
use jiff::Timestamp;
use snapshot::digest::Digest;
use snapshot::{
    BlobRef, Cache, Channel, ChannelEntry, Counts, Holders, LayerKind, LayerRef, LedgerHead,
    Manifest, NumbersAndRows, Outcome, PublishId, Publisher, PublisherKeys, Row, Signed, Snapshot,
    Status, Store, keyfile, layout,
};
use tempfile::TempDir;

use crate::tables::texts;

/// The holder of the first two certificates.
pub(crate) const ZHANG: &str = "张三";
/// The example of GB 11643, which belongs to nobody.
pub(crate) const ZHANG_ID: &str = "11010519491231002X";
/// Valid, issued by the provincial school.
pub(crate) const VALID: &str = "J000044000001203000123";
/// Withdrawn, of the same holder, issued later.
pub(crate) const WITHDRAWN: &str = "J000044000001214000001";
/// Of the provincial school and never issued.
pub(crate) const UNKNOWN: &str = "J000044000001203000124";

/// When everything is published; answers show whole seconds.
pub(crate) const PUBLISHED_AT: &str = "2026-11-24T02:00:00.999Z";

/// A folder with keys, a store and a configuration.
pub(crate) struct Register {
    folder: TempDir,
    pub(crate) store: Store,
    key: LookupKey,
    pub(crate) publisher: Publisher,
}

/// What varies between the certificates of the fixture.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) number: String,
    pub(crate) name: String,
    pub(crate) id_number: String,
    pub(crate) issued_on: Date,
    pub(crate) direction: u16,
    pub(crate) centre: u8,
    pub(crate) withdrawn_on: Option<Date>,
    /// Index into the reasons, of a withdrawal or else of the newest change.
    pub(crate) reason: Option<u16>,
    pub(crate) revision: u16,
}

/// The five certificates.
pub(crate) fn certificates() -> Vec<Certificate> {
    let certificate = Certificate {
        number: VALID.to_owned(),
        name: ZHANG.to_owned(),
        id_number: ZHANG_ID.to_owned(),
        issued_on: Date::constant(2020, 11, 30),
        direction: 0,
        centre: 0,
        withdrawn_on: None,
        reason: None,
        revision: 1,
    };
    let mut withdrawn = Certificate {
        number: WITHDRAWN.to_owned(),
        issued_on: Date::constant(2021, 6, 30),
        direction: 1,
        ..certificate.clone()
    };
    withdrawn.withdraw(Date::constant(2021, 9, 1));
    vec![
        certificate.clone(),
        withdrawn,
        Certificate {
            number: "J000044000002205000001".to_owned(),
            name: "买买提·阿不都".to_owned(),
            id_number: identity("44000020010203001"),
            centre: 1,
            ..certificate.clone()
        },
        Certificate {
            number: "J000044000002205000002".to_owned(),
            name: "𠮷田花".to_owned(),
            id_number: identity("44000020020304002"),
            centre: 1,
            ..certificate.clone()
        },
        Certificate {
            number: "J000044000003204000009".to_owned(),
            name: "ANNA-MARIA O'NEIL".to_owned(),
            id_number: identity("44000020030405002"),
            centre: 1,
            ..certificate
        },
    ]
}

/// The 18 characters of these 17 digits.
pub(crate) fn identity(digits: &str) -> String {
    "0123456789X"
        .chars()
        .map(|check| format!("{digits}{check}"))
        .find(|number| IdentityNumber::parse(IdentityType::RESIDENT, number).is_ok())
        .unwrap()
}

impl Register {
    /// Keys, an empty store, and a configuration on free ports.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        keyfile::create_missing(&keys).unwrap();
        let register = Self {
            store: Store::create(&folder.path().join("store")).unwrap(),
            key: keyfile::read_lookup(&keys.join(layout::LOOKUP_KEY)).unwrap(),
            publisher: keyfile::read_publisher(&keys.join(layout::PUBLISHER_KEY)).unwrap(),
            folder,
        };
        register.configure("");
        register
    }

    /// The five certificates as epoch 107.
    pub(crate) fn published() -> Self {
        let register = Self::empty();
        register.publish(107, &certificates());
        register
    }

    /// Another register with the same keys and files, for a test that damages its own.
    pub(crate) fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(self.folder.path(), folder.path());
        let publisher = keyfile::read_publisher(&folder.path().join("keys/publisher.key"));
        Self {
            store: Store::open(&folder.path().join("store")),
            key: self.key.clone(),
            publisher: publisher.unwrap(),
            folder,
        }
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Writes the configuration; `public` goes into the section [public].
    pub(crate) fn configure(&self, public: &str) -> PathBuf {
        let path = self.path("certq.toml");
        let text = format!(
            "[store]\npath = \"store\"\npoll_interval_ms = 50\n\
             [keys]\nlookup = [\"keys/lookup.key\"]\npublishers = [\"keys/publisher.pub\"]\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n\
             [public]\nlisten = [\"127.0.0.1:0\"]\n{public}\n"
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// What a reader needs to follow the channel.
    pub(crate) fn source(&self) -> Source {
        Source {
            store: self.store.clone(),
            cache: Cache::open(&self.path("cache")).unwrap(),
            channel: Channel::parse("stable").unwrap(),
            publishers: PublisherKeys::new(vec![self.publisher.public().clone()]),
            keys: vec![self.key.clone()],
            memory: Memory::below(Path::new("/")),
        }
    }

    /// The epoch 107 of [`published`](Self::published), opened in this process.
    pub(crate) fn current(&self) -> Arc<Current> {
        let Source {
            store,
            cache,
            channel,
            publishers,
            keys,
            ..
        } = self.source();
        let publication = store.read_publication(&channel, 107, &publishers).unwrap();
        let publication = publication.expect("it is published");
        let snapshot = Snapshot::open(&cache, &store, publication, &keys, None);
        Arc::new(Current::new(snapshot.unwrap()))
    }

    /// Publishes these certificates as an epoch; its generation is 65 less, so that the two are
    /// told apart.
    pub(crate) fn publish(&self, epoch: u64, certificates: &[Certificate]) {
        self.publish_by(&self.publisher, epoch, certificates);
    }

    /// The same, signed by somebody else.
    pub(crate) fn publish_by(
        &self,
        publisher: &Publisher,
        epoch: u64,
        certificates: &[Certificate],
    ) {
        let manifest = self.manifest(epoch - 65, certificates);
        self.publish_manifest_by(publisher, epoch, manifest);
    }

    /// The same, at another time.
    pub(crate) fn publish_at(&self, epoch: u64, certificates: &[Certificate], at: Timestamp) {
        let manifest = self.manifest(epoch - 65, certificates);
        let manifest = self.commit(self.publisher.sign(manifest).unwrap());
        let mut entry = entry(epoch, &manifest);
        entry.published_at = at;
        self.enter(&self.publisher, entry);
    }

    /// Publishes a manifest as an epoch.
    pub(crate) fn publish_manifest(&self, epoch: u64, manifest: Manifest) {
        self.publish_manifest_by(&self.publisher, epoch, manifest);
    }

    /// The same, signed by somebody else.
    pub(crate) fn publish_manifest_by(
        &self,
        publisher: &Publisher,
        epoch: u64,
        manifest: Manifest,
    ) {
        let manifest = self.commit(publisher.sign(manifest).unwrap());
        self.enter(publisher, entry(epoch, &manifest));
    }

    /// Writes a manifest, which makes nothing live yet.
    pub(crate) fn commit(&self, manifest: Signed<Manifest>) -> Signed<Manifest> {
        let made = self.store.create_manifest(&manifest).unwrap();
        assert_eq!(made, Outcome::Created);
        manifest
    }

    /// Writes the entry that makes a generation live.
    pub(crate) fn enter(&self, publisher: &Publisher, entry: ChannelEntry) {
        let entry = publisher.sign(entry).unwrap();
        let made = self.store.create_channel_entry(&entry).unwrap();
        assert_eq!(made, Outcome::Created);
    }

    /// Where the store keeps the rows of these certificates.
    pub(crate) fn rows_blob(&self, certificates: &[Certificate]) -> BlobRef {
        self.manifest(1, certificates).layers[0].rows
    }

    /// Where a blob is in the store.
    pub(crate) fn blob_path(&self, blob: &BlobRef) -> PathBuf {
        self.store.blob_path(blob)
    }

    /// A generation of one layer.
    pub(crate) fn manifest(&self, generation: u64, certificates: &[Certificate]) -> Manifest {
        let base = self.layer(LayerKind::Base, certificates);
        self.manifest_of(generation, vec![base], certificates)
    }

    /// A generation of these layers, which together hold these certificates.
    pub(crate) fn manifest_of(
        &self,
        generation: u64,
        layers: Vec<LayerRef>,
        certificates: &[Certificate],
    ) -> Manifest {
        let count = certificates.len() as u64;
        let withdrawn = |it: &&Certificate| it.withdrawn_on.is_some();
        Manifest {
            format: layout::FORMAT,
            generation,
            publish_id: PublishId::random(),
            created_at: PUBLISHED_AT.parse().unwrap(),
            normalisation: certificate::NORMALISATION_VERSION,
            layers,
            texts: texts(&sorted(certificates)).write(&self.store).unwrap(),
            counts: Counts {
                certificates: count,
                withdrawn: certificates.iter().filter(withdrawn).count() as u64,
                institutions: 3,
            },
            ledger: LedgerHead {
                head: Digest::of(b""),
                batches: 1,
                rows: count,
            },
            registry: Digest::of(b"registry"),
            base: None,
            pointed: None,
        }
    }

    /// Writes a layer of these certificates.
    pub(crate) fn layer(&self, kind: LayerKind, certificates: &[Certificate]) -> LayerRef {
        let sorted = sorted(certificates);
        let mut table = NumbersAndRows::new(&self.store).unwrap();
        for (number, certificate) in &sorted {
            table.push(number, &self.row(number, certificate)).unwrap();
        }
        let (numbers, rows, count) = table.finish().unwrap();
        LayerRef {
            kind,
            key_id: self.key.id(),
            algorithm: certificate::key::MacAlgorithm::HmacSha256,
            certificates: count,
            numbers,
            holders: self.holders(&sorted),
            rows,
        }
    }

    fn row(&self, number: &CertificateNumber, certificate: &Certificate) -> Row {
        let (name, id_number) = certificate.holder();
        Row {
            name_tag: self.key.name_tag(number, &name),
            id_tag: self.key.id_tag(number, &id_number),
            initial: name.initial(),
            occupation: 0,
            direction: certificate.direction,
            reason: certificate.reason,
            review_centre: certificate.centre,
            issued_on: certificate.issued_on,
            reviewed_on: Date::constant(2020, 11, 20),
            status: match certificate.withdrawn_on {
                Some(_) => Status::Withdrawn,
                None => Status::Valid,
            },
            status_on: certificate.withdrawn_on,
            revision: certificate.revision,
            sequence: 1,
        }
    }

    fn holders(&self, sorted: &[(CertificateNumber, &Certificate)]) -> BlobRef {
        let key = |certificate: &Certificate| {
            let (name, id_number) = certificate.holder();
            self.key.holder_key(&id_number, &name)
        };
        let mut entries: Vec<_> = sorted
            .iter()
            .zip(0_u32..)
            .map(|((_, it), ordinal)| (key(it), ordinal))
            .collect();
        entries.sort();
        let mut holders = Holders::new(&self.store, entries.len() as u64).unwrap();
        for (key, ordinal) in entries {
            holders.push(key, ordinal).unwrap();
        }
        holders.finish().unwrap()
    }
}

impl Certificate {
    /// Withdraws it on this day.
    pub(crate) fn withdraw(&mut self, day: Date) {
        self.withdrawn_on = Some(day);
        self.reason = Some(0);
        self.revision += 1;
    }

    fn holder(&self) -> (HolderName, IdentityNumber) {
        let id_number = IdentityNumber::parse(IdentityType::RESIDENT, &self.id_number);
        (HolderName::parse(&self.name).unwrap(), id_number.unwrap())
    }
}

/// By number.
fn sorted(certificates: &[Certificate]) -> Vec<(CertificateNumber, &Certificate)> {
    let number = |it: &Certificate| CertificateNumber::parse(&it.number).unwrap();
    let mut sorted: Vec<_> = certificates.iter().map(|it| (number(it), it)).collect();
    sorted.sort_by_key(|(number, _)| *number);
    sorted
}

/// The entry that makes a generation live.
pub(crate) fn entry(epoch: u64, manifest: &Signed<Manifest>) -> ChannelEntry {
    ChannelEntry {
        format: layout::FORMAT,
        channel: Channel::parse("stable").unwrap(),
        epoch,
        generation: manifest.generation,
        manifest: *manifest.digest(),
        published_at: PUBLISHED_AT.parse().unwrap(),
        publish_id: manifest.publish_id,
        reason: "publish".to_owned(),
        overrides: Vec::new(),
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            fs::create_dir(&to).unwrap();
            copy_folder(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// Changes one byte of a file in place.
pub(crate) fn flip(path: &Path, offset: u64) {
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], offset).unwrap();
}
