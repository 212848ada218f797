//! Many swaps under load: additions, corrections, withdrawals, restorations, new bases, and
//! damaged generations in between. No request fails, every answer is that of the epoch it names,
//! no connection sees an epoch come back, and in the end the server holds no more than at the start.
//!
//! The generations are written before anybody asks; while the clients ask, only channel entries are
//! made. So what is measured is what a swap costs the reader, and not the builder, which has a
//! machine of its own.
//!
//! `make swaps` sets `CERTQ_SWAPS` for the long run, which also prints how late answers come with
//! and without swaps; how fast a machine is decides nothing here.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use certq::process;
use rustix::thread::{CpuSet, sched_setaffinity};
use snapshot::{ChannelEntry, Manifest, Publisher};

use crate::asking::{Asking, Lead, Tally};
use crate::http;
use crate::living::{Living, Model};
use crate::program::{Program, certq, wait_until};
use crate::register::{Register, entry, flip};

const CLIENTS: u64 = 8;
const FIRST_EPOCH: u64 = 107;

/// Swaps of `make test`, and those before the server is measured for the first time.
const SWAPS: usize = 60;
const WARM_UP: usize = 5;

/// Bytes that memory may differ by: the allocator's slack, and a base that has grown.
const SLACK: u64 = 16 << 20;

/// The phases, and how long those of the long run take.
const WARMING: usize = 0;
const STEADY: usize = 1;
const SWAPPING: usize = 2;
const CAPACITY_FOR: Duration = Duration::from_secs(5);

/// Generations made live between two times without swaps.
const AT_ONCE: usize = 20;

/// How often the server of the long run looks for a new epoch: ten times as often as by default.
const LONG_POLL_MS: &str = "100";

/// Pause between two questions of a client in the short run.
const GENTLE: Duration = Duration::from_millis(1);

/// What a server holds that a swap must give back.
#[derive(Debug)]
struct Held {
    open_files: Option<usize>,
    /// Maps of files in the cache, removed ones among them.
    maps: Option<usize>,
    resident: u64,
}

/// A generation that is written and lacks only the entry that makes it live.
struct Written {
    entry: ChannelEntry,
    fault: Fault,
}

/// What is wrong with a generation when its entry appears.
enum Fault {
    None,
    /// A bit of this blob is flipped.
    Flipped(PathBuf),
    /// This blob is away.
    Away(PathBuf),
    /// Its entry is signed by somebody else.
    Foreign,
    /// Half of its manifest is missing.
    Half,
}

/// A server and what is published to it.
struct Soak<'a> {
    register: &'a Register,
    lead: &'a Lead,
    program: Program,
    /// Layers of the generation that is live in the end.
    layers: usize,
}

/// Writes generations.
struct Writer<'a> {
    register: &'a Register,
    model: &'a Model,
    living: Living,
    epoch: u64,
}

#[test]
fn swaps_under_load_cost_no_answer() {
    let swaps = std::env::var("CERTQ_SWAPS").ok();
    let long = swaps.is_some();
    let swaps = swaps.map_or(SWAPS, |text| text.parse().expect("CERTQ_SWAPS is a number"));
    let (register, model, lead) = (Register::empty(), Model::default(), Lead::default());
    let mut writer = Writer::new(&register, &model);
    let (warming, swapping) = (writer.write(WARM_UP), writer.write(swaps));
    assert!(writer.living.compactions > 0);
    let soak = Soak::start(&register, &lead, writer.living.layers(), long);
    let public = soak.program.public;
    lead.begin(WARMING, GENTLE);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let asking = Asking(&lead);
        let (lead, model) = (&lead, &model);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|seed| scope.spawn(move || lead.ask(public, model, seed)))
            .collect();
        // Who publishes is usually elsewhere; here it gives way to those who ask.
        process::give_way().unwrap();
        soak.swap(warming);
        let before = soak.held();
        let began = Instant::now();
        let refused = match long {
            true => soak.alternate(swapping),
            false => {
                lead.begin(SWAPPING, GENTLE);
                soak.swap(swapping)
            }
        };
        println!(
            "{swaps} swaps in {:?}, {refused} refused generations, {} new bases",
            began.elapsed(),
            writer.living.compactions
        );
        lead.begin(WARMING, GENTLE);
        soak.wait_until_given_back(&before);
        drop(asking);
        assert!(refused > 0);
        clients.into_iter().map(|it| it.join().unwrap()).collect()
    });
    report(&soak, swaps, tallies);
}

