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

use certificate::HolderName;
use certificate::sample::Population;
use snapshot::{Question, look_up};

use crate::world::World;

#[test]
#[ignore = "run under callgrind, see above"]
fn misses_to_count() {
    let world = World::published(2_000);
    let snapshot = world.open(&world.cache(), 1).unwrap();
    let population = Population::new(2_000, 42);
    let name = HolderName::parse("欧阳无名").unwrap();
    let unknown = std::env::var("CERTQ_MISS").is_ok_and(|miss| miss == "unknown-number");
    for i in 0..1_000 {
        let number = if unknown {
            population.unknown_number(i)
        } else {
            population.number(i)
        };
        let question = Question::new(Some(number), Some(name.clone()), None).unwrap();
        assert_eq!(look_up(&snapshot, &question), Ok(Vec::new()));
    }
}
