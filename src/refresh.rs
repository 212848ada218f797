//! How a new generation becomes live: a thread that looks at the channel, takes what is newer
//! into the private cache, opens it, and swaps.
//!
//! Polling, not watching: file events do not fire on network mounts, and a missed one would leave
//! us stale without a sign. Whatever fails, the snapshot that is live goes on; the reason is
//! counted, shown by `/readyz` and logged once until it changes. The old snapshot is dropped on a
//! thread of its own, when no request reads it any more.
//!
//! It knows nothing of requests. Time comes in as an argument of each look.

mod error;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use certificate::LookupKey;
use jiff::{SignedDuration, Timestamp};
use snapshot::{Cache, Channel, Publication, PublisherKeys, Snapshot, Store, StoreError};

use crate::live::{Current, Live};
use crate::log::{Level, Log, in_one_line};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::process;

pub use error::RefreshError;

/// Time between two listings of the whole channel; in between only the next epoch is asked for.
const LISTING_INTERVAL: Duration = Duration::from_secs(60);

/// Time between two looks at whether the numbers have rotted in memory, which would make misses.
const SCRUB_INTERVAL: Duration = Duration::from_secs(60);

/// How many epochs before the newest one are tried when it is refused.
const EPOCHS_TRIED: usize = 8;

/// Pause before an epoch that was refused is tried again: doubled each time, up to a minute. The
/// usual reason is a blob that a mirror has not brought yet, so the first is short.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Age at which the live epoch is an alarm: `publish` renews the entry every 24 hours, also when
/// there is nothing new.
const OLD: SignedDuration = SignedDuration::from_hours(25);

/// Memory that must be left beside a new generation: for the tables behind its codes, which are
/// kept unpacked, and for the requests meanwhile.
const MEMORY_MARGIN: u64 = 64 << 20;

/// How often the reaper looks whether the last request has let go of an old snapshot.
const REAPER_PAUSE: Duration = Duration::from_millis(10);

/// Where generations come from and what is needed to believe and open them.
#[derive(Debug)]
pub struct Source {
    /// The store, possibly away.
    pub store: Store,
    /// The private copy.
    pub cache: Cache,
    /// Which channel is followed.
    pub channel: Channel,
    /// Whom to believe.
    pub publishers: PublisherKeys,
    /// What tags were made with.
    pub keys: Vec<LookupKey>,
    /// Where to read how much memory can be had.
    pub memory: Memory,
}

/// The state of the thread.
#[derive(Debug)]
pub struct Refresh {
    source: Source,
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    log: Log,
    reaper: Sender<Arc<Current>>,
    /// The live epoch; 0 while there is none.
    taken: u64,
    /// The epochs of the channel that are newer than the live one, ascending: those of the last
    /// listing and those found since. So a stray file is forgotten with the listing after it.
    newer: Vec<u64>,
    listed_at: Option<Instant>,
    scrubbed_at: Option<Instant>,
    /// Whether the live numbers were found to have rotted.
    rotten: bool,
    /// Damaged answers there had been when the live snapshot was opened.
    damaged_answers: u64,
    /// Whether the live epoch was too old at the last look.
    old: bool,
    retry: Option<Retry>,
    /// The last reason logged; empty when all is well.
    trouble: String,
}

/// What was refused, and when to try again.
#[derive(Debug)]
struct Retry {
    /// The newer epochs there were. With another one among them it is worth trying at once.
    newer: Vec<u64>,
    at: Instant,
    pause: Duration,
}

/// What a look at the channel came to when nothing failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// The live epoch is the newest, now or since before.
    UpToDate,
    /// A newer one was refused, and it is too early to try again.
    Waiting,
}

impl Refresh {
    /// Ready to look; starts the reaper thread.
    pub fn new(source: Source, live: Arc<Live>, metrics: Arc<Metrics>, log: Log) -> Self {
        let (reaper, dead) = channel();
        spawn("reaper", move || reap(&dead));
        Self {
            source,
            live,
            metrics,
            log,
            reaper,
            taken: 0,
            newer: Vec::new(),
            listed_at: None,
            scrubbed_at: None,
            rotten: false,
            damaged_answers: 0,
            old: false,
            retry: None,
            trouble: String::new(),
        }
    }

