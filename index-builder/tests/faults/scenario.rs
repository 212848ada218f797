//! The commands that are killed, starved and cut off, and what was there before.

/// A command in its setting.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Command lines that lead up to it.
    pub(crate) before: &'static [&'static str],
    /// The command line that gets hurt; run once more, it must put everything right.
    pub(crate) command: &'static str,
}

impl Scenario {
    /// Whether the command ends only when it is asked to.
    pub(crate) fn is_watch(&self) -> bool {
        is_watch(self.command)
    }
}

pub(crate) fn is_watch(line: &str) -> bool {
    line.starts_with("watch ")
}

const ACCEPT_FIRST: &str =
    "accept ../inbox/batch-0001.csv --registry ../registry --ledger ledger --json";
/// Two issues, each a batch of its own.
pub(crate) const ACCEPT_TWO: &str = "accept ../inbox/batch-0002.csv ../inbox/batch-0003.csv \
     --registry ../registry --ledger ledger --json";
pub(crate) const ACCEPT_WITHDRAWALS: &str =
    "accept ../inbox/batch-0004.csv --registry ../registry --ledger ledger --json";

/// Publishes whatever is new.
pub(crate) const PUBLISH: &str = "publish --registry ../registry --ledger ledger --keys ../keys \
     --store store --threads 1 --json";
/// Publishes in any case.
pub(crate) const PUBLISH_BASE: &str = "publish --registry ../registry --ledger ledger --keys \
     ../keys --store store --threads 1 --json --layer base";
/// Publishes what is new as a fresh layer.
pub(crate) const PUBLISH_FRESH: &str = "publish --registry ../registry --ledger ledger --keys ../keys \
     --store store --threads 1 --json --layer fresh";
/// Publishes what came to a fresh layer, and both as a new base.
const PUBLISH_CHANGE: &str = "publish --registry ../registry --ledger ledger --keys ../keys \
     --store store --threads 1 --json --layer auto";
/// Makes the first generation live again.
const POINT: &str = "point --store store --keys ../keys --generation 1 --reason test --json";
pub(crate) const VERIFY: &str = "verify --store store --keys ../keys --ledger ledger --json";
pub(crate) const SHOW: &str = "show --store store --json";

/// Accepts and publishes what is delivered, until it is asked to end.
const WATCH: &str = "watch --inbox inbox --registry ../registry --ledger ledger --keys ../keys \
     --store store --threads 1 --json";
/// Removes what nothing names.
pub(crate) const SWEEP: &str = "gc --store store --apply --json";
/// Removes the generation before the last two.
const GC: &str = "gc --store store --keep 1 --apply --json";
/// No command of the program: puts a batch with its marker into the inbox of the work directory.
pub(crate) const DELIVER: &str = "deliver batch-0002.csv";

/// What must be in a register before anybody publishes a change to it.
pub(crate) const PUBLISHED: &[&str] = &[ACCEPT_FIRST, PUBLISH];
const CHANGED: &[&str] = &[ACCEPT_FIRST, PUBLISH, ACCEPT_TWO, ACCEPT_WITHDRAWALS];

const LAYERED: &[&str] = &[
    ACCEPT_FIRST,
    PUBLISH,
    ACCEPT_TWO,
    PUBLISH_FRESH,
    ACCEPT_WITHDRAWALS,
];

const DELIVERED: &[&str] = &[ACCEPT_FIRST, PUBLISH, DELIVER];
const OUTDATED: &[&str] = &[
    ACCEPT_FIRST,
    PUBLISH,
    ACCEPT_TWO,
    PUBLISH,
    ACCEPT_WITHDRAWALS,
    PUBLISH,
];

/// Each is one line here and nothing elsewhere.
#[rustfmt::skip]
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "accept, new ledger", before: &[], command: ACCEPT_TWO },
    Scenario { name: "accept", before: PUBLISHED, command: ACCEPT_TWO },
    Scenario { name: "publish, first base", before: &[ACCEPT_FIRST], command: PUBLISH },
    Scenario { name: "publish, fresh layer", before: CHANGED, command: PUBLISH_FRESH },
    Scenario { name: "publish, compaction", before: LAYERED, command: PUBLISH_CHANGE },
    Scenario { name: "publish, new base", before: CHANGED, command: PUBLISH_BASE },
    Scenario { name: "point", before: LAYERED, command: POINT },
    Scenario { name: "gc", before: OUTDATED, command: GC },
    Scenario { name: "watch", before: DELIVERED, command: WATCH },
];
