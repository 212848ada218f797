//! What lies about in a store and belongs to nothing: harmless, but somebody should know.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use snapshot::{Manifest, Store, layout};

use super::damage::Stop;
use crate::failure::Failure;

/// Notices about staged files, manifests that no entry names, and blobs that no manifest names.
pub(super) fn notices(store: &Store, manifests: &[Manifest]) -> Result<Vec<String>, Stop> {
    let leftovers = store.leftovers().map_err(Stop::store)?;
    let staged = leftovers.staged.iter().map(|path| {
        format!(
            "{} was left by a killed writer, unless one is at work; publish removes it",
            path.display()
        )
    });
    let unnamed = leftovers.manifests.iter().map(|generation| {
        format!("generation {generation} is named by no channel entry; its writer was killed")
    });
    let orphans = orphan_blobs(store, manifests)?;
    let orphans = orphans.iter().map(|path| {
        format!(
            "{} is named by no manifest; its writer was killed, or is at work",
            path.display()
        )
    });
    Ok(staged.chain(unnamed).chain(orphans).collect())
}

fn orphan_blobs(store: &Store, manifests: &[Manifest]) -> Result<Vec<PathBuf>, Failure> {
    let named: BTreeSet<PathBuf> = manifests
        .iter()
        .flat_map(Manifest::blobs)
        .map(|blob| store.blob_path(&blob))
        .collect();
    let mut orphans = Vec::new();
    for folder in list(&store.root().join(layout::blobs()))? {
        let files = list(&folder)?;
        orphans.extend(files.into_iter().filter(|path| !named.contains(path)));
    }
    orphans.sort();
    Ok(orphans)
}

/// Paths in a folder; none when it is missing or a file.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |source| Failure::Io {
        doing: "list",
        path: folder.to_owned(),
        source,
    };
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Vec::new()),
        entries => entries
            .map_err(failed)?
            .map(|entry| Ok(entry.map_err(failed)?.path()))
            .collect(),
    }
}