    /// Starts the thread: what the cache remembers first, then a look every `interval`, until the
    /// other end of `stop` is dropped. `now` reads the wall clock.
    pub fn start(mut self, interval: Duration, now: fn() -> Timestamp, stop: Receiver<()>) {
        spawn("refresh", move || {
            // What failed has been counted and told; the next look tries again.
            let _ = self.resume();
            loop {
                let _ = self.look(Instant::now(), now());
                if stop.recv_timeout(interval) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
        });
    }

    /// Takes what was live before the process started; needs no store. What fails is counted,
    /// logged and shown.
    ///
    /// # Errors
    ///
    /// [`RefreshError`].
    pub fn resume(&mut self) -> Result<(), RefreshError> {
        self.take_remembered().inspect_err(|error| self.fail(error))
    }

    fn take_remembered(&mut self) -> Result<(), RefreshError> {
        let Source {
            cache,
            channel,
            publishers,
            ..
        } = &self.source;
        match cache.remembered(channel, publishers)? {
            Some(publication) => self.open(publication),
            None => Ok(()),
        }
    }

    /// Looks once: takes the newest epoch that is newer than the live one and good, and judges
    /// the age of what is live then. What fails is counted, logged and shown. Pauses go by `now`; `time` is the wall clock's, which may jump,
    /// and decides about the alarm of age and nothing else.
    ///
    /// # Errors
    ///
    /// [`RefreshError`], also when an older epoch was taken because the newest is refused.
    pub fn look(&mut self, now: Instant, time: Timestamp) -> Result<Look, RefreshError> {
        let looked = self.look_for_newer(now);
        match &looked {
            Ok(Look::UpToDate) => self.recover(),
            Ok(Look::Waiting) => {}
            Err(error) => self.fail(error),
        }
        self.judge_age(time);
        looked
    }

    fn look_for_newer(&mut self, now: Instant) -> Result<Look, RefreshError> {
        self.find_newer(now)?;
        let Some(&newest) = self.newer.last() else {
            return self.scrub(now).map(|()| Look::UpToDate);
        };
        let refused = self.retry.as_ref();
        if refused.is_some_and(|it| it.newer == self.newer && now < it.at) {
            // What is refused may stay for weeks; what is live is looked after all the same.
            return self.scrub(now).map(|()| Look::Waiting);
        }
        let again = refused.filter(|it| it.newer.last() == Some(&newest));
        let pause = again.map_or(FIRST_PAUSE, |it| (it.pause * 2).min(LONGEST_PAUSE));
        self.take(newest).map(|()| Look::UpToDate).inspect_err(|_| {
            self.take_older_than_newest();
            self.retry = Some(Retry {
                newer: self.newer.clone(),
                at: now + pause,
                pause,
            });
        })
    }

    /// Raises the alarm when the live epoch is too old, also while the store is away, and ends it
    /// when it is not: somebody may be holding back what withdraws certificates.
    fn judge_age(&mut self, time: Timestamp) {
        let Some(published_at) = self
            .live
            .current()
            .as_ref()
            .map(|it| it.snapshot.published_at())
        else {
            return;
        };
        let old = time.duration_since(published_at) > OLD;
        if old == self.old {
            return;
        }
        self.old = old;
        self.live.set_old(old);
        self.metrics.generation_old.set(i64::from(old));
        let (level, event) = match old {
            true => (Level::Warning, "generation_old"),
            false => (Level::Info, "generation_not_old"),
        };
        self.log.event(
            level,
            event,
            &[
                ("epoch", &self.taken.to_string()),
                ("published_at", &published_at.to_string()),
            ],
        );
    }

    /// Once in a while, checks that the mapped numbers are what was verified; if not, opens the
    /// generation again, which brings damaged copies anew from the store.
    fn scrub(&mut self, now: Instant) -> Result<(), RefreshError> {
        let due = |at| now.duration_since(at) >= SCRUB_INTERVAL;
        if !self.scrubbed_at.is_none_or(due) {
            return Ok(());
        }
        self.scrubbed_at = Some(now);
        let scrubbed = self
            .live
            .current()
            .as_ref()
            .map(|current| current.snapshot.scrub());
        let Some(Err(source)) = scrubbed else {
            return Ok(());
        };
        self.rotten = true;
        self.take_remembered()?;
        Err(RefreshError::Rotten {
            epoch: self.taken,
            source,
        })
    }

    /// Brings `newer` up to date: by a listing when one is due, and by asking for the epoch that
    /// follows the live one and the one that follows the newest. The two differ where the newest
    /// is refused; a stray file far ahead must not hide what is published behind it.
    fn find_newer(&mut self, now: Instant) -> Result<(), RefreshError> {
        let due = |at| now.duration_since(at) >= LISTING_INTERVAL;
        if self.taken == 0 || self.listed_at.is_none_or(due) {
            self.list()?;
            // Only now: a store that is away is asked again at the next look.
            self.listed_at = Some(now);
        }
        self.find_after(self.taken)?;
        if let Some(newest) = self.newer.last() {
            self.find_after(*newest)?;
        }
        Ok(())
    }

    fn list(&mut self) -> Result<(), RefreshError> {
        let Source { store, channel, .. } = &self.source;
        let taken = self.taken;
        self.newer = store.epochs(channel)?;
        let newest = self.newer.last().copied();
        self.newer.retain(|epoch| *epoch > taken);
        match newest {
            None => Err(RefreshError::NothingPublished),
            Some(newest) if newest < taken => Err(RefreshError::WentBack { newest, taken }),
            Some(_) => Ok(()),
        }
    }

    /// Adds the epochs that follow this one without a gap.
    fn find_after(&mut self, mut epoch: u64) -> Result<(), StoreError> {
        while let Some(next) = epoch.checked_add(1) {
            if let Err(place) = self.newer.binary_search(&next) {
                if !self.has_entry(next)? {
                    break;
                }
                self.newer.insert(place, next);
            }
            epoch = next;
        }
        Ok(())
    }

    /// Whether the channel has an entry for this epoch; one that is refused is there all the
    /// same, and taking it says why.
    fn has_entry(&self, epoch: u64) -> Result<bool, StoreError> {
        let Source {
            store,
            channel,
            publishers,
            ..
        } = &self.source;
        match store.read_channel_entry(channel, epoch, publishers) {
            Ok(entry) => Ok(entry.is_some()),
            Err(StoreError::Document { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// When the newest epoch is refused, the newest good one before it is better than what is
    /// live. Its own failures do not matter: the reason that counts is that of the newest.
    fn take_older_than_newest(&mut self) {
        let older = self.newer.iter().rev().skip(1).take(EPOCHS_TRIED);
        let older: Vec<u64> = older.copied().collect();
        let _ = older.into_iter().find(|epoch| self.take(*epoch).is_ok());
    }

    fn take(&mut self, epoch: u64) -> Result<(), RefreshError> {
        let Source {
            store,
            channel,
            publishers,
            ..
        } = &self.source;
        let publication = store.read_publication(channel, epoch, publishers)?;
        self.open(publication.ok_or(RefreshError::Absent { epoch })?)
    }

    /// Opens a publication and makes it live.
    fn open(&mut self, publication: Publication) -> Result<(), RefreshError> {
        let began = Instant::now();
        let damaged_answers = self.metrics.damaged_answers.get();
        let snapshot = self.open_beside_live(publication, damaged_answers)?;
        (self.rotten, self.damaged_answers) = (false, damaged_answers);
        let current = Arc::new(Current::new(snapshot));
        if let Some(old) = self.live.replace(Arc::clone(&current)) {
            // The reaper lives as long as this thread; were it gone, the old one drops here.
            let _ = self.reaper.send(old);
        }
        self.taken = current.snapshot.epoch();
        self.newer.retain(|newer| *newer > self.taken);
        self.note_taken(&current.snapshot, began.elapsed());
        if let Err(error) = self.source.cache.sweep(&[current.snapshot.manifest()]) {
            let reason = in_one_line(&error);
            self.log
                .event(Level::Warning, "cache_not_swept", &[("reason", &reason)]);
        }
        Ok(())
    }

    /// Opens a publication if there is room for it. Layers of the live snapshot are shared, unless
    /// a scrub or a look-up has met damage in it: then every byte is checked again.
    fn open_beside_live(
        &self,
        publication: Publication,
        damaged_answers: u64,
    ) -> Result<Snapshot, RefreshError> {
        let Source {
            store, cache, keys, ..
        } = &self.source;
        let (epoch, generation) = (publication.entry().epoch, publication.entry().generation);
        let live = self.live.current().clone();
        let live = live.as_ref().map(|live| &live.snapshot);
        let sound = !self.rotten && damaged_answers == self.damaged_answers;
        let beside = live.filter(|_| sound);
        // With nothing live, or with what has rotted, pages that come and go are better than no
        // answer and than a wrong one.
        if live.is_some() && !self.rotten {
            let needed = Snapshot::new_bytes(publication.manifest(), beside);
            self.ensure_room(epoch, generation, needed)?;
        }
        let opened = Snapshot::open(cache, store, publication, keys, beside);
        opened.map_err(|source| RefreshError::Open {
            epoch,
            generation,
            source,
        })
    }

    /// Refuses when there is too little memory. Where the system shows no figure, it goes on.
    fn ensure_room(&self, epoch: u64, generation: u64, bytes: u64) -> Result<(), RefreshError> {
        let needed = bytes.saturating_add(MEMORY_MARGIN);
        match self.source.memory.available() {
            Some(available) if available < needed => Err(RefreshError::Memory {
                epoch,
                generation,
                needed,
                available,
            }),
            _ => Ok(()),
        }
    }

    fn note_taken(&self, snapshot: &Snapshot, elapsed: Duration) {
        let (epoch, generation) = (snapshot.epoch(), snapshot.generation());
        let certificates = snapshot.certificates();
        let published_at = snapshot.published_at();
        self.metrics.refreshes.inc();
        self.metrics
            .set_snapshot(epoch, generation, certificates, published_at.as_second());
        self.log.event(
            Level::Info,
            "generation_taken",
            &[
                ("epoch", &epoch.to_string()),
                ("generation", &generation.to_string()),
                ("certificates", &certificates.to_string()),
                ("published_at", &published_at.to_string()),
                ("ms", &elapsed.as_millis().to_string()),
            ],
        );
    }

    fn fail(&mut self, error: &RefreshError) {
        let reason = in_one_line(error);
        self.metrics.refresh_failures.inc();
        self.live.set_trouble(&reason);
        if reason != self.trouble {
            self.log
                .event(Level::Error, "refresh_failed", &[("reason", &reason)]);
            self.trouble = reason;
        }
    }

    fn recover(&mut self) {
        if !self.trouble.is_empty() {
            self.trouble.clear();
            self.live.set_trouble("");
            self.log.event(Level::Info, "refresh_recovered", &[]);
        }
    }
}

/// Drops old snapshots, each when the last request has let go of it: whoever drops the last
/// reference unmaps the files, which takes up to half a second a gigabyte.
fn reap(dead: &Receiver<Arc<Current>>) {
    for old in dead {
        while Arc::strong_count(&old) > 1 {
            std::thread::sleep(REAPER_PAUSE);
        }
    }
}

/// A thread for work that nobody waits for.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let background = move || {
        // Refused only where the system knows no priorities; the work is the same.
        let _ = process::give_way();
        work();
    };
    thread
        .spawn(background)
        .expect("the system gives a thread at start-up");
}
