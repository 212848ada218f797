//! Files read and judged ahead of the ledger, on all cores.
//!
//! ```text
//! reader ─► groups of rows ─► judges ─► verdicts, in the order of the files and rows ─► admit
//! ```
//!
//! Judging looks at a row alone, so it need not wait for what stands before it: while one batch is
//! made durable the next file is judged. Whoever asks gets the same in the same order whatever the
//! number of threads. Between the threads lie a bounded number of groups of bounded size.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use snapshot::Digest;
use spreadsheet::{Row, SpreadsheetError};

use crate::failure::Failure;
use crate::gate::{Batch, Gate, Judged, Unjudgeable};
use crate::source::Source;

/// Rows judged at once by one thread.
const GROUP_ROWS: usize = 1024;

/// A group ends before it takes more memory than this, whatever its rows hold.
const GROUP_BYTES: usize = 1024 * 1024;

/// Groups between the reader and the ledger: as many rows as are judged while a batch is synced.
const GROUPS_AHEAD: usize = 96;

/// The verdicts on files, as they are needed.
pub(crate) struct Ahead<'a> {
    events: Receiver<Event>,
    /// Files asked for so far.
    asked: usize,
    /// The same for the reader, which skips what is left of those before.
    wanted: &'a AtomicUsize,
}

/// What a file is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    /// Digest of its bytes, by which the same file is known again.
    pub(crate) sha256: Digest,
    /// Its length.
    pub(crate) bytes: u64,
}

/// What is told of an opened file, in order.
pub(crate) enum Told {
    /// What a person should know about the file as a whole.
    Notices(Vec<String>),
    /// The next rows.
    Rows(Vec<Judged>),
    /// It is read to its end.
    End,
}

enum Event {
    Opened(Result<Identity, SpreadsheetError>),
    Notices(Vec<String>),
    Rows(Receiver<Verdicts>),
    Ended(Result<(), Unjudgeable>),
}

type Verdicts = Result<Vec<Judged>, Unjudgeable>;

/// Rows for a judge.
struct Group<'a> {
    batch: Arc<Batch<'a>>,
    rows: Vec<Row>,
    verdicts: SyncSender<Verdicts>,
}

/// Judges files and lets `take` have the verdicts. A file is opened, and judged in part, before
/// `take` asks for it.
///
/// # Errors
///
/// Those of `take`, and when the system has no threads to give.
pub(crate) fn judge<T>(
    files: &[impl AsRef<Path> + Sync],
    gate: &Gate,
    take: impl FnOnce(&mut Ahead<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let wanted = AtomicUsize::new(0);
    let wanted = &wanted;
    thread::scope(|scope| {
        let (groups, work) = sync_channel(GROUPS_AHEAD);
        let (told, events) = sync_channel(GROUPS_AHEAD);
        // Shared by the judges alone: when all are gone, the reader must not wait for them.
        let work = Arc::new(Mutex::new(work));
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let work = Arc::clone(&work);
            start(scope, "judge", move || judge_groups(&work))?;
        }
        drop(work);
        let reader = Reader {
            gate,
            told,
            groups,
            wanted,
        };
        start(scope, "read", move || reader.read(files))?;
        take(&mut Ahead {
            events,
            asked: 0,
            wanted,
        })
    })
}

fn start<'s>(
    scope: &'s thread::Scope<'s, '_>,
    name: &str,
    work: impl FnOnce() + Send + 's,
) -> Result<(), Failure> {
    let thread = thread::Builder::new().name(name.to_owned());
    match thread.spawn_scoped(scope, work) {
        Ok(_) => Ok(()),
        Err(source) => Err(Failure::Io {
            doing: "start threads on",
            path: PathBuf::from("the system"),
            source,
        }),
    }
}

impl Ahead<'_> {
    /// The next file, whether or not the one before was read to its end.
    pub(crate) fn open(&mut self) -> Result<Identity, SpreadsheetError> {
        self.wanted.store(self.asked, Ordering::Relaxed);
        self.asked += 1;
        loop {
            if let Event::Opened(opened) = receive(&self.events) {
                return opened;
            }
        }
    }

    /// What is next in the file that was opened.
    ///
    /// # Errors
    ///
    /// Why the whole file cannot be judged; nothing follows then, as after its end.
    pub(crate) fn next(&mut self) -> Result<Told, Unjudgeable> {
        match receive(&self.events) {
            Event::Notices(notices) => Ok(Told::Notices(notices)),
            Event::Rows(verdicts) => receive(&verdicts).map(Told::Rows),
            Event::Ended(ended) => ended.map(|()| Told::End),
            Event::Opened(_) => unreachable!("a file begins after the end of the one before"),
        }
    }
}

