//! Many look-ups in turn are the same as one at a time.

use std::fs;

use certificate::HolderName;
use certificate::sample::Population;
use proptest::collection::vec;
use proptest::prelude::*;
use snapshot::{LayerKind, LayerRef, LookUp, Question, Snapshot, layout, look_up, look_up_all};

use crate::world::{Certificate, World, commit};

const CERTIFICATES: u64 = 120;

/// A fresh layer of every fifth certificate, whose holder is now called otherwise, over a base of which
/// every seventh row has rotted.
fn world() -> (World, Snapshot) {
    let world = World::new(CERTIFICATES);
    let renamed = world.certificates.iter().step_by(5).map(|certificate| {
        let mut renamed = certificate.clone();
        renamed.name = HolderName::parse("欧阳更正").unwrap();
        renamed.row.name_tag = world.key.name_tag(&renamed.number, &renamed.name);
        renamed.row.revision = 2;
        renamed
    });
    let fresh = world.layer(LayerKind::Fresh, &renamed.collect::<Vec<_>>());
    let mut base = world.layer(LayerKind::Base, &world.certificates);
    rot(&world, &mut base);
    world.publish(1, world.manifest(1, vec![fresh, base], 120));
    let snapshot = world.open(&world.cache(), 1).unwrap();
    (world, snapshot)
}

/// Under its true digest, so that nobody sees it before the row is read.
fn rot(world: &World, layer: &mut LayerRef) {
    let mut bytes = fs::read(world.store.blob_path(&layer.rows)).unwrap();
    for row in bytes[layout::ROWS_HEADER..]
        .chunks_mut(layout::ROW)
        .step_by(7)
    {
        row[21] ^= 1;
    }
    layer.rows = commit(&world.store, &bytes);
}

/// Everything that can be asked about each certificate, right and wrong.
fn questions(certificates: &[Certificate]) -> Vec<Question> {
    let population = Population::new(CERTIFICATES, 42);
    let of = |(i, certificate): (u64, &Certificate)| {
        let (number, name) = (certificate.number, certificate.name.clone());
        let id_number = certificate.id_number.clone();
        let unknown = population.unknown_number(i);
        let nobody = HolderName::parse("查无此人").unwrap();
        [
            Question::new(Some(number), Some(name.clone()), None),
            Question::new(Some(number), None, Some(id_number.clone())),
            Question::new(Some(number), Some(name.clone()), Some(id_number.clone())),
            Question::new(Some(number), Some(nobody.clone()), None),
            Question::new(Some(unknown), Some(name.clone()), None),
            Question::new(None, Some(name), Some(id_number.clone())),
            Question::new(None, Some(nobody), Some(id_number)),
        ]
        .map(Option::unwrap)
    };
    (0..).zip(certificates).flat_map(of).collect()
}

#[test]
fn many_look_ups_are_each_what_it_is_alone() {
    let (world, snapshot) = world();
    let questions = questions(&world.certificates);
    let single: Vec<_> = questions.iter().map(|it| look_up(&snapshot, it)).collect();
    let outcomes = [
        single.iter().filter(|it| it.is_err()).count(),
        single.iter().filter(|it| *it == &Ok(Vec::new())).count(),
        single.iter().flatten().filter(|it| !it.is_empty()).count(),
    ];
    assert!(outcomes.iter().all(|&count| count > 50), "{outcomes:?}");
    proptest!(|(asked in vec(0..questions.len(), 0..70))| {
        let chosen: Vec<_> = asked.iter().map(|&at| questions[at].clone()).collect();
        let expected: Vec<_> = asked.iter().map(|&at| single[at].clone()).collect();
        let look_ups = look_up_all(&snapshot, &chosen);
        prop_assert_eq!(look_ups.len(), chosen.len());
        prop_assert_eq!(look_ups.map(LookUp::found).collect::<Vec<_>>(), expected);
    });
}
