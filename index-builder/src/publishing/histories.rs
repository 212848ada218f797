//! Random histories: whatever was published as layers answers as a register that was compiled
//! from the whole ledger, and a new base is that register, byte for byte.

use certificate::record::{Change, Operation};
use certificate::sample::Population;
use certificate::{HolderName, IdentityNumber};
use jiff::{SignedDuration, Timestamp};
use snapshot::{Cache, Found, Manifest, Publication, Question, Snapshot, look_up};

use super::tests::keys;
use super::*;
use crate::compile::tests::{ACCEPTANCE, Centre, correction, restoration};

/// Histories, unless `CERTQ_HISTORIES` says how many.
const HISTORIES: u64 = 6;

/// Certificates of a history, at most.
const CERTIFICATES: u64 = 40;

/// Batches of a history.
const BATCHES: u64 = 6;

/// Seeded draws; the seed of a failure is in its message.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let index = self.below(choices.len() as u64);
        choices[usize::try_from(index).unwrap()]
    }
}

/// A centre that publishes after every batch.
struct History {
    centre: Centre,
    keys: Keys,
    store: Store,
    cache: Cache,
    now: Timestamp,
    population: Population,
    /// What happened to each certificate last; `None` before its issue.
    standing: Vec<Option<Standing>>,
    /// Everybody who was ever named on a certificate, by name and identity number.
    asked: Vec<(u64, HolderName, IdentityNumber)>,
    /// Generations so far.
    published: u64,
}

#[derive(Clone)]
struct Standing {
    issue: Change,
    withdrawn: bool,
}

impl History {
    fn new(seed: u64) -> Self {
        let centre = Centre::new();
        let store = centre.store();
        let cache = Cache::open(&centre.path("cache")).unwrap();
        Self {
            keys: keys(&[9; 32]),
            store,
            cache,
            now: Timestamp::from_second(1_606_694_400).unwrap(),
            population: Population::new(CERTIFICATES, seed),
            standing: vec![None; usize::try_from(CERTIFICATES).unwrap()],
            asked: Vec::new(),
            published: 0,
            centre,
        }
    }

    /// A batch of operations that fit, possibly several on one certificate.
    fn batch(&mut self, draw: &mut Draw) -> Vec<Change> {
        let size = 1 + draw.below(12);
        (0..size).map(|_| self.operation(draw)).collect()
    }

    fn operation(&mut self, draw: &mut Draw) -> Change {
        let i = draw.below(CERTIFICATES);
        let place = usize::try_from(i).unwrap();
        let Some(standing) = self.standing[place].clone() else {
            let issue = self.population.change(i);
            self.remember(i, issue.clone(), false);
            return issue;
        };
        let issue = &standing.issue;
        match draw.below(3) {
            0 => {
                let corrected = self.corrected(draw, issue);
                self.remember(i, corrected.clone(), standing.withdrawn);
                corrected
            }
            _ if standing.withdrawn => {
                self.remember(i, issue.clone(), false);
                restoration(issue)
            }
            _ => {
                self.remember(i, issue.clone(), true);
                Change {
                    operation: Operation::Withdraw,
                    reason: draw
                        .one_of(&["成绩复核不合格", "持证人申请注销"])
                        .to_owned(),
                    ..issue.clone()
                }
            }
        }
    }

    /// Corrected in its name, and perhaps to another person, occupation, day of issue or review.
    fn corrected(&self, draw: &mut Draw, issue: &Change) -> Change {
        let name = draw.one_of(&["甲乙丙", "丁戊", "买买提·艾力", "张三"]);
        let mut corrected = correction(issue, name);
        let other = self.population.change(draw.below(CERTIFICATES));
        let review = other.review.clone();
        let from = other.operation.details().unwrap();
        let Operation::Correct(details) = &mut corrected.operation else {
            panic!("a correction corrects");
        };
        if draw.below(2) == 0 {
            details.id_type = from.id_type;
            details.id_number = from.id_number.clone();
        }
        if draw.below(2) == 0 {
            details.occupation_code = from.occupation_code;
            details.occupation_name.clone_from(&from.occupation_name);
            details.direction.clone_from(&from.direction);
        }
        if draw.below(2) == 0 {
            details.issued_on = from.issued_on;
        }
        if draw.below(2) == 0 {
            corrected.review = review;
        }
        corrected
    }

    /// The registry is edited: a school gets another name.
    fn rename_a_school(&self, draw: &mut Draw) {
        let path = self.centre.path("registry/institutions.csv");
        let text = std::fs::read_to_string(&path).unwrap();
        let name = format!("学院{}", draw.below(1_000));
        std::fs::write(&path, text.replacen("学院", &name, 1)).unwrap();
    }

    /// Somebody goes back to the first generation; the next publish moves on.
    fn go_back(&self) {
        let pointing = Pointing {
            keys: &self.keys,
            store: &self.store,
            channel: &Channel::parse("stable").unwrap(),
            generation: 1,
            reason: "先退回",
            means: &self.centre.means(),
            now: self.now,
        };
        pointing.run().unwrap();
    }

    fn remember(&mut self, i: u64, issue: Change, withdrawn: bool) {
        let details = issue.operation.details().unwrap();
        let asked = (i, details.name.clone(), details.id_number.clone());
        self.asked.push(asked);
        self.standing[usize::try_from(i).unwrap()] = Some(Standing { issue, withdrawn });
    }

