//! Who is found, and who is not.

use certificate::key::MacAlgorithm;
use certificate::sample::Population;
use certificate::{CertificateNumber, HolderName, IdentityNumber, IdentityType, LookupKey};
use snapshot::{LayerKind, OpenError, Question, Snapshot, Status, look_up};

use crate::world::{Certificate, Refused, World, ask, ask_every_way, assert_all_found, of_holder};

#[test]
fn every_certificate_is_found_every_way() {
    let world = World::published(500);
    let snapshot = world.open(&world.cache(), 1).unwrap();
    assert_eq!(snapshot.certificates(), 500);
    assert_eq!((snapshot.epoch(), snapshot.generation()), (1, 1));
    assert_all_found(&snapshot, &world.certificates);
    let several = world
        .certificates
        .iter()
        .filter(|c| of_holder(&world.certificates, c).len() > 1);
    assert!(several.count() > 1, "the sample has holders of several");
    snapshot.scrub().unwrap();
}

#[test]
fn a_wrong_factor_finds_nothing() {
    let world = World::published(300);
    let snapshot = world.open(&world.cache(), 1).unwrap();
    let name = HolderName::parse("欧阳无名").unwrap();
    let id = IdentityNumber::parse(IdentityType::RESIDENT, "11010519491231002X").unwrap();
    let population = Population::new(300, 42);
    for (i, certificate) in (0..).zip(&world.certificates) {
        let number = population.unknown_number(i);
        for wrong in [
            Certificate {
                name: name.clone(),
                ..certificate.clone()
            },
            Certificate {
                id_number: id.clone(),
                ..certificate.clone()
            },
            Certificate {
                number,
                ..certificate.clone()
            },
        ] {
            let [by_name, by_id, by_all, by_holder] = ask_every_way(&snapshot, &wrong);
            assert!(by_all.unwrap().is_empty());
            assert!(by_name.unwrap().is_empty() || wrong.name != name);
            assert!(by_id.unwrap().is_empty() || wrong.id_number != id);
            assert!(by_holder.unwrap().is_empty() || wrong.number == number);
        }
    }
}

#[test]
fn a_question_has_two_factors() {
    let world = World::new(1);
    let Certificate {
        number,
        name,
        id_number,
        ..
    } = &world.certificates[0];
    assert!(Question::new(None, None, None).is_none());
    assert!(Question::new(Some(*number), None, None).is_none());
    assert!(Question::new(None, Some(name.clone()), None).is_none());
    assert!(Question::new(None, None, Some(id_number.clone())).is_none());
    let question = Question::new(Some(*number), Some(name.clone()), None).unwrap();
    let printed = format!("{question:?}");
    assert!(!printed.contains(name.expose()) && !printed.contains(number.as_str()));
}

#[test]
fn an_empty_register_answers_nothing_and_is_well() {
    let world = World::published(0);
    let snapshot = world.open(&world.cache(), 1).unwrap();
    assert_eq!(snapshot.certificates(), 0);
    let stranger = &World::new(1).certificates[0];
    for answer in ask_every_way(&snapshot, stranger) {
        assert_eq!(answer.unwrap(), []);
    }
}

/// Certificates since the base: a corrected name, a withdrawal, and two new ones, of which one
/// belongs to somebody who has one already.
struct Since {
    fresh: Vec<Certificate>,
    corrected: (Certificate, Certificate),
    withdrawn: Certificate,
    new: [Certificate; 2],
}

fn since(world: &World) -> Since {
    let base = &world.certificates;
    let single = |from: usize| {
        base[from..]
            .iter()
            .find(|c| of_holder(base, c).len() == 1 && c.row.status == Status::Valid)
            .unwrap()
    };
    let before = single(0).clone();
    let mut after = before.clone();
    after.name = HolderName::parse("欧阳更正").unwrap();
    after.row.name_tag = world.key.name_tag(&after.number, &after.name);
    after.row.initial = '欧';
    after.row.revision = 2;
    let mut withdrawn = single(100).clone();
    assert!(withdrawn.number != before.number);
    withdrawn.row.status = Status::Withdrawn;
    withdrawn.row.status_on = Some(withdrawn.row.reviewed_on);
    withdrawn.row.revision = 2;
    let new = [(150, "999998"), (200, "999999")].map(|(from, serial)| {
        let mut new = single(from).clone();
        let number = format!("{}{serial}", &new.number.as_str()[..16]);
        new.number = CertificateNumber::parse(&number).unwrap();
        if from == 200 {
            new.name = HolderName::parse("司马新来").unwrap();
        }
        new.row.name_tag = world.key.name_tag(&new.number, &new.name);
        new.row.id_tag = world.key.id_tag(&new.number, &new.id_number);
        new
    });
    let mut fresh = vec![
        after.clone(),
        withdrawn.clone(),
        new[0].clone(),
        new[1].clone(),
    ];
    fresh.sort_unstable_by_key(|certificate| certificate.number);
    Since {
        fresh,
        corrected: (before, after),
        withdrawn,
        new,
    }
}