impl<'a> Writer<'a> {
    /// Publishes the first generation.
    fn new(register: &'a Register, model: &'a Model) -> Self {
        Self {
            register,
            model,
            living: Living::new(register, model, 1, FIRST_EPOCH),
            epoch: FIRST_EPOCH,
        }
    }

    /// Writes so many good generations; one in four comes after one that must be refused.
    fn write(&mut self, swaps: usize) -> Vec<Written> {
        let mut written = Vec::new();
        for _ in 0..swaps {
            if self.living.below(4) == 0 {
                written.push(self.write_bad());
            }
            written.push(self.write_with(|_, _| Fault::None));
        }
        written
    }

    fn write_bad(&mut self) -> Written {
        let kind = self.living.below(4);
        self.write_with(|register, manifest| {
            let blob = register.blob_path(&manifest.layers[0].rows);
            match kind {
                0 => Fault::Flipped(blob),
                1 => Fault::Away(blob),
                2 => Fault::Foreign,
                _ => Fault::Half,
            }
        })
    }

    fn write_with(&mut self, fault: impl FnOnce(&Register, &Manifest) -> Fault) -> Written {
        self.epoch += 1;
        let manifest = self.living.change(self.register);
        let fault = fault(self.register, &manifest);
        let manifest = self.register.publisher.sign(manifest).unwrap();
        match fault {
            Fault::Half => {
                let path = format!("store/manifests/{:020}.json", manifest.generation);
                let half = &manifest.bytes()[..manifest.bytes().len() / 2];
                fs::write(self.register.path(&path), half).unwrap();
            }
            Fault::Foreign => drop(self.register.commit(manifest.clone())),
            // Once what is wrong with it is put right, it may be taken, and is right then.
            Fault::None | Fault::Flipped(_) | Fault::Away(_) => {
                self.register.commit(manifest.clone());
                self.living.record(self.model, self.epoch);
            }
        }
        let entry = entry(self.epoch, &manifest);
        Written { entry, fault }
    }
}

impl<'a> Soak<'a> {
    /// A server that is ready. For the long run, server and clients have a core each where there
    /// are two.
    fn start(register: &'a Register, lead: &'a Lead, layers: usize, long: bool) -> Self {
        let config = register.path("certq.toml");
        let serve = ["serve", "--config", &config.to_string_lossy()];
        let cores = std::thread::available_parallelism().unwrap().get();
        let mut command = certq(&serve);
        if long {
            command.env("CERTQ_STORE_POLL_INTERVAL_MS", LONG_POLL_MS);
        }
        if long && cores >= 2 {
            let mut pinned = Command::new("taskset");
            pinned.args(["--cpu-list", "0"]).arg(command.get_program());
            pinned.args(command.get_args()).stdin(Stdio::null());
            for (name, value) in command.get_envs() {
                match value {
                    Some(value) => pinned.env(name, value),
                    None => pinned.env_remove(name),
                };
            }
            command = pinned;
            let mut ours = CpuSet::new();
            ours.set(1);
            sched_setaffinity(None, &ours).unwrap();
        }
        let program = Program::spawn(&mut command);
        program.wait_for_epoch(FIRST_EPOCH);
        Self {
            register,
            lead,
            program,
            layers,
        }
    }

    /// Finds the capacity; gives the pace of one client for half of it.
    fn pace(&self) -> Duration {
        self.lead.begin(WARMING, Duration::ZERO);
        let before = self.lead.answers();
        std::thread::sleep(CAPACITY_FOR);
        let each = (self.lead.answers() - before) as f64 / CLIENTS as f64;
        let pace = CAPACITY_FOR.div_f64(each / 2.0);
        println!("half of the capacity: {CLIENTS} clients with a question every {pace:?}");
        pace
    }

