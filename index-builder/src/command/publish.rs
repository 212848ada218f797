//! `publish`: the ledger becomes the register that readers take.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::Timestamp;
use snapshot::{Channel, Publication, Store, layout};

use super::{Context, create_parents, print, store_directory};
use crate::compile::{MEMORY_BYTES_LEAST, Means};
use crate::failure::{Exit, Failure};
use crate::ledger::Ledger;
use crate::publishing::{Guard, Guards, Keys, Layer, Order, Report, publish};
use crate::registry::Registry;

/// More threads than any machine has; keeps a typing error from asking for a million.
const THREADS_MOST: u16 = 1024;

/// Compile the ledger and make it the generation that readers take.
///
/// When neither ledger, registry nor look-up key have changed, nothing is written, but once in 24
/// hours a new epoch says that the live generation is still looked after. Before a new generation
/// goes live it is compared with the live one, and thousands of its certificates are asked about;
/// a guard that refuses, or one wrong answer, ends it with exit 2 and nothing is published.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The registry: institutions, review centres.
    #[arg(long, value_name = "DIR")]
    registry: PathBuf,

    /// The ledger of accepted batches.
    #[arg(long, value_name = "DIR")]
    ledger: PathBuf,

    #[command(flatten)]
    publishing: Publishing,
}

/// How to publish, whatever it is; `watch` takes the same flags.
#[derive(Debug, clap::Args)]
pub(super) struct Publishing {
    /// The directory with lookup.key, publisher.key and publisher.pub.
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,

    /// The store to publish into, a directory or a file:// URL; made when missing.
    #[arg(long, value_name = "URL", value_parser = store_directory)]
    store: PathBuf,

    /// Which layer to write.
    #[arg(long, value_enum, default_value_t = LayerName::Auto)]
    pub(super) layer: LayerName,

    /// Memory to compile in, for example 512MiB or 2GiB, at least 64MiB; what does not fit is
    /// sorted in files without names in the store's staging directory. The trial maps the new
    /// blobs beside it, in pages that the system can take back.
    #[arg(long, value_name = "BYTES", default_value = "512MiB", value_parser = memory_bytes)]
    memory: usize,

    /// Threads to compile with; one a core when not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(THREADS_MOST)))]
    threads: Option<u16>,

    /// The channel that readers follow.
    #[arg(long, default_value = "stable", value_parser = channel)]
    channel: Channel,

    /// The epoch to begin with in a store that was restored or made anew: above every epoch that
    /// readers may have seen, or they will refuse it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) first_epoch: Option<u64>,

    #[command(flatten)]
    overrides: Overrides,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LayerName {
    /// A fresh layer while it is small and the base less than a day old, else a new base from both.
    Auto,
    /// A fresh layer over the live base.
    Fresh,
    /// A new base from the whole ledger, even when nothing is new.
    Base,
}

/// Guards that are overridden.
#[derive(Debug, clap::Args)]
struct Overrides {
    /// Publish although the ledger does not contain what is live.
    #[arg(long)]
    allow_other_ledger: bool,

    /// Publish although there are fewer certificates than before.
    #[arg(long)]
    allow_shrink: bool,

    /// Publish although an institution would have no certificates any more.
    #[arg(long)]
    allow_vanished: bool,