fn publish_since(world: &World, since: &Since) -> Snapshot {
    let base = world.layer(LayerKind::Base, &world.certificates);
    let fresh = world.layer(LayerKind::Fresh, &since.fresh);
    let all = world.certificates.len() + since.new.len();
    world.publish(1, world.manifest(1, vec![fresh, base], all));
    world.open(&world.cache(), 1).unwrap()
}

#[test]
fn the_fresh_layer_wins() {
    let world = World::new(300);
    let since = since(&world);
    let snapshot = publish_since(&world, &since);
    let mut register = world.certificates.clone();
    register.retain(|c| since.fresh.iter().all(|fresh| fresh.number != c.number));
    register.extend(since.fresh.iter().cloned());
    // Each certificate is in the answer once, though two of them are in both layers.
    assert_all_found(&snapshot, &register);
    assert_eq!(snapshot.certificates(), register.len() as u64);
    let answer = ask(&snapshot, &since.withdrawn, [false, true, true]).unwrap();
    assert_eq!(answer[0].row.status, Status::Withdrawn);
    assert_eq!(of_holder(&register, &since.new[0]).len(), 2);
}

#[test]
fn a_name_that_was_corrected_stops_matching() {
    let world = World::new(300);
    let since = since(&world);
    let snapshot = publish_since(&world, &since);
    let (before, after) = &since.corrected;
    assert_eq!(ask(&snapshot, before, [true, true, false]).unwrap(), []);
    assert_eq!(ask(&snapshot, before, [true, true, true]).unwrap(), []);
    assert_eq!(ask(&snapshot, before, [false, true, true]).unwrap(), []);
    let found = ask(&snapshot, before, [true, false, true]).unwrap();
    assert_eq!(found[0].row, after.row);
}

#[test]
fn layers_are_opened_with_their_own_keys() {
    let mut world = World::new(50);
    let base = world.layer(LayerKind::Base, &world.certificates);
    let old = world.key.clone();
    // The key is changed; the next certificates are tagged with the new one.
    world.key = LookupKey::new(MacAlgorithm::HmacSha256, &[5; 32]);
    let (again, _) = crate::population::population(50, &world.key);
    let fresh = world.layer(LayerKind::Fresh, &again[10..20]);
    world.publish(1, world.manifest(1, vec![fresh, base], 50));
    let cache = world.cache();
    let Err(Refused::Open(OpenError::UnknownKey { layer, key_id })) = world.open(&cache, 1) else {
        panic!("the base needs the old key");
    };
    assert_eq!((layer, key_id), (LayerKind::Base, old.id()));
    let publication = world
        .store
        .read_publication(&crate::world::stable(), 1, &world.publishers());
    let keys = [old, world.key.clone()];
    let publication = publication.unwrap().unwrap();
    let snapshot = Snapshot::open(&cache, &world.store, publication, &keys, None).unwrap();
    let rows = |c: &Certificate| ask_every_way(&snapshot, c).map(|answer| answer.unwrap().len());
    for certificate in &world.certificates {
        assert!(rows(certificate).iter().all(|&found| found > 0));
    }
}

#[test]
fn asking_concurrently_changes_nothing() {
    let world = World::published(200);
    let snapshot = world.open(&world.cache(), 1).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_all_found(&snapshot, &world.certificates));
        }
    });
    let nobody = Question::new(
        Some(Population::new(200, 42).unknown_number(0)),
        Some(world.certificates[0].name.clone()),
        None,
    );
    assert_eq!(look_up(&snapshot, &nobody.unwrap()), Ok(Vec::new()));
}
