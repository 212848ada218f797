//! A store that is cut, overwritten, removed and locked away under a running server, while it is
//! asked and while it takes new generations.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::asking::{Asking, Lead};
use crate::living::{Living, Model, Random};
use crate::program::{Program, wait_until};
use crate::register::Register;

const ATTEMPTS: usize = 100;
const CLIENTS: u64 = 2;

/// Every published file of the store.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Does one of four things to a file, in place.
fn abuse(path: &Path, way: usize) {
    set_mode(path, 0o600);
    let open = || fs::OpenOptions::new().write(true).open(path).unwrap();
    match way {
        0 => open().set_len(0).unwrap(),
        1 => open().write_all(&[0xff; 200]).unwrap(),
        2 => fs::remove_file(path).unwrap(),
        _ => set_mode(path, 0o000),
    }
}

/// Puts a file back as it was, under a new inode.
fn restore(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("restored");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, path).unwrap();
}

#[test]
fn a_hundred_abuses_of_the_store_cost_no_answer() {
    let (register, model, lead) = (Register::empty(), Model::default(), Lead::default());
    let mut living = Living::new(&register, &model, 1, 107);
    let mut program = Program::ready(&register);
    let (store, public) = (register.path("store"), program.public);
    let mut random = Random(2);
    std::thread::scope(|scope| {
        let asking = Asking(&lead);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|seed| {
                let (lead, model) = (&lead, &model);
                scope.spawn(move || lead.ask(public, model, seed))
            })
            .collect();
        lead.begin(0, Duration::from_micros(500));
        let mut epoch = 107;
        for attempt in 0..ATTEMPTS {
            // Every fifth time, the server is about to read what is abused.
            if attempt % 5 == 0 {
                epoch += 1;
                let manifest = living.change(&register);
                living.record(&model, epoch);
                register.publish_manifest(epoch, manifest);
            }
            let files = files(&store);
            let path = &files[random.below(files.len())];
            let bytes = fs::read(path).unwrap();
            abuse(path, attempt % 4);
            let until = lead.answers() + 20;
            wait_until("requests are answered meanwhile", || {
                lead.answers() >= until
            });
            restore(path, &bytes);
            if attempt % 5 == 4 {
                program.wait_for_epoch(epoch);
            }
        }
        drop(asking);
        for client in clients {
            assert_eq!(client.join().unwrap().complaints, [""; 0]);
        }
    });
    println!("{ATTEMPTS} abuses, {} answers, all right", lead.answers());
    assert!(program.runs());
    assert_eq!(program.metric("certq_panics_total"), 0.0);
    assert_eq!(program.metric("certq_damaged_answers_total"), 0.0);
}
