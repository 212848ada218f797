//! `keys`: makes, lists and revokes the API keys of a server.
//!
//! A running server takes the changed file within seconds. A key is shown once, when it is made,
//! because only its hash is kept.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::{Exit, Failure, print};
use crate::api_key::{ApiKeyError, Editing, Entry, KeyFile, Revoked};

/// Make, list and revoke API keys; a running server takes the change within seconds.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key and print it, once, alone on stdout, so that `umask 077; certq keys create … >
    /// FILE` makes what `certq verify --key-file` reads; two keys of a name may work at a time.
    Create {
        /// Where the keys are, and how to answer.
        #[command(flatten)]
        place: Place,
        /// Whose key it is; keys of one name share what they may use.
        #[arg(long)]
        name: String,
        /// Rows that the name may ask a day, in Asia/Shanghai.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
        rows_per_day: u64,
    },
    /// Show all keys, those that were revoked as well, and no secret.
    List {
        /// Where the keys are, and how to answer.
        #[command(flatten)]
        place: Place,
    },
    /// Take a key out of use, within a minute; it stays in the list.
    Revoke {
        /// Where the keys are, and how to answer.
        #[command(flatten)]
        place: Place,
        /// Its id, as `list` shows it; also the part of the key after `certq_`.
        #[arg(long)]
        id: String,
    },
}

/// What every command about keys is told.
#[derive(Debug, Args)]
pub struct Place {
    /// The file of keys that the server's [bulk] `keys_file` names; made with mode 0600.
    #[arg(long, value_name = "FILE")]
    keys_file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Does it. `now` is when it is done.
///
/// # Errors
///
/// When the file cannot be used or changed, or says no.
pub fn run(keys: &Keys, now: Timestamp) -> Result<(), Failure> {
    match keys {
        Keys::Create {
            place,
            name,
            rows_per_day,
        } => create(place, name, *rows_per_day, now),
        Keys::List { place } => list(place),
        Keys::Revoke { place, id } => revoke(place, id, now),
    }
}

fn create(place: &Place, name: &str, rows_per_day: u64, now: Timestamp) -> Result<(), Failure> {
    let mut editing = Editing::begin(&place.keys_file).map_err(failure)?;
    let key = editing
        .keys
        .create(name, rows_per_day, now)
        .map_err(failure)?;
    let made = editing.keys.keys().last().cloned();
    editing.save().map_err(failure)?;
    let entry = made.expect("a key was just added");
    let shown = if place.json {
        let mut shown = described(&entry);
        shown["key"] = json!(*key.secret);
        format!("{shown}\n")
    } else {
        format!("{}\n", *key.secret)
    };
    print(&shown).map_err(|error| {
        let lost = format!(
            "key {} was made but could not be shown ({error}); revoke it and make another",
            key.id
        );
        Exit::Io.saying(lost)
    })?;
    if !place.json {
        // The key is made and shown; a stderr that is closed takes nothing from that.
        let _ = writeln!(
            io::stderr(),
            "key {} for {}, {} rows a day; it is shown this once",
            entry.id,
            entry.name,
            entry.rows_per_day
        );
    }
    Ok(())
}

fn list(place: &Place) -> Result<(), Failure> {
    let path = &place.keys_file;
    let Some(file) = KeyFile::read(path).map_err(failure)? else {
        return Err(missing(path));
    };
    let shown = if place.json {
        let keys: Vec<_> = file.keys().iter().map(described).collect();
        format!("{}\n", json!({ "keys": keys }))
    } else {
        file.keys().iter().map(line).collect()
    };
    print(&shown).map_err(|error| Exit::Io.because(&error))
}

fn revoke(place: &Place, id: &str, now: Timestamp) -> Result<(), Failure> {
    if !place.keys_file.exists() {
        return Err(missing(&place.keys_file));
    }
    let mut editing = Editing::begin(&place.keys_file).map_err(failure)?;
    let revoked = editing.keys.revoke(id, now).map_err(failure)?;
    // Nothing to write the second time; what was asked for is so.
    let (said, since) = match revoked {
        Revoked::Now => {
            editing.save().map_err(failure)?;
            ("revoked; a running server refuses it within a minute", now)
        }
        Revoked::Before(since) => ("was revoked before", since),
    };
    let shown = if place.json {
        let was_live = revoked == Revoked::Now;
        format!(
            "{}\n",
            json!({ "id": id, "revoked_at": since, "was_live": was_live })
        )
    } else {
        format!("key {id} {said}, {since:.0}\n")
    };
    print(&shown).map_err(|error| Exit::Io.because(&error))
}

/// A key as JSON, without its hash.
fn described(entry: &Entry) -> serde_json::Value {
    json!({
        "id": entry.id,
        "name": entry.name,
        "rows_per_day": entry.rows_per_day,
        "created_at": entry.created_at,
        "revoked_at": entry.revoked_at,
    })
}

/// A key as a line; the name is last, because it may have spaces.
fn line(entry: &Entry) -> String {
    let state = entry
        .revoked_at
        .map_or_else(|| "live".to_owned(), |at| format!("revoked {at:.0}"));
    format!(
        "{}  {:>9} rows/day  made {:.0}  {state}  {}\n",
        entry.id, entry.rows_per_day, entry.created_at, entry.name
    )
}

fn missing(path: &Path) -> Failure {
    let hint = "there is no such file; certq keys create makes it";
    Exit::Usage.saying(format!("{}: {hint}", path.display()))
}

/// What a file says no to is a guard's refusal, what an argument got wrong is usage.
fn failure(error: ApiKeyError) -> Failure {
    let exit = match &error {
        ApiKeyError::TwoLive { .. } => Exit::Refused,
        ApiKeyError::Damaged { .. } => Exit::Input,
        ApiKeyError::Busy { .. } => Exit::Busy,
        ApiKeyError::Io { .. } => Exit::Io,
        _ => Exit::Usage,
    };
    exit.because(&error)
}
