//! A register of five certificates, published as a builder would: through `snapshot`'s writers,
//! signed, into a store in a temporary directory, with the keys and the configuration beside it.

use std::fs;
use std::path::{Path, PathBuf};

use certificate::{
    CertificateNumber, Date, HolderName, IdentityNumber, IdentityType, InstitutionCode, LookupKey,
    OccupationCode,
};
use certq::refresh::Source;
use snapshot::digest::Digest;
use snapshot::{
    Affiliation, BlobRef, Cache, Centre, Channel, ChannelEntry, Counts, Coverage, Holders,
    Institution, LayerKind, LayerRef, LedgerHead, Manifest, NumbersAndRows, Occupation, Outcome,
    PublishId, Publisher, PublisherKeys, Row, Status, Store, Texts, keyfile, layout,
};
use tempfile::TempDir;

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
const PUBLISHED_AT: &str = "2026-11-24T02:00:00.999Z";

/// A folder with keys, a store and a configuration.
pub(crate) struct Register {
    folder: TempDir,
    store: Store,
    key: LookupKey,
    publisher: Publisher,
}

/// What varies between the certificates of the fixture.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) number: &'static str,
    pub(crate) name: &'static str,
    pub(crate) id_number: String,
    pub(crate) issued_on: Date,
    pub(crate) direction: u16,
    pub(crate) centre: u8,
    pub(crate) withdrawn_on: Option<Date>,
}

/// The five certificates.
pub(crate) fn certificates() -> Vec<Certificate> {
    let certificate = Certificate {
        number: VALID,
        name: ZHANG,
        id_number: ZHANG_ID.to_owned(),
        issued_on: Date::constant(2020, 11, 30),
        direction: 0,
        centre: 0,
        withdrawn_on: None,
    };
    vec![
        certificate.clone(),
        Certificate {
            number: WITHDRAWN,
            issued_on: Date::constant(2021, 6, 30),
            direction: 1,
            withdrawn_on: Some(Date::constant(2021, 9, 1)),
            ..certificate.clone()
        },
        Certificate {
            number: "J000044000002205000001",
            name: "买买提·阿不都",
            id_number: identity("44000020010203001"),
            centre: 1,
            ..certificate.clone()
        },
        Certificate {
            number: "J000044000002205000002",
            name: "𠮷田花",
            id_number: identity("44000020020304002"),
            centre: 1,
            ..certificate.clone()
        },
        Certificate {
            number: "J000044000003204000009",
            name: "ANNA-MARIA O'NEIL",
            id_number: identity("44000020030405002"),
            centre: 1,
            ..certificate
        },
    ]
}