/// What another thread sends. One that hung up has panicked, and its panic has been noted.
fn receive<T>(from: &Receiver<T>) -> T {
    from.recv()
        .unwrap_or_else(|_| resume_unwind(Box::new("another thread panicked")))
}

/// The work of a judge, until the reader is gone.
fn judge_groups(work: &Mutex<Receiver<Group<'_>>>) {
    loop {
        let group = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(group) = group else { return };
        let judged = group.batch.judge(&group.rows);
        // Nobody may be left who asks.
        let _ = group.verdicts.send(judged);
    }
}

/// Reads the files one after the other.
struct Reader<'a> {
    gate: &'a Gate,
    told: SyncSender<Event>,
    groups: SyncSender<Group<'a>>,
    wanted: &'a AtomicUsize,
}

/// What ends a file early.
enum Stop {
    /// The file itself.
    File(Unjudgeable),
    /// Nobody asks for the rest of it.
    Unwanted,
    /// Nobody asks for anything any more.
    Gone,
}

impl<E: Into<Unjudgeable>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::File(error.into())
    }
}

impl<'a> Reader<'a> {
    fn read(&self, files: &[impl AsRef<Path>]) {
        for (place, file) in files.iter().enumerate() {
            let ended = match self.read_file(place, file.as_ref()) {
                Ok(()) | Err(Stop::Unwanted) => Ok(()),
                Err(Stop::File(error)) => Err(error),
                Err(Stop::Gone) => return,
            };
            if self.tell(Event::Ended(ended)).is_err() {
                return;
            }
        }
    }

    fn read_file(&self, place: usize, path: &Path) -> Result<(), Stop> {
        let mut source = match Source::open(path) {
            Ok(source) => source,
            Err(error) => {
                self.tell(Event::Opened(Err(error)))?;
                return Err(Stop::Unwanted);
            }
        };
        self.tell(Event::Opened(Ok(Identity {
            sha256: source.sha256,
            bytes: source.bytes,
        })))?;
        let mut file = FileInReading {
            reader: self,
            place,
            batch: None,
            rows: Vec::with_capacity(GROUP_ROWS),
            bytes: 0,
        };
        source.rows("judging", |row| file.take(row))?;
        file.end()
    }

    fn tell(&self, event: Event) -> Result<(), Stop> {
        self.told.send(event).map_err(|_| Stop::Gone)
    }
}

/// A file while its rows come in.
struct FileInReading<'a, 'r> {
    reader: &'r Reader<'a>,
    place: usize,
    /// Known from the first row on.
    batch: Option<Arc<Batch<'a>>>,
    rows: Vec<Row>,
    bytes: usize,
}

impl FileInReading<'_, '_> {
    fn take(&mut self, row: Row) -> Result<(), Stop> {
        if self.batch.is_none() {
            let batch = Batch::open(self.reader.gate, &row)?;
            self.reader.tell(Event::Notices(batch.notices()))?;
            self.batch = Some(Arc::new(batch));
            return Ok(());
        }
        self.bytes += row.bytes();
        self.rows.push(row);
        if self.rows.len() == GROUP_ROWS || self.bytes > GROUP_BYTES {
            self.give()?;
        }
        Ok(())
    }

    /// What was read before an error is not judged: the file is refused whole.
    fn end(&mut self) -> Result<(), Stop> {
        if self.batch.is_none() {
            return Err(SpreadsheetError::Unreadable("文件里没有表头".to_owned()).into());
        }
        self.give()
    }

    fn give(&mut self) -> Result<(), Stop> {
        if self.reader.wanted.load(Ordering::Relaxed) > self.place {
            return Err(Stop::Unwanted);
        }
        let Some(batch) = &self.batch else {
            return Ok(());
        };
        let (verdicts, judged) = sync_channel(1);
        let group = Group {
            batch: Arc::clone(batch),
            rows: std::mem::replace(&mut self.rows, Vec::with_capacity(GROUP_ROWS)),
            verdicts,
        };
        self.bytes = 0;
        self.reader.tell(Event::Rows(judged))?;
        self.reader.groups.send(group).map_err(|_| Stop::Gone)
    }
}