    /// Swaps for a while, does not for as long, and so on, so that whatever else happens on the
    /// machine happens to both; gives how many generations were refused.
    fn alternate(&self, mut written: Vec<Written>) -> usize {
        let pace = self.pace();
        let mut refused = 0;
        while !written.is_empty() {
            let rest = written.split_off(written.len().min(AT_ONCE));
            let began = Instant::now();
            self.lead.begin(SWAPPING, pace);
            refused += self.swap(written);
            let took = began.elapsed();
            self.lead.begin(STEADY, pace);
            std::thread::sleep(took);
            written = rest;
        }
        refused
    }

    /// Makes these live one after the other, each when the one before is live or refused; gives
    /// how many were refused.
    fn swap(&self, written: Vec<Written>) -> usize {
        let mut refused = 0;
        for Written { entry, fault } in written {
            let epoch = entry.epoch;
            refused += usize::from(!matches!(fault, Fault::None));
            match fault {
                Fault::None => {
                    self.enter(entry);
                    self.program.wait_for_epoch(epoch);
                }
                Fault::Flipped(blob) => {
                    flip(&blob, 20);
                    self.enter_and_be_refused(entry);
                    flip(&blob, 20);
                }
                Fault::Away(blob) => {
                    let aside = blob.with_extension("aside");
                    fs::rename(&blob, &aside).unwrap();
                    self.enter_and_be_refused(entry);
                    fs::rename(&aside, &blob).unwrap();
                }
                Fault::Foreign => {
                    self.register.enter(&Publisher::new(&[7; 32]), entry);
                    self.wait_for_refusal();
                }
                Fault::Half => self.enter_and_be_refused(entry),
            }
        }
        refused
    }

    fn enter(&self, entry: ChannelEntry) {
        self.register.enter(&self.register.publisher, entry);
    }

    fn enter_and_be_refused(&self, entry: ChannelEntry) {
        self.enter(entry);
        self.wait_for_refusal();
    }

    fn wait_for_refusal(&self) {
        wait_until("a bad generation is refused", || {
            let readiness = http::get(self.program.admin, "/readyz").text();
            readiness.starts_with("ready: ") && readiness.contains("last refresh failed: ")
        });
    }

    fn held(&self) -> Held {
        let of_cache = |maps: String| maps.matches("/cache/blobs/").count();
        Held {
            open_files: self.program.open_files(),
            maps: self.program.maps().map(of_cache),
            resident: self.program.resident(),
        }
    }

    /// Old snapshots are dropped behind the requests, so this may take a moment.
    fn wait_until_given_back(&self, before: &Held) {
        let mut after = self.held();
        let maps = self.program.maps().map(|_| 3 * self.layers);
        wait_until("everything is given back", || {
            after = self.held();
            after.open_files <= before.open_files
                && after.maps == maps
                && after.resident <= before.resident + SLACK
        });
        println!("held before: {before:?}\nheld after:  {after:?}");
    }
}

fn report(soak: &Soak<'_>, swaps: usize, mut tallies: Vec<Tally>) {
    let complaints: Vec<String> = tallies
        .iter_mut()
        .flat_map(|it| std::mem::take(&mut it.complaints))
        .collect();
    assert_eq!(complaints, [""; 0]);
    for tally in &tallies {
        assert!(tally.epochs.is_sorted());
        assert!(tally.epochs.len() > swaps / 2, "{}", tally.epochs.len());
    }
    let matches: u64 = tallies.iter().map(|it| it.matches).sum();
    assert!(matches > 0 && matches < soak.lead.answers());
    assert_eq!(soak.program.metric("certq_panics_total"), 0.0);
    println!("{} answers, none wrong", soak.lead.answers());
    for (phase, name) in [(STEADY, "steady"), (SWAPPING, "swapping")] {
        let times = tallies.iter_mut().flat_map(|it| it.times[phase].drain(..));
        let mut times: Vec<u32> = times.collect();
        times.sort_unstable();
        let count = times.len();
        let at = |per_mille| times.get(count * per_mille / 1_000).copied().unwrap_or(0);
        let (p50, p99, p999) = (at(500), at(990), at(999));
        println!("{name}: {count} answers, p50 {p50} p99 {p99} p99.9 {p999} µs");
    }
}
