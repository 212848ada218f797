//! A disk that records: an image behind `qemu-storage-daemon`, mounted as ext4.
//!
//! ```text
//! ext4 ─► loop device ─► exported file (FUSE) ─► blklogwrites ─► image
//!                                                     └─► record
//! ```
//!
//! Mounts live in a namespace of their own and end with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::record::Record;
use crate::centre::{Centre, Run, Work, copy_tree};
use crate::oracle::Verdict;
use crate::scenario::Scenario;

/// Room for a small centre and the smallest journal that ext4 makes.
const IMAGE_BYTES: u64 = 24 << 20;

/// What every mount here is.
const OPTIONS: &str = "loop,noauto_da_alloc";

/// Puts what is in `content` onto a new file system.
const FORMAT: &str = "
mkfs.ext4 -q -b 4096 -J size=4 -m 0 base
mount -o \"$1\" base mounted
cp -a content/. mounted
umount mounted
";

/// Runs a command on the recorded disk. What it told is in `told` and `code`; how long the record
/// was when the command had ended, in `acknowledged`.
const RECORD: &str = "
options=$1; shift
qemu-storage-daemon \
    --blockdev driver=file,node-name=image,filename=disk \
    --blockdev driver=file,node-name=record,filename=record \
    --blockdev driver=blklogwrites,node-name=recorded,file=image,log=record,log-sector-size=512 \
    --export type=fuse,id=export,node-name=recorded,mountpoint=exported,writable=on &
daemon=$!
trap 'kill $daemon; wait $daemon || true' EXIT
until test -s exported; do kill -0 $daemon; sleep 0.02; done
mount -o \"$options\" exported mounted
cd mounted/work
code=0
env \"$@\" > ../../told || code=$?
stat -c %s ../../record > ../../acknowledged
echo $code > ../../code
cd ../..
umount mounted
";

/// Brings back what is on an image after its journal was replayed.
const RESTORE: &str = "
mount -o \"$1\" image mounted
cp -a mounted/work \"$2\"
umount mounted
";

/// An image with a centre on it, and the folder in which it is handled.
pub(super) struct Disk {
    folder: PathBuf,
}

/// What a disk was told during a run.
pub(super) struct Recorded {
    base: Vec<u8>,
    pub(super) record: Record,
    /// What the run acknowledged.
    pub(super) acknowledged: usize,
    /// After how many entries it had done so.
    pub(super) acknowledged_at: usize,
}

impl Disk {
    /// A disk that holds a centre and a work directory.
    pub(super) fn new(folder: &Path, centre: &Centre, work: &Work) -> Self {
        let content = folder.join("content");
        fs::create_dir(&content).unwrap();
        for name in ["registry", "keys", "inbox"] {
            copy_tree(&centre.path().join(name), &content.join(name));
        }
        copy_tree(work.path(), &content.join("work"));
        fs::create_dir(folder.join("mounted")).unwrap();
        let base = fs::File::create(folder.join("base")).unwrap();
        base.set_len(IMAGE_BYTES).unwrap();
        isolated(folder, FORMAT, &[OPTIONS]).expect_code(0);
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Runs a scenario's command on the disk, with these variables besides.
    pub(super) fn record(self, scenario: &Scenario, variables: &[(&str, &str)]) -> Recorded {
        let file = |name: &str| self.folder.join(name);
        fs::copy(file("base"), file("disk")).unwrap();
        for name in ["record", "exported"] {
            fs::write(file(name), "").unwrap();
        }
        let variables =
            variables
                .iter()
                .chain(&[("RAYON_NUM_THREADS", "1"), ("TMPDIR", "tmp"), ("TZ", "UTC")]);
        let variables: Vec<String> = variables
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let words = variables.iter().map(String::as_str);
        let arguments: Vec<&str> = [OPTIONS]
            .into_iter()
            .chain(words)
            .chain([crate::centre::BUILDER])
            .chain(scenario.command.split_whitespace())
            .collect();
        isolated(&self.folder, RECORD, &arguments).expect_code(0);
        let told = |name: &str| fs::read_to_string(file(name)).unwrap();
        let run = Run {
            code: told("code").trim().parse().ok(),
            out: told("told"),
            err: String::new(),
        };
        let run = run.expect_code(0);
        let record = Record::parse(fs::read(file("record")).unwrap());
        Recorded {
            base: fs::read(file("base")).unwrap(),
            acknowledged: run.acknowledged(),
            acknowledged_at: record.entries_within(told("acknowledged").trim().parse().unwrap()),
            record,
        }
    }
}

impl Recorded {
    /// Makes the disk that has only these entries, and brings back its work directory.
    pub(super) fn restore(&self, keep: &[usize], folder: &Path, work: &Work) -> Verdict<()> {
        let mut disk = self.base.clone();
        self.record.apply(keep, &mut disk);
        fs::write(folder.join("image"), disk).unwrap();
        fs::remove_dir_all(work.path()).unwrap();
        let to = work.path().to_str().unwrap();
        let run = isolated(folder, RESTORE, &[OPTIONS, to]);
        match run.code {
            Some(0) => Ok(()),
            _ => Err(format!("the disk is unreadable: {}", run.err)),
        }
    }
}

/// Runs a shell script in a folder, in a mount namespace of its own.
fn isolated(folder: &Path, script: &str, arguments: &[&str]) -> Run {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-e", "-c", script, "sh"]);
    command.args(arguments).current_dir(folder);
    Run::of(command)
}
