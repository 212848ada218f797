//! A publisher, a store, readers, and certificates of the sample population.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use certificate::key::MacAlgorithm;
use certificate::record::{Change, Details};
use certificate::sample::Population;
use certificate::{
    CertificateNumber, Date, HolderName, IdentityNumber, InstitutionCode, LookupKey,
};
use snapshot::{
    Affiliation, BlobRef, Cache, Centre, Channel, ChannelEntry, Counts, Coverage, Damaged, Digest,
    Found, Holders, Institution, LayerKind, LayerRef, LedgerHead, Manifest, NumbersAndRows,
    Occupation, OpenError, Outcome, Publication, PublishId, Publisher, PublisherKeys, Question,
    Row, Signed, Snapshot, StatisticsGroup, Status, Store, StoreError, Texts, layout,
};
use tempfile::TempDir;

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
        let keys = std::slice::from_ref(&self.key);
        Snapshot::open(cache, &self.store, publication, keys).map_err(Refused::Open)
    }

    /// What a reader does at its start, before it asks the store.
    pub(crate) fn reopen(&self, cache: &Cache) -> Result<Snapshot, Refused> {
        let remembered = cache.remembered(&stable(), &self.publishers());
        let publication = remembered.unwrap().ok_or(Refused::Missing)?;
        self.open_publication(cache, publication)
    }
}

/// The certificates of a sample, sorted, and the tables behind their codes.
pub(crate) fn population(certificates: u64, key: &LookupKey) -> (Vec<Certificate>, Texts) {
    let population = Population::new(certificates, 42);
    let mut codes = Codes::default();
    let mut all: Vec<Certificate> = (0..population.certificates())
        .map(|i| {
            let issue = population.change(i);
            let details = issue.operation.details().unwrap();
            let mut row = codes.row(key, &issue, details, i + 1);
            if let Some(withdrawal) = population.withdrawal(i) {
                row.status = Status::Withdrawn;
                row.status_on = Some(withdrawal.review.on);
                row.reason = Some(code(&mut codes.reasons, &withdrawal.reason));
                row.revision = 2;
            }
            Certificate {
                number: issue.number,
                name: details.name.clone(),
                id_number: details.id_number.clone(),
                row,
            }
        })
        .collect();
    all.sort_unstable_by_key(|certificate| certificate.number);
    let texts = codes.texts(&all);
    (all, texts)
}

/// Codes by first appearance.
#[derive(Default)]
struct Codes {
    occupations: BTreeMap<String, (u16, Occupation)>,
    directions: BTreeMap<String, u16>,
    reasons: BTreeMap<String, u16>,
    centres: BTreeMap<String, u16>,
}

impl Codes {
    fn row(&mut self, key: &LookupKey, issue: &Change, details: &Details, sequence: u64) -> Row {
        let next = u16::try_from(self.occupations.len()).unwrap();
        let occupation = Occupation {
            code: details.occupation_code,
            name: details.occupation_name.clone(),
        };
        let named = format!("{}{}", occupation.code, occupation.name);
        let occupation = self.occupations.entry(named).or_insert((next, occupation));
        Row {
            name_tag: key.name_tag(&issue.number, &details.name),
            id_tag: key.id_tag(&issue.number, &details.id_number),
            initial: details.name.initial(),
            occupation: occupation.0,
            direction: code(&mut self.directions, &details.direction),
            reason: None,
            review_centre: u8::try_from(code(&mut self.centres, &issue.review.centre)).unwrap(),
            issued_on: details.issued_on,
            reviewed_on: issue.review.on,
            status: Status::Valid,
            status_on: None,
            revision: 1,
            sequence,
        }
    }

    fn texts(self, certificates: &[Certificate]) -> Texts {
        let mut occupations: Vec<_> = self.occupations.into_values().collect();
        occupations.sort_unstable_by_key(|occupation| occupation.0);
        let centre = |code: String| Centre {
            name: format!("{code}鉴定中心"),
            division: "440000".into(),
            phone: "020-00000000".into(),
            address: "广州市".into(),
            code,
        };
        Texts {
            format: layout::FORMAT,
            institutions: institutions(certificates),
            occupations: occupations
                .into_iter()
                .map(|occupation| occupation.1)
                .collect(),
            directions: by_code(self.directions),
            reasons: by_code(self.reasons),
            centres: by_code(self.centres).into_iter().map(centre).collect(),
            coverage: coverage(certificates),
            statistics: statistics(certificates),
        }
    }
}

fn code(codes: &mut BTreeMap<String, u16>, text: &str) -> u16 {
    let next = u16::try_from(codes.len()).unwrap();
    *codes.entry(text.to_owned()).or_insert(next)
}

fn by_code(codes: BTreeMap<String, u16>) -> Vec<String> {
    let mut texts: Vec<_> = codes.into_iter().collect();
    texts.sort_unstable_by_key(|text| text.1);
    texts.into_iter().map(|text| text.0).collect()
}

fn coverage(certificates: &[Certificate]) -> Vec<Coverage> {
    let mut of: BTreeMap<InstitutionCode, (u64, Date)> = BTreeMap::new();
    for certificate in certificates {
        let reviewed_on = certificate.row.reviewed_on;
        let institution = certificate.number.institution();
        let (count, latest) = of.entry(institution).or_insert((0, reviewed_on));
        *count += 1;
        *latest = reviewed_on.max(*latest);
    }
    let coverage = |(institution, (certificates, latest_review_on))| Coverage {
        institution,
        certificates,
        latest_review_on,
    };
    of.into_iter().map(coverage).collect()
}

fn institutions(certificates: &[Certificate]) -> Vec<Institution> {
    let institution = |coverage: Coverage| Institution {
        code: coverage.institution,
        name: format!("{}技师学院", coverage.institution.as_str()),
        city: "440100".into(),
        affiliation: Affiliation::Provincial,
        kind: "技师学院".into(),
        top_level: '2',
        filed_on: Date::constant(2020, 1, 1),
        removed_on: None,
        removal_reason: None,
    };
    coverage(certificates)
        .into_iter()
        .map(institution)
        .collect()
}

fn statistics(certificates: &[Certificate]) -> Vec<StatisticsGroup> {
    let mut groups: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for Certificate { number, row, .. } in certificates {
        let level = number.level_character();
        let group = (number.institution(), number.year(), level, row.occupation);
        let (all, withdrawn) = groups.entry(group).or_default();
        *all += 1;
        *withdrawn += u64::from(row.status == Status::Withdrawn);
    }
    let group =
        |((institution, year, level, occupation), (certificates, withdrawn))| StatisticsGroup {
            institution,
            year,
            level,
            occupation,
            certificates,
            withdrawn,
        };
    groups.into_iter().map(group).collect()
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
