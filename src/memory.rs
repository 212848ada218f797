//! How much memory can still be had without taking away pages that somebody has mapped: of the
//! machine, and of the control groups that hold the process.
//!
//! The kernel counts a mapped page that nobody touched lately as one that it may take back. It
//! would be right, and a look-up would then wait for the disk; so what is mapped is not free here.
//! Memory that processes share counts as mapped too, but was never said to be free, so it is not
//! taken off again.
//! A figure that the system does not show bounds nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the system shows its figures.
#[derive(Clone, Debug)]
pub struct Memory {
    root: PathBuf,
}

/// The file of a control group that holds a figure, by version: limit, use, and the lines of
/// `memory.stat` whose sum can be taken back, and that of what is mapped.
struct Names {
    limit: &'static str,
    usage: &'static str,
    cached: [&'static str; 2],
    mapped: &'static str,
    shared: &'static str,
}

const VERSION_1: Names = Names {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    cached: ["total_inactive_file", "total_active_file"],
    mapped: "total_mapped_file",
    shared: "total_shmem",
};

const VERSION_2: Names = Names {
    limit: "memory.max",
    usage: "memory.current",
    cached: ["inactive_file", "active_file"],
    mapped: "file_mapped",
    shared: "shmem",
};

impl Memory {
    /// Of the system whose `/proc` and `/sys` are below this folder: `/`, but for tests.
    pub fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Bytes that can be had: the least of what the machine has and what each control group
    /// leaves; `None` where the system shows neither. Cost: reads a handful of small files.
    pub fn available(&self) -> Option<u64> {
        self.groups().into_iter().chain(self.machine()).min()
    }

    fn machine(&self) -> Option<u64> {
        let text = fs::read_to_string(self.root.join("proc/meminfo")).ok()?;
        let bytes = |name| Some(figure(&text, name)? << 10);
        let shared = bytes("Shmem:").unwrap_or(0);
        let mapped = bytes("Mapped:").unwrap_or(0).saturating_sub(shared);
        Some(bytes("MemAvailable:")?.saturating_sub(mapped))
    }

    /// What the group of the process and every group around it leave.
    fn groups(&self) -> Vec<u64> {
        let text = fs::read_to_string(self.root.join("proc/self/cgroup")).unwrap_or_default();
        let mounts = self.root.join("sys/fs/cgroup");
        let mut left = Vec::new();
        for line in text.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
                continue;
            };
            let (folders, names): (&[PathBuf], _) = match controllers {
                "" => (&[mounts.clone(), mounts.join("unified")], VERSION_2),
                it if it.split(',').any(|name| name == "memory") => {
                    (&[mounts.join("memory")], VERSION_1)
                }
                _ => continue,
            };
            // A group that a container does not show is skipped; its own is at the root then.
            for group in Path::new(path).ancestors() {
                let below = group.strip_prefix("/").unwrap_or(group);
                left.extend(folders.iter().filter_map(|it| names.left(&it.join(below))));
            }
        }
        left
    }
}

impl Names {
    /// What a group leaves; `None` when it is not there or has no limit.
    fn left(&self, group: &Path) -> Option<u64> {
        let read = |file| fs::read_to_string(group.join(file)).ok();
        let whole = |file| read(file)?.trim().parse::<u64>().ok();
        let limit = whole(self.limit)?;
        let usage = whole(self.usage)?;
        let stat = read("memory.stat").unwrap_or_default();
        let cached: u64 = self.cached.iter().filter_map(|it| figure(&stat, it)).sum();
        let of = |name| figure(&stat, name).unwrap_or(0);
        let mapped = of(self.mapped).saturating_sub(of(self.shared));
        let unmapped = cached.saturating_sub(mapped);
        Some(limit.saturating_sub(usage.saturating_sub(unmapped)))
    }
}

/// The number in the line that begins with this word.
fn figure(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_whitespace);
    let mut line = lines.find_map(|mut line| (line.next()? == name).then_some(line))?;
    line.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system that shows these files.
    fn system(files: &[(&str, &str)]) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Memory::below(folder.path()).available()
    }

    const MACHINE: (&str, &str) = (
        "proc/meminfo",
        "MemTotal:  9000 kB\nMemAvailable:   5000 kB\nMapped:  1800 kB\nShmem:  800 kB\n",
    );

    #[test]
    fn a_machine_has_what_is_available_and_not_mapped() {
        assert_eq!(system(&[MACHINE]), Some(4_000 << 10));
        assert_eq!(system(&[]), None);
        assert_eq!(system(&[("proc/meminfo", "MemFree: 5000 kB\n")]), None);
    }

    #[test]
    fn the_narrowest_group_counts_version_2() {
        let files = [
            MACHINE,
            ("proc/self/cgroup", "0::/system.slice/certq.service\n"),
            ("sys/fs/cgroup/system.slice/memory.max", "3000000\n"),
            ("sys/fs/cgroup/system.slice/memory.current", "1000000\n"),
            (
                "sys/fs/cgroup/system.slice/certq.service/memory.max",
                "2500000\n",
            ),
            (
                "sys/fs/cgroup/system.slice/certq.service/memory.current",
                "2000000\n",
            ),
            (
                "sys/fs/cgroup/system.slice/certq.service/memory.stat",
                "anon 500000\nfile_mapped 800000\nshmem 100000\ninactive_file 900000\nactive_file 400000\n",
            ),
        ];
        // 2,500,000 less what cannot be taken back: 2,000,000 - (1,300,000 - 700,000).
        assert_eq!(system(&files), Some(1_100_000));
        // Without the inner limit the outer one counts, and without both the machine.
        let mut files = files;
        files[4].1 = "max\n";
        assert_eq!(system(&files), Some(2_000_000));
        files[2].1 = "max\n";
        assert_eq!(system(&files), Some(4_000 << 10));
    }

    #[test]
    fn groups_of_version_1_and_of_containers_are_seen() {
        let stat = "total_inactive_file 30\ntotal_active_file 20\ntotal_mapped_file 40\n";
        let own = "4:pids,memory:/a/b\n3:cpu:/\n0::/\n";
        for folder in ["a/b/", "a/", ""] {
            let file = |name| format!("sys/fs/cgroup/memory/{folder}{name}");
            let (limit, usage) = (file("memory.limit_in_bytes"), file("memory.usage_in_bytes"));
            let found = system(&[
                MACHINE,
                ("proc/self/cgroup", own),
                (&limit, "1000\n"),
                (&usage, "600\n"),
                (&file("memory.stat"), stat),
            ]);
            assert_eq!(found, Some(410), "{folder}");
            let unlimited = system(&[
                MACHINE,
                ("proc/self/cgroup", own),
                (&limit, "9223372036854771712\n"),
                (&usage, "600\n"),
            ]);
            assert_eq!(unlimited, Some(4_000 << 10), "{folder}");
        }
    }

    #[test]
    fn more_used_than_allowed_leaves_nothing() {
        let found = system(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "1000\n"),
            ("sys/fs/cgroup/memory.current", "2000\n"),
        ]);
        assert_eq!(found, Some(0));
    }

    #[test]
    fn this_machine_shows_its_figures() {
        assert!(Memory::below(Path::new("/")).available() > Some(0));
    }
}
