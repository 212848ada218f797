//! Whether the work of a miss tells that a number exists. Counted, not timed, since counts have no
//! noise:
//!
//! ```text
//! for miss in wrong-name unknown-number; do
//!     CERTQ_MISS=$miss valgrind --tool=callgrind --collect-atstart=no \
//!         --toggle-collect='snapshot::find::look_up' target/release/deps/it-… \
//!         --ignored --exact oracle::misses_to_count
//! done
//! ```
//!
//! Look-ups in turn are counted with `--toggle-collect='<snapshot::find::many::LookUps*'`.

use certificate::HolderName;
use certificate::sample::Population;
use snapshot::{Question, look_up, look_up_all};

use crate::world::World;

#[test]
#[ignore = "run under callgrind, see above"]
fn misses_to_count() {
    let world = World::published(2_000);
    let snapshot = world.open(&world.cache(), 1).unwrap();
    let population = Population::new(2_000, 42);
    let name = HolderName::parse("欧阳无名").unwrap();
    let unknown = std::env::var("CERTQ_MISS").is_ok_and(|miss| miss == "unknown-number");
    let ask = |i| {
        let number = if unknown {
            population.unknown_number(i)
        } else {
            population.number(i)
        };
        Question::new(Some(number), Some(name.clone()), None).unwrap()
    };
    let questions: Vec<_> = (0..1_000).map(ask).collect();
    for question in &questions {
        assert_eq!(look_up(&snapshot, question), Ok(Vec::new()));
    }
    for asked in look_up_all(&snapshot, &questions) {
        assert_eq!(asked.found(), Ok(Vec::new()));
    }
}
