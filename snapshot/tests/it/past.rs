//! Formats that were published since the first release are opened for ever, and version 2 is what we write.
//!
//! `fixtures/v2` is a whole store with two layers. `CERTQ_WRITE_FIXTURES=1` writes it anew; that
//! is right only before a release.

use std::fs;
use std::path::{Path, PathBuf};

use certificate::key::MacAlgorithm;
use certificate::{
    CertificateNumber, Date, HolderName, IdentityNumber, IdentityType, InstitutionCode, LookupKey,
    OccupationCode,
};
use snapshot::{
    Affiliation, Centre, Coverage, Digest, Institution, LayerKind, Manifest, Occupation, Publisher,
    Row, StatisticsGroup, Status, Store, Texts, layout, verify,
};

use crate::world::{Certificate, World, assert_all_found, published_files};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/v2")
}

fn certificate(key: &LookupKey, serial: u32, name: &str, passport: &str) -> Certificate {
    let number = format!("J000044000001203{serial:06}");
    let number = CertificateNumber::parse(&number).unwrap();
    let name = HolderName::parse(name).unwrap();
    let id_number = IdentityNumber::parse(IdentityType::parse("08").unwrap(), passport).unwrap();
    let row = Row {
        name_tag: key.name_tag(&number, &name),
        id_tag: key.id_tag(&number, &id_number),
        initial: name.initial(),
        occupation: 0,
        direction: u16::from(serial.is_multiple_of(2)),
        reason: None,
        review_centre: 0,
        issued_on: Date::constant(2020, 11, 30),
        reviewed_on: Date::constant(2020, 11, 20),
        status: Status::Valid,
        status_on: None,
        revision: 1,
        sequence: u64::from(serial),
    };
    Certificate {
        number,
        name,
        id_number,
        row,
    }
}

/// Twenty certificates of the base, of which one is withdrawn since, and one that is new.
fn certificates(key: &LookupKey) -> (Vec<Certificate>, Vec<Certificate>) {
    let names = ["张三", "李四", "阿依古丽·买买提", "𠮷田", "SMITH J."];
    let holder = |serial: u32| {
        let name = names[serial as usize % names.len()];
        certificate(key, serial, name, &format!("E{:08}", serial % 10))
    };
    let base: Vec<Certificate> = (1..=20).map(holder).collect();
    let mut withdrawn = base[7].clone();
    withdrawn.row.status = Status::Withdrawn;
    withdrawn.row.status_on = Some(Date::constant(2021, 3, 1));
    withdrawn.row.reason = Some(0);
    withdrawn.row.revision = 2;
    withdrawn.row.sequence = 22;
    (base, vec![withdrawn, holder(21)])
}

fn texts() -> Texts {
    let code = InstitutionCode::parse("J000044000001").unwrap();
    Texts {
        format: layout::FORMAT,
        institutions: vec![Institution {
            code,
            name: "示例技师学院".into(),
            city: "440100".into(),
            affiliation: Affiliation::Provincial,
            kind: "技师学院".into(),
            top_level: '2',
            filed_on: Date::constant(2020, 5, 1),
            removed_on: Some(Date::constant(2024, 5, 1)),
            removal_reason: Some("自愿退出".into()),
        }],
        occupations: vec![Occupation {
            code: OccupationCode::parse("4-04-05-05").unwrap(),
            name: "人工智能训练师".into(),
        }],
        directions: vec![String::new(), "数据标注员".into()],
        reasons: vec!["持证人申请注销".into()],
        centres: vec![Centre {
            code: "440000".into(),
            name: "省技能中心".into(),
            division: "440000".into(),
            phone: "020-00000000".into(),
            address: "广州市".into(),
        }],
        coded_centres: None,
        coverage: vec![Coverage {
            institution: code,
            certificates: 21,
            latest_review_on: Date::constant(2021, 3, 1),
        }],
        statistics: vec![StatisticsGroup {
            institution: code,
            year: 2020,
            level: '3',
            occupation: 0,
            certificates: 21,
            withdrawn: 1,
        }],
    }
}

/// The fixture as we would write it today, and the register that it is.
fn publish() -> (World, Vec<Certificate>) {
    let folder = tempfile::tempdir().unwrap();
    let key = LookupKey::new(MacAlgorithm::HmacSha256, &[1; 32]);
    let (base, fresh) = certificates(&key);
    let mut register = base.clone();
    register[7] = fresh[0].clone();
    register.push(fresh[1].clone());
    let world = World {
        store: Store::create(&folder.path().join("store")).unwrap(),
        folder,
        publisher: Publisher::new(&[2; 32]),
        key,
        certificates: register.clone(),
        texts: texts(),
    };
    let layers = vec![
        world.layer(LayerKind::Fresh, &fresh),
        world.layer(LayerKind::Base, &base),
    ];
    let mut manifest: Manifest = world.manifest(42, layers, 21);
    let publish_id = "\"000102030405060708090a0b0c0d0e0f\"";
    manifest.publish_id = serde_json::from_str(publish_id).unwrap();
    world.publish(107, manifest);
    (world, register)
}

fn contents(store: &Store) -> Vec<(PathBuf, Digest)> {
    let files = published_files(store).into_iter();
    files
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            let below = path.strip_prefix(store.root()).unwrap().to_owned();
            (below, Digest::of(&bytes))
        })
        .collect()
}

#[test]
fn version_2_is_what_we_write() {
    let (world, _) = publish();
    if std::env::var_os("CERTQ_WRITE_FIXTURES").is_some() {
        let _ = fs::remove_dir_all(fixture());
        for path in published_files(&world.store) {
            let below = path.strip_prefix(world.store.root()).unwrap();
            let copy = fixture().join(below);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(&path, &copy).unwrap();
        }
    }
    assert_eq!(contents(&world.store), contents(&Store::open(&fixture())));
}

#[test]
fn version_2_is_read_and_answers() {
    let (mut world, register) = publish();
    fs::remove_dir_all(world.store.root()).unwrap();
    world.store = Store::open(&fixture());
    let snapshot = world.open(&world.cache(), 107).unwrap();
    assert_eq!((snapshot.generation(), snapshot.certificates()), (42, 21));
    assert_eq!(*snapshot.texts(), texts());
    assert_all_found(&snapshot, &register);
    verify::generation(&world.store, snapshot.manifest(), &mut |_| {}).unwrap();
}
