//! Back and forward: what was withdrawn since stays withdrawn, whatever is pointed to.

use certificate::HolderName;
use certificate::record::Change;
use snapshot::{Cache, Found, Question, Status, look_up};

use super::*;
use crate::compile::tests::{ACCEPTANCE, Centre, correction, issues, withdrawal};
use crate::failure::Exit;
use crate::publishing::tests::{Bench, told};
use crate::publishing::{Guard, Guards, Layer};

/// Certificates that are withdrawn after the generation that is pointed back to.
const WITHDRAWN: u64 = 20;

impl Bench {
    pub(in crate::publishing) fn point(
        &self,
        generation: u64,
    ) -> Result<serde_json::Value, Failure> {
        let pointing = Pointing {
            keys: &self.keys,
            store: &self.store,
            channel: &stable(),
            generation,
            reason: "错误批次，先退回",
            means: &self.centre.means(),
            now: self.now,
        };
        pointing.run().map(|report| report.json())
    }

    /// What a reader that remembers nothing answers about a number and a name.
    fn ask(&self, change: &Change, name: &HolderName) -> Option<Found> {
        let epoch = *self.store.epochs(&stable()).unwrap().last().unwrap();
        let live = self
            .store
            .read_publication(&stable(), epoch, &self.keys.publishers);
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        let keys = [self.keys.lookup.clone()];
        let live = live.unwrap().unwrap();
        let snapshot = Snapshot::open(&cache, &self.store, live, &keys, None).unwrap();
        let question = Question::new(Some(change.number), Some(name.clone()), None).unwrap();
        look_up(&snapshot, &question).unwrap().into_iter().next()
    }
}

fn stable() -> Channel {
    Channel::parse("stable").unwrap()
}

#[test]
fn going_back_keeps_withdrawn_what_was_withdrawn_since() {
    let bench = Bench::new();
    bench.publish(Layer::Auto).unwrap();
    let issue = |i| bench.population.change(i);
    let name = |i| bench.population.name(i);
    let withdrawn: Vec<Change> = (0..WITHDRAWN).map(|i| withdrawal(&issue(i))).collect();
    bench.centre.accept(&ACCEPTANCE, &withdrawn);
    let wrong = correction(&issue(50), "张冠李戴");
    let later = bench.unissued();
    bench.centre.accept(&ACCEPTANCE, &[wrong, later.clone()]);
    bench.publish(Layer::Fresh).unwrap();

    let report = bench.point(1).unwrap();
    assert_eq!(
        (&report["generation"], &report["epoch"]),
        (&3.into(), &3.into())
    );
    assert_eq!(report["certificates"], 300);
    let still = (0..WITHDRAWN).filter(|&i| {
        let found = bench.ask(&issue(i), &name(i)).unwrap();
        found.row.status == Status::Withdrawn && found.row.status_on == Some(issue(i).review.on)
    });
    assert_eq!(still.count() as u64, WITHDRAWN);
    assert!(
        bench.ask(&issue(50), &name(50)).is_some(),
        "the name before is back"
    );
    let wrong_name = HolderName::parse("张冠李戴").unwrap();
    assert!(bench.ask(&issue(50), &wrong_name).is_none());
    let later_name = &later.operation.details().unwrap().name;
    assert!(bench.ask(&later, later_name).is_none(), "issued since");

    // Forward again, and back once more: the states are those of generation 2 all along.
    bench.point(2).unwrap();
    assert!(bench.ask(&later, later_name).is_some());
    bench.point(1).unwrap();
    let found = bench.ask(&issue(0), &name(0)).unwrap();
    assert_eq!(found.row.status, Status::Withdrawn);

    // The ledger was not touched, and publish moves on from it.
    assert_eq!(bench.published(Layer::Auto), told("published", 6, 6));
    assert!(bench.ask(&later, later_name).is_some());
    assert!(bench.ask(&issue(50), &wrong_name).is_some());
    assert_eq!(bench.published(Layer::Auto), told("unchanged", 6, 6));
}

#[test]
fn a_restored_certificate_is_valid_in_the_generation_pointed_to() {
    let bench = Bench::new();
    let issue = bench.population.change(7);
    bench.centre.accept(&ACCEPTANCE, &[withdrawal(&issue)]);
    bench.publish(Layer::Auto).unwrap();
    let restored = crate::compile::tests::restoration(&issue);
    bench.centre.accept(&ACCEPTANCE, &[restored]);
    bench.publish(Layer::Auto).unwrap();
    bench.point(1).unwrap();
    let found = bench.ask(&issue, &bench.population.name(7)).unwrap();
    assert_eq!(
        (found.row.status, found.row.status_on),
        (Status::Valid, None)
    );
    assert_eq!(found.row.revision, 3);
}

#[test]
fn an_older_ledger_that_was_published_meanwhile_does_not_revive() {
    let bench = Bench::new();
    let issue = |i| bench.population.change(i);
    bench.centre.accept(&ACCEPTANCE, &[withdrawal(&issue(0))]);
    bench.publish(Layer::Auto).unwrap();
    let more = [withdrawal(&issue(1)), withdrawal(&issue(2))];
    bench.centre.accept(&ACCEPTANCE, &more);
    bench.publish(Layer::Auto).unwrap();
    // A backup without the last batch, published against advice; then somebody goes back.
    let backup = Centre::new();
    backup.accept(&ACCEPTANCE, &issues(&bench.population));
    backup.accept(&ACCEPTANCE, &[withdrawal(&issue(0))]);
    let report = bench.publish_with(&backup, |order| {
        order.guards = Guards::allowing(vec![Guard::OtherLedger]);
    });
    assert_eq!(report.unwrap()["withdrawn"], 1);
    assert_eq!(bench.point(2).unwrap()["withdrawn"], 3);
    let found = bench.ask(&issue(2), &bench.population.name(2)).unwrap();
    assert_eq!(found.row.status, Status::Withdrawn);
}

#[test]
fn what_cannot_be_pointed_to() {
    let mut bench = Bench::new();
    let failure = bench.point(1).err().unwrap();
    assert_eq!(failure.exit(), Exit::Input, "nothing is live: {failure}");
    bench.publish(Layer::Auto).unwrap();
    let failure = bench.point(1).err().unwrap();
    assert_eq!(failure.exit(), Exit::Usage, "it is live: {failure}");
    let failure = bench.point(9).err().unwrap();
    assert_eq!(failure.exit(), Exit::Input, "it is not there: {failure}");

    // A manifest that a killed writer left was never live.
    bench.publish(Layer::Base).unwrap();
    let entry = bench
        .store
        .root()
        .join("channels/stable/00000000000000000002.json");
    std::fs::remove_file(entry).unwrap();
    let failure = bench.point(2).err().unwrap();
    assert_eq!(failure.exit(), Exit::Input, "{failure}");

    bench.publish(Layer::Base).unwrap();
    let files = bench.files();
    let secret = certificate::key::random_secret();
    let algorithm = certificate::key::MacAlgorithm::HmacSha256;
    bench.keys.lookup = certificate::LookupKey::new(algorithm, &secret);
    let failure = bench.point(1).err().unwrap();
    assert_eq!(failure.exit(), Exit::Usage, "another key: {failure}");
    assert_eq!(bench.files(), files);
}
