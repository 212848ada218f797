//! A published register of the synthetic population: one that somebody has made already, or one
//! written through `snapshot`'s writers as a builder would. The cache is in a temporary directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use certificate::key::MacAlgorithm;
use certificate::record::Change;
use certificate::sample::{Population, registry};
use certificate::{CertificateNumber, HolderKey, InstitutionCode, LookupKey, date};
use snapshot::{
    Affiliation, BlobRef, Cache, Centre, Channel, ChannelEntry, Counts, Coverage, Digest, Holders,
    Institution, LayerKind, LayerRef, LedgerHead, Manifest, NumbersAndRows, Occupation, Outcome,
    Publication, PublishId, Publisher, PublisherKeys, Row, Snapshot, Status, Store, Texts, keyfile,
    layout,
};
use tempfile::TempDir;

/// The population, which the builder's `sample` has by default.
const SEED: u64 = 1;

/// The register and where it lies.
pub(crate) struct Register {
    pub(crate) population: Population,
    folder: TempDir,
    store: Store,
    pub(crate) key: LookupKey,
    publishers: PublisherKeys,
}

/// Codes by first appearance.
#[derive(Default)]
struct Codes {
    occupations: Vec<Occupation>,
    directions: Vec<String>,
    reasons: Vec<String>,
    centres: Vec<String>,
    coverage: BTreeMap<InstitutionCode, Coverage>,
    withdrawn: u64,
}

impl Register {
    /// Builds and publishes it. Cost: about 10 µs a certificate.
    pub(crate) fn build(certificates: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let publisher = Publisher::new(&[8; 32]);
        let register = Self {
            population: Population::new(certificates, SEED),
            store: Store::create(&folder.path().join("store")).expect("an empty directory"),
            key: LookupKey::new(MacAlgorithm::HmacSha256, &[7; 32]),
            publishers: PublisherKeys::new(vec![publisher.public().clone()]),
            folder,
        };
        register.publish(&publisher);
        register
    }

    /// That of a centre, a directory with `keys` and `store`, whose batches are those of
    /// `index-builder sample` with the seed of this bench.
    pub(crate) fn of_centre(centre: &Path) -> Self {
        let keys = centre.join("keys");
        let publisher = keyfile::read_publisher_public(&keys.join("publisher.pub"));
        let mut register = Self {
            population: Population::new(0, SEED),
            folder: tempfile::tempdir().expect("a temporary directory"),
            store: Store::open(&centre.join("store")),
            key: keyfile::read_lookup(&keys.join("lookup.key")).expect("a look-up key"),
            publishers: PublisherKeys::new(vec![publisher.expect("a publisher's key")]),
        };
        let certificates = register.publication().manifest().counts.certificates;
        register.population = Population::new(certificates, SEED);
        register
    }

    /// Opens it as the server does; the cache keeps what was copied.
    pub(crate) fn open(&self) -> Snapshot {
        let cache = Cache::open(&self.folder.path().join("cache")).expect("a private directory");
        let keys = std::slice::from_ref(&self.key);
        Snapshot::open(&cache, &self.store, self.publication(), keys, None).expect("just published")
    }

    /// Empties the cache.
    pub(crate) fn forget(&self) {
        fs::remove_dir_all(self.folder.path().join("cache")).expect("it was opened before");
    }

    /// What is live.
    pub(crate) fn publication(&self) -> Publication {
        let epochs = self.store.epochs(&stable()).expect("a readable store");
        let newest = epochs.into_iter().max().expect("something published");
        let publication = self
            .store
            .read_publication(&stable(), newest, &self.publishers);
        publication.expect("a readable store").expect("it is there")
    }

    /// Where it was published.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Bytes of all blobs.
    pub(crate) fn blob_bytes(&self) -> u64 {
        let publication = self.publication();
        publication.manifest().blobs().map(|blob| blob.bytes).sum()
    }

    fn publish(&self, publisher: &Publisher) {
        let (layer, codes) = self.layer();
        let certificates = layer.certificates;
        let manifest = Manifest {
            format: layout::FORMAT,
            generation: 1,
            publish_id: PublishId::random(),
            created_at: "2026-11-24T02:00:00Z".parse().expect("a time"),
            normalisation: certificate::NORMALISATION_VERSION,
            layers: vec![layer],
            counts: Counts {
                certificates,
                withdrawn: codes.withdrawn,
                institutions: codes.coverage.len() as u64,
            },
            texts: codes.texts().write(&self.store).expect("room on the disk"),
            ledger: LedgerHead {
                head: Digest::of(b"ledger"),
                batches: 1,
                rows: certificates,
            },
            registry: Digest::of(b"registry"),
            base: None,
            pointed: None,
        };
        let manifest = publisher.sign(manifest).expect("it can be written");
        let entry = ChannelEntry {
            format: layout::FORMAT,
            channel: stable(),
            epoch: 1,
            generation: 1,
            manifest: *manifest.digest(),
            published_at: manifest.created_at,
            publish_id: manifest.publish_id,
            reason: "publish".to_owned(),
            overrides: Vec::new(),
        };
        let entry = publisher.sign(entry).expect("it can be written");
        let made = [
            self.store.create_manifest(&manifest),
            self.store.create_channel_entry(&entry),
        ];
        for outcome in made {
            assert_eq!(outcome.expect("room on the disk"), Outcome::Created);
        }
    }