    /// Publishes, perhaps a day later, as the reader then sees it.
    fn publish(&mut self, layer: Layer, later: SignedDuration) -> (Snapshot, Manifest) {
        self.now += later;
        let lock = self.store.lock().unwrap();
        let ledger = self.centre.ledger();
        let report = publish(&Order {
            lock: &lock,
            registry: &self.centre.registry(),
            ledger: &ledger,
            index: &ledger.index().unwrap(),
            keys: &self.keys,
            store: &self.store,
            channel: &Channel::parse("stable").unwrap(),
            layer,
            first_epoch: None,
            may_leave_pointed: true,
            guards: Guards::default(),
            means: &self.centre.means(),
            now: self.now,
        });
        let epoch = report.unwrap().json()["epoch"].as_u64().unwrap();
        drop(lock);
        self.published += 1;
        self.open(epoch)
    }

    fn open(&self, epoch: u64) -> (Snapshot, Manifest) {
        let channel = Channel::parse("stable").unwrap();
        let publication = self
            .store
            .read_publication(&channel, epoch, &self.keys.publishers);
        let publication: Publication = publication.unwrap().unwrap();
        let manifest = Manifest::clone(publication.manifest());
        let keys = [self.keys.lookup.clone()];
        let snapshot = Snapshot::open(&self.cache, &self.store, publication, &keys, None).unwrap();
        (snapshot, manifest)
    }

    /// Every question in every form, of everybody who was ever named, and of strangers.
    fn questions(&self) -> Vec<Question> {
        let mut questions = Vec::new();
        let strangers = (0..CERTIFICATES).map(|i| {
            let stranger = HolderName::parse("无名氏").unwrap();
            (i, stranger, self.population.id_number(i))
        });
        for (i, name, id) in self.asked.iter().cloned().chain(strangers) {
            let number = Some(self.population.number(i));
            let (name, id) = (Some(name), Some(id));
            for (number, name, id) in [
                (number, name.clone(), None),
                (number, None, id.clone()),
                (None, name.clone(), id.clone()),
                (number, name, id),
            ] {
                questions.extend(Question::new(number, name, id));
            }
        }
        questions
    }

    /// The whole ledger, compiled in one piece into a store of its own.
    fn rebuilt(&self) -> (Snapshot, Manifest) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(&dir.path().join("store")).unwrap();
        let mut means = self.centre.means();
        means.spool = dir.path().to_owned();
        let channel = Channel::parse("stable").unwrap();
        let lock = store.lock().unwrap();
        let ledger = self.centre.ledger();
        publish(&Order {
            lock: &lock,
            registry: &self.centre.registry(),
            ledger: &ledger,
            index: &ledger.index().unwrap(),
            keys: &self.keys,
            store: &store,
            channel: &channel,
            layer: Layer::Base,
            first_epoch: None,
            may_leave_pointed: true,
            guards: Guards::default(),
            means: &means,
            now: self.now,
        })
        .unwrap();
        let publication = store.read_publication(&channel, 1, &self.keys.publishers);
        let publication = publication.unwrap().unwrap();
        let manifest = Manifest::clone(publication.manifest());
        let cache = Cache::open(&dir.path().join("cache")).unwrap();
        let keys = [self.keys.lookup.clone()];
        let snapshot = Snapshot::open(&cache, &store, publication, &keys, None).unwrap();
        (snapshot, manifest)
    }
}

fn answers(snapshot: &Snapshot, questions: &[Question]) -> Vec<Vec<Found>> {
    let answer = |question| look_up(snapshot, question).unwrap();
    questions.iter().map(answer).collect()
}

#[test]
fn layers_answer_as_the_whole_ledger_does() {
    let histories = std::env::var("CERTQ_HISTORIES").map_or(HISTORIES, |n| n.parse().unwrap());
    let (mut fresh, mut bases, mut asked) = (0, 0, 0);
    for seed in 0..histories {
        let mut draw = Draw(seed);
        let mut history = History::new(seed);
        for batch in 0..BATCHES {
            let changes = history.batch(&mut draw);
            history.centre.accept(&ACCEPTANCE, &changes);
            if batch > 0 {
                match draw.below(8) {
                    // Not every batch is published at once.
                    0 | 1 => continue,
                    2 => history.rename_a_school(&mut draw),
                    3 if history.published > 1 => history.go_back(),
                    _ => {}
                }
            }
            let layer = match batch {
                0 => Layer::Auto,
                _ => draw.one_of(&[Layer::Fresh, Layer::Fresh, Layer::Auto]),
            };
            let later = SignedDuration::from_hours(draw.one_of(&[0, 1, 30]));
            let (layered, manifest) = history.publish(layer, later);
            let (whole, rebuilt) = history.rebuilt();
            let place = format!("history {seed}, batch {batch}");
            assert_eq!(manifest.counts, rebuilt.counts, "{place}");
            assert_eq!(manifest.texts, rebuilt.texts, "{place}");
            let questions = history.questions();
            assert_eq!(
                answers(&layered, &questions),
                answers(&whole, &questions),
                "{place}"
            );
            asked += questions.len();
            match &manifest.layers[..] {
                [base] => {
                    assert_eq!(base, &rebuilt.layers[0], "{place}");
                    bases += 1;
                }
                _ => fresh += 1,
            }
        }
    }
    println!("{histories} histories, {fresh} fresh layers, {bases} bases, {asked} questions");
    assert!(fresh > histories && bases > histories);
}