    /// Publish although over a fifth of the rows since the last publish were rejected.
    #[arg(long)]
    allow_rejections: bool,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let how = &args.publishing;
    let wish = Wish {
        layer: how.layer,
        first_epoch: how.first_epoch,
        may_leave_pointed: true,
    };
    let report = how.publish((&args.registry, &args.ledger), &wish, context.clock)?;
    match context.json {
        true => print(&format!("{}\n", report.json()))?,
        false => print(&report.text())?,
    }
    Ok(Exit::Done)
}

/// What `watch` does not want as it was typed, each time.
pub(super) struct Wish {
    pub(super) layer: LayerName,
    pub(super) first_epoch: Option<u64>,
    /// See [`Order::may_leave_pointed`].
    pub(super) may_leave_pointed: bool,
}

impl Publishing {
    /// Publishes a ledger with a registry, if there is anything new. Both are read, and the clock
    /// too, when the store is locked: who waited for another publisher must not come with older
    /// ones than that one published.
    pub(super) fn publish(
        &self,
        (registry, ledger): (&Path, &Path),
        wish: &Wish,
        clock: fn() -> Timestamp,
    ) -> Result<Report, Failure> {
        let keys = Keys::open(&self.keys)?;
        Registry::open(registry)?;
        Ledger::open_existing(ledger)?;
        create_parents(&self.store)?;
        let store = Store::create(&self.store)?;
        let lock = store.lock()?;
        let registry = Registry::open(registry)?;
        let (ledger, index) = Ledger::open_indexed(ledger)?;
        let means = Means {
            memory_bytes: self.memory,
            threads: usize::from(self.threads.unwrap_or(0)),
            spool: store.root().join(layout::staging()),
        };
        publish(&Order {
            lock: &lock,
            registry: &registry,
            ledger: &ledger,
            index: &index,
            keys: &keys,
            store: &store,
            channel: &self.channel,
            layer: wish.layer.into(),
            first_epoch: wish.first_epoch,
            may_leave_pointed: wish.may_leave_pointed,
            guards: self.overrides.guards(),
            means: &means,
            now: clock(),
        })
    }

    /// What is live on the channel; `None` when nothing was published yet.
    pub(super) fn live(&self) -> Result<Option<Publication>, Failure> {
        let keys = Keys::open(&self.keys)?;
        if !self.store.exists() {
            return Ok(None);
        }
        let store = Store::open(&self.store);
        let Some(&epoch) = store.epochs(&self.channel)?.last() else {
            return Ok(None);
        };
        Ok(store.read_publication(&self.channel, epoch, &keys.publishers)?)
    }
}

impl From<LayerName> for Layer {
    fn from(name: LayerName) -> Self {
        match name {
            LayerName::Auto => Self::Auto,
            LayerName::Fresh => Self::Fresh,
            LayerName::Base => Self::Base,
        }
    }
}

impl Overrides {
    fn guards(&self) -> Guards {
        let given = [
            (self.allow_other_ledger, Guard::OtherLedger),
            (self.allow_shrink, Guard::Shrink),
            (self.allow_vanished, Guard::Vanished),
            (self.allow_rejections, Guard::Rejections),
        ];
        let allowed = given.into_iter().filter(|(allowed, _)| *allowed);
        Guards::allowing(allowed.map(|(_, guard)| guard).collect())
    }
}

pub(super) fn channel(text: &str) -> Result<Channel, &'static str> {
    Channel::parse(text).ok_or("a channel is 1 to 64 of a-z, 0-9 and -")
}

/// Reads `512MiB`, `2GiB`, `65536KiB` or plain bytes.
pub(super) fn memory_bytes(text: &str) -> Result<usize, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("", 0)];
    let read = units.iter().find_map(|(unit, shift)| {
        let digits = text.strip_suffix(unit)?.trim_end();
        let bytes = digits.parse::<u64>().ok()?.checked_mul(1 << shift)?;
        usize::try_from(bytes).ok()
    });
    let bytes = read.ok_or("give a number of bytes, or of KiB, MiB, GiB or TiB: 512MiB")?;
    match bytes >= MEMORY_BYTES_LEAST {
        true => Ok(bytes),
        false => Err(format!(
            "at least {}MiB are needed",
            MEMORY_BYTES_LEAST >> 20
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_by_unit() {
        for (text, bytes) in [
            ("512MiB", 512 << 20),
            ("1GiB", 1 << 30),
            ("2 GiB", 2 << 30),
            ("65536KiB", 64 << 20),
            ("67108864", 64 << 20),
        ] {
            assert_eq!(memory_bytes(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "MiB",
            "63MiB",
            "0",
            "-1GiB",
            "1.5GiB",
            "512MB",
            "512mib",
            "512M",
            "99999999TiB",
        ] {
            assert!(memory_bytes(text).is_err(), "{text}");
        }
        assert!(memory_bytes("63MiB").unwrap_err().contains("64MiB"));
    }
}