    fn layer(&self) -> (LayerRef, Codes) {
        let population = &self.population;
        let mut order: Vec<(CertificateNumber, u64)> = (0..population.certificates())
            .map(|i| (population.number(i), i))
            .collect();
        order.sort_unstable();
        let mut codes = Codes::default();
        let mut entries: Vec<(HolderKey, u32)> = Vec::with_capacity(order.len());
        let mut table = NumbersAndRows::new(&self.store).expect("room on the disk");
        for (ordinal, (number, i)) in (0..).zip(&order) {
            let row = codes.row(&self.key, &population.change(*i), population.withdrawal(*i));
            table.push(number, &row).expect("in order");
            let (id_number, name) = (population.id_number(*i), population.name(*i));
            entries.push((self.key.holder_key(&id_number, &name), ordinal));
        }
        let (numbers, rows, certificates) = table.finish().expect("room on the disk");
        let layer = LayerRef {
            kind: LayerKind::Base,
            key_id: self.key.id(),
            algorithm: MacAlgorithm::HmacSha256,
            certificates,
            numbers,
            holders: self.holders(entries),
            rows,
        };
        (layer, codes)
    }

    fn holders(&self, mut entries: Vec<(HolderKey, u32)>) -> BlobRef {
        entries.sort_unstable();
        let mut holders =
            Holders::new(&self.store, entries.len() as u64).expect("room on the disk");
        for (key, ordinal) in entries {
            holders.push(key, ordinal).expect("in order");
        }
        holders.finish().expect("as many as announced")
    }
}

impl Codes {
    fn row(&mut self, key: &LookupKey, issue: &Change, withdrawal: Option<Change>) -> Row {
        let (number, review) = (&issue.number, &issue.review);
        let details = issue.operation.details().expect("the sample only issues");
        let occupation = Occupation {
            code: details.occupation_code,
            name: details.occupation_name.clone(),
        };
        let covered = self
            .coverage
            .entry(number.institution())
            .or_insert(Coverage {
                institution: number.institution(),
                certificates: 0,
                latest_review_on: review.on,
            });
        covered.certificates += 1;
        covered.latest_review_on = covered.latest_review_on.max(review.on);
        self.withdrawn += u64::from(withdrawal.is_some());
        let reason = withdrawal.as_ref().map(|change| change.reason.clone());
        Row {
            name_tag: key.name_tag(number, &details.name),
            id_tag: key.id_tag(number, &details.id_number),
            initial: details.name.initial(),
            occupation: code(&mut self.occupations, occupation),
            direction: code(&mut self.directions, details.direction.clone()),
            reason: reason.map(|reason| code(&mut self.reasons, reason)),
            review_centre: u8::try_from(code(&mut self.centres, review.centre.clone()))
                .expect("there are 22 centres"),
            issued_on: details.issued_on,
            reviewed_on: review.on,
            status: if withdrawal.is_some() {
                Status::Withdrawn
            } else {
                Status::Valid
            },
            status_on: withdrawal.as_ref().map(|change| change.review.on),
            revision: if withdrawal.is_some() { 2 } else { 1 },
            sequence: 1,
        }
    }

    fn texts(self) -> Texts {
        let rows = table("centres.csv");
        let centre = |code: &String| {
            let row = rows
                .iter()
                .find(|row| row[0] == *code)
                .expect("a centre of the registry");
            Centre {
                code: row[0].clone(),
                name: row[1].clone(),
                division: row[2].clone(),
                phone: row[3].clone(),
                address: row[4].clone(),
            }
        };
        Texts {
            format: layout::FORMAT,
            institutions: table("institutions.csv")
                .iter()
                .map(|row| institution(row))
                .collect(),
            centres: self.centres.iter().map(centre).collect(),
            occupations: self.occupations,
            directions: self.directions,
            reasons: self.reasons,
            coded_centres: None,
            coverage: self.coverage.into_values().collect(),
            statistics: Vec::new(),
        }
    }
}

fn stable() -> Channel {
    Channel::parse("stable").expect("a channel's name")
}

/// The code of a value, a new one when it has none.
fn code<T: PartialEq>(codes: &mut Vec<T>, value: T) -> u16 {
    let known = codes.iter().position(|one| *one == value);
    let code = known.unwrap_or_else(|| {
        codes.push(value);
        codes.len() - 1
    });
    u16::try_from(code).expect("the sample has few texts")
}

/// Rows of a file of the sample's registry, which has no quoted cells.
fn table(name: &str) -> Vec<Vec<String>> {
    let files = registry::files();
    let (_, text) = files
        .iter()
        .find(|file| file.0 == name)
        .expect("a registry file");
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    text.lines().skip(1).map(cells).collect()
}

fn institution(row: &[String]) -> Institution {
    Institution {
        code: InstitutionCode::parse(&row[0]).expect("a code"),
        name: row[1].clone(),
        city: row[2].clone(),
        affiliation: match row[3].as_str() {
            "provincial" => Affiliation::Provincial,
            _ => Affiliation::Municipal,
        },
        kind: row[4].clone(),
        top_level: row[5].chars().next().expect("a level"),
        filed_on: date::parse(&row[6]).expect("a day"),
        removed_on: date::parse(&row[7]),
        removal_reason: Some(row[8].clone()).filter(|reason| !reason.is_empty()),
    }
}
