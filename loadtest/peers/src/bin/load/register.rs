//! The register of a run, opened as the server opens it.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use certificate::sample::Population;
use certq::endpoint::lookup;
use certq::live::Current;
use certq::reply::Body;
use peers::record::{self, Misses};
use snapshot::{Cache, Channel, PublisherKeys, Snapshot, Store, keyfile};

/// Whatever went wrong; it is printed and the command ends.
pub(crate) type Trouble = Box<dyn Error>;

/// Of the order in which questions are drawn.
const SEED: u64 = 1;

/// Certificates asked for with a wrong name and as many numbers never issued: enough to show what a
/// server makes of them.
const MISSES_MOST: u64 = 1_000;

/// The folder of a run.
pub(crate) struct Folder {
    path: PathBuf,
    population: Population,
    current: Current,
}

impl Folder {
    /// Opens an epoch of `path/store`.
    pub(crate) fn open(path: &Path, certificates: u64, epoch: u64) -> Result<Self, Trouble> {
        let keys = path.join("keys");
        let lookup = keyfile::read_lookup(&keys.join("lookup.key"))?;
        let publisher = keyfile::read_publisher_public(&keys.join("publisher.pub"))?;
        let store = Store::open(&path.join("store"));
        let channel = Channel::parse("stable").ok_or("no such channel")?;
        let publishers = PublisherKeys::new(vec![publisher]);
        let publication = store.read_publication(&channel, epoch, &publishers)?;
        let publication = publication.ok_or("nothing is published")?;
        let cache = Cache::open(&path.join("cache-of-load"))?;
        let snapshot = Snapshot::open(&cache, &store, publication, &[lookup], None)?;
        Ok(Self {
            path: path.to_owned(),
            population: Population::new(certificates, 1),
            current: Current::new(snapshot),
        })
    }

    /// Writes `questions` and `misses`.
    pub(crate) fn write_questions(&self, count: u64) -> Result<(), Trouble> {
        let mut file = BufWriter::new(File::create(self.path.join("questions"))?);
        let misses = MISSES_MOST.min(count);
        writeln!(file, "{count}\t{}", 2 * misses)?;
        let certificates = self.population.certificates();
        let mut draw = Draw(SEED);
        for _ in 0..count {
            let question = self.question(draw.below(certificates));
            writeln!(file, "{question}\t{}", self.answer(&question)?)?;
        }
        for _ in 0..misses {
            let i = draw.below(certificates);
            let unknown = self.population.unknown_number(i);
            for question in [
                json(unknown.as_str(), self.population.name(i).expose()),
                json(self.population.number(i).as_str(), "无此人"),
            ] {
                writeln!(file, "{question}\t{}", self.answer(&question)?)?;
            }
        }
        file.flush()?;
        self.write_misses()
    }

    /// The body of the answer when nothing matches, for each institution.
    fn write_misses(&self) -> Result<(), Trouble> {
        let mut file = BufWriter::new(File::create(self.path.join("misses"))?);
        let mut seen = BTreeSet::new();
        for i in 0..self.population.certificates() {
            let number = self.population.number(i);
            if seen.insert(number.institution()) {
                let body = self.answer(&json(number.as_str(), "无此人"))?;
                file.write_all(Misses::line(number.as_str(), &body).as_bytes())?;
            }
        }
        Ok(file.flush()?)
    }

    /// Writes `records`: all certificates in the order of their numbers.
    pub(crate) fn write_records(&self) -> Result<(), Trouble> {
        let certificates = u32::try_from(self.population.certificates())?;
        let number = |i: u32| *self.population.number(u64::from(i)).as_bytes();
        let mut order: Vec<_> = (0..certificates).map(|i| (number(i), i)).collect();
        order.sort_unstable();
        let mut file = record::Writer::create(&self.path.join("records"))?;
        for (number, i) in order {
            let name = self.population.name(u64::from(i));
            let body = self.answer(&self.question(u64::from(i)))?;
            file.push(&number, &record::value(name.expose(), body.as_bytes()))?;
        }
        Ok(file.finish()?)
    }

    /// Number and name of certificate `i`, as a client asks.
    fn question(&self, i: u64) -> String {
        let number = self.population.number(i);
        json(number.as_str(), self.population.name(i).expose())
    }

    /// What the server answers.
    fn answer(&self, question: &str) -> Result<String, Trouble> {
        let reply = lookup::answer(Ok(&self.current), question.as_bytes(), true);
        let reply = reply.map_err(|refusal| format!("{question}: {}", refusal.detail()))?;
        match reply.into_response(None).into_body() {
            Body::Whole(bytes) => Ok(String::from_utf8(bytes.to_vec())?),
            Body::Pieces(_) => Err("an answer in pieces".into()),
        }
    }
}

/// A question; neither numbers nor names have anything to escape.
fn json(number: &str, name: &str) -> String {
    format!(r#"{{"certificate_number":"{number}","name":"{name}"}}"#)
}

/// Evenly drawn numbers from a seed (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        // The bias of a remainder is far below what anybody could measure.
        mixed % bound
    }
}
