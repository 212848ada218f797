//! Swaps of whole bases in a memory control group: with room for two, no swap is refused and nothing
//! is killed; with too little, the new one is refused and the old one goes on.
//!
//! `make room` runs it: it needs root, and in `CERTQ_MEMORY_GROUPS` the folder of the memory control
//! groups, of version 1 or 2.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use snapshot::{LayerKind, LayerRef};

use crate::http::{get, lookup};
use crate::program::{Program, wait_until};
use crate::register::{Certificate, Register, VALID, ZHANG, certificates};

/// 122 MB of look-up blobs.
const CERTIFICATES: usize = 2_000_000;
const SWAPS: u64 = 30;

/// A control group of our own; removed when dropped.
struct Group(PathBuf);

impl Group {
    fn new(groups: &Path) -> Self {
        let path = groups.join(format!("certq-room-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn limit(&self, bytes: u64) {
        let names = ["memory.limit_in_bytes", "memory.max"].map(|name| self.0.join(name));
        let path = names.iter().find(|path| path.exists()).unwrap();
        fs::write(path, bytes.to_string()).unwrap();
    }

    /// The server, a member from its first page on.
    fn server(&self, register: &Register) -> Program {
        let mut command = Command::new("sh");
        let script = "echo $$ > \"$1/cgroup.procs\" && exec \"$0\" serve --config \"$2\"";
        command.args(["-c", script, env!("CARGO_BIN_EXE_certq")]);
        command.arg(&self.0).arg(register.path("certq.toml"));
        Program::spawn(command.stdin(Stdio::null()))
    }

    /// Processes that the system has killed.
    fn kills(&self) -> u64 {
        let texts = ["memory.oom_control", "memory.events"].map(|name| self.0.join(name));
        let text = texts.iter().find_map(|path| fs::read_to_string(path).ok());
        let text = text.unwrap();
        let mut lines = text.lines();
        let kills = lines
            .find_map(|line| line.strip_prefix("oom_kill "))
            .unwrap();
        kills.parse().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The server is gone by now, or the group stays for whoever looks.
        let _ = fs::remove_dir(&self.0);
    }
}

/// Certificates whose serials begin here.
fn crowd(first: usize) -> Vec<Certificate> {
    let one = certificates().swap_remove(0);
    let number = |index| format!("J00004400000{}203{:06}", 1 + index % 3, 1 + index / 3);
    let several = (first..first + CERTIFICATES).map(|index| Certificate {
        number: number(index),
        ..one.clone()
    });
    several.collect()
}

fn bytes(layer: &LayerRef) -> u64 {
    layer.numbers.bytes + layer.holders.bytes + layer.rows.bytes
}

#[test]
#[ignore = "needs root and a memory control group; see the head of the file"]
fn bases_are_swapped_with_room_for_two_and_refused_without() {
    let groups = std::env::var_os("CERTQ_MEMORY_GROUPS").expect("name the folder of the groups");
    let register = Register::empty();
    let crowds = [crowd(0), crowd(300)];
    let bases = crowds
        .each_ref()
        .map(|it| register.layer(LayerKind::Base, it));
    let publish = |epoch: u64| {
        let which = usize::from(!epoch.is_multiple_of(2));
        let layers = vec![bases[which].clone()];
        let manifest = register.manifest_of(epoch, layers, &crowds[which]);
        register.publish_manifest(epoch, manifest);
    };
    let snapshot = bytes(&bases[0]);
    let group = Group::new(Path::new(&groups));
    let wide = snapshot * 22 / 10 + (256 << 20);
    group.limit(wide);
    publish(1);
    let mut program = group.server(&register);
    for epoch in 2..=SWAPS + 1 {
        publish(epoch);
        program.wait_for_epoch(epoch);
    }
    assert_eq!(program.metric("certq_refreshes_total"), (SWAPS + 1) as f64);
    assert_eq!(program.metric("certq_refresh_failures_total"), 0.0);
    let narrow = snapshot * 15 / 10;
    group.limit(narrow);
    publish(SWAPS + 2);
    wait_until("the swap is refused", || {
        get(program.admin, "/readyz").text().contains("of memory")
    });
    println!("snapshot {snapshot}, limits {wide} and {narrow} bytes");
    println!("{}", get(program.admin, "/readyz").text());
    let json = format!(r#"{{"certificate_number":"{VALID}","name":"{ZHANG}"}}"#);
    assert!(
        lookup(program.public, &json)
            .text()
            .contains(r#""outcome":"match""#)
    );
    assert!(program.runs());
    assert_eq!(group.kills(), 0);
    group.limit(wide);
    program.wait_for_epoch(SWAPS + 2);
}