/// The 18 characters of these 17 digits.
fn identity(digits: &str) -> String {
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
        }
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
        let manifest = publisher.sign(manifest).unwrap();
        let made = self.store.create_manifest(&manifest).unwrap();
        assert_eq!(made, Outcome::Created);
        let entry = ChannelEntry {
            format: layout::FORMAT,
            channel: Channel::parse("stable").unwrap(),
            epoch,
            generation: manifest.generation,
            manifest: *manifest.digest(),
            published_at: PUBLISHED_AT.parse().unwrap(),
            publish_id: manifest.publish_id,
            reason: "publish".to_owned(),
            overrides: Vec::new(),
        };
        let made = self
            .store
            .create_channel_entry(&publisher.sign(entry).unwrap());
        assert_eq!(made.unwrap(), Outcome::Created);
    }

    /// Where the store keeps the rows of these certificates.
    pub(crate) fn rows_blob(&self, certificates: &[Certificate]) -> BlobRef {
        self.manifest(1, certificates).layers[0].rows
    }

    /// Where a blob is in the store.
    pub(crate) fn blob_path(&self, blob: &BlobRef) -> PathBuf {
        self.store.blob_path(blob)
    }

    fn manifest(&self, generation: u64, certificates: &[Certificate]) -> Manifest {
        let mut sorted: Vec<_> = certificates
            .iter()
            .map(|it| (number(it.number), it))
            .collect();
        sorted.sort_by_key(|(number, _)| *number);
        let withdrawn = certificates
            .iter()
            .filter(|it| it.withdrawn_on.is_some())
            .count();
        let mut table = NumbersAndRows::new(&self.store).unwrap();
        for (number, certificate) in &sorted {
            table.push(number, &self.row(number, certificate)).unwrap();
        }
        let (numbers, rows, count) = table.finish().unwrap();
        Manifest {
            format: layout::FORMAT,
            generation,
            publish_id: PublishId::random(),
            created_at: PUBLISHED_AT.parse().unwrap(),
            normalisation: certificate::NORMALISATION_VERSION,
            layers: vec![LayerRef {
                kind: LayerKind::Base,
                key_id: self.key.id(),
                algorithm: certificate::key::MacAlgorithm::HmacSha256,
                certificates: count,
                numbers,
                holders: self.holders(&sorted),
                rows,
            }],
            texts: texts(&sorted).write(&self.store).unwrap(),
            counts: Counts {
                certificates: count,
                withdrawn: withdrawn as u64,
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

    fn row(&self, number: &CertificateNumber, certificate: &Certificate) -> Row {
        let (name, id_number) = certificate.holder();
        Row {
            name_tag: self.key.name_tag(number, &name),
            id_tag: self.key.id_tag(number, &id_number),
            initial: name.initial(),
            occupation: 0,
            direction: certificate.direction,
            reason: certificate.withdrawn_on.map(|_| 0),
            review_centre: certificate.centre,
            issued_on: certificate.issued_on,
            reviewed_on: Date::constant(2020, 11, 20),
            status: match certificate.withdrawn_on {
                Some(_) => Status::Withdrawn,
                None => Status::Valid,
            },
            status_on: certificate.withdrawn_on,
            revision: if certificate.withdrawn_on.is_some() {
                2
            } else {
                1
            },
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
    fn holder(&self) -> (HolderName, IdentityNumber) {
        let id_number = IdentityNumber::parse(IdentityType::RESIDENT, &self.id_number);
        (HolderName::parse(self.name).unwrap(), id_number.unwrap())
    }
}

fn number(text: &str) -> CertificateNumber {
    CertificateNumber::parse(text).unwrap()
}

fn texts(sorted: &[(CertificateNumber, &Certificate)]) -> Texts {
    let mut coverage: Vec<Coverage> = Vec::new();
    for (number, _) in sorted {
        match coverage.last_mut() {
            Some(last) if last.institution == number.institution() => last.certificates += 1,
            _ => coverage.push(Coverage {
                institution: number.institution(),
                certificates: 1,
                latest_review_on: Date::constant(2026, 11, 20),
            }),
        }
    }
    Texts {
        format: layout::FORMAT,
        institutions: institutions(),
        occupations: vec![Occupation {
            code: OccupationCode::parse("4-04-05-05").unwrap(),
            name: "人工智能训练师".to_owned(),
        }],
        directions: vec![String::new(), "图像\\\"视觉\"方向".to_owned()],
        reasons: vec!["发证信息有误".to_owned()],
        centres: vec![
            centre("440000", "440000", "广东省职业技能服务指导中心"),
            centre("440100", "440100", "广州市职业技能鉴定指导中心"),
        ],
        coded_centres: None,
        coverage,
        statistics: Vec::new(),
    }
}

fn centre(code: &str, division: &str, name: &str) -> Centre {
    Centre {
        code: code.to_owned(),
        name: name.to_owned(),
        division: division.to_owned(),
        phone: format!("020-{code}"),
        address: "广州市示例路1号".to_owned(),
    }
}

/// One provincial, one municipal, one removed on the day after publication in Shanghai's morning,
/// and one without certificates and with a name that would be a formula.
fn institutions() -> Vec<Institution> {
    let institution = Institution {
        code: InstitutionCode::parse("J000044000001").unwrap(),
        name: "广东省“示例”技师学院".to_owned(),
        city: "440100".to_owned(),
        affiliation: Affiliation::Provincial,
        kind: "技师学院".to_owned(),
        top_level: '2',
        filed_on: Date::constant(2020, 3, 20),
        removed_on: None,
        removal_reason: None,
    };
    let code = |text| InstitutionCode::parse(text).unwrap();
    vec![
        institution.clone(),
        Institution {
            code: code("J000044000002"),
            name: "广州市示例技工学校".to_owned(),
            affiliation: Affiliation::Municipal,
            kind: "高级技工学校".to_owned(),
            top_level: '3',
            ..institution.clone()
        },
        Institution {
            code: code("J000044000003"),
            name: "已移出技工学校".to_owned(),
            affiliation: Affiliation::Municipal,
            removed_on: Some(Date::constant(2026, 11, 24)),
            removal_reason: Some("停办".to_owned()),
            ..institution.clone()
        },
        Institution {
            code: code("J000044000004"),
            name: "=HYPERLINK(\"x\")".to_owned(),
            ..institution
        },
    ]
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
