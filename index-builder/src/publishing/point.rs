//! `point`: back to an earlier generation, or forward again, without reviving what was withdrawn
//! since.
//!
//! A new generation is written from the rows of the old one, in the state that the newest one
//! knows. Generation and epoch only rise, and the ledger is not touched: an error in it is undone
//! by a batch, and the next `publish` goes on from the ledger.

#[cfg(test)]
mod tests;

use std::time::Instant;

use certificate::NORMALISATION_VERSION;
use jiff::Timestamp;
use snapshot::{
    Channel, ChannelEntry, Digest, Manifest, Pointed, Publication, PublishId, PublishLock,
    PublishedLayer, Snapshot, Store, StoreError, Texts, Trust, layout,
};

use super::report::Seconds;
use super::{Keys, Report, commit, refused, sign};
use crate::compile::{self, CompileError, Compiled, Means, Previous};
use crate::failure::Failure;

/// What is to be pointed to, and why.
pub(crate) struct Pointing<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) store: &'a Store,
    pub(crate) channel: &'a Channel,
    pub(crate) generation: u64,
    /// Stands in the channel entry.
    pub(crate) reason: &'a str,
    pub(crate) means: &'a Means,
    pub(crate) now: Timestamp,
}

impl Pointing<'_> {
    /// Writes the new generation and makes it live.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the generation was never live or is swept, or was made with another look-up
    /// key. Nothing changes then.
    pub(crate) fn run(&self) -> Result<Report, Failure> {
        let lock = self.store.lock()?;
        let live = self.live()?;
        if live.manifest().generation == self.generation {
            return Err(Failure::Usage(format!(
                "generation {} is what is live",
                self.generation
            )));
        }
        let rows = self.manifest(self.generation)?;
        self.refuse_never_live()?;
        let states_of = live.manifest().pointed.map(|pointed| pointed.states_of);
        let states_of = states_of.unwrap_or(live.manifest().generation);
        let states = self.manifest(states_of)?;
        let pointed = Pointed {
            rows_of: rows.pointed.map_or(rows.generation, |older| older.rows_of),
            states_of,
        };
        self.store.clear_staging(&lock)?;

        let began = Instant::now();
        let rows = self.open(&lock, rows)?;
        let states = self.open(&lock, states)?;
        let mut seconds = Seconds::default();
        seconds.push("open", began.elapsed());
        let key = &self.keys.lookup;
        let compiled = compile::point(self.means, self.store, key, &rows, &states)?;
        seconds.extend(&compiled.phases);
        let publication = self.publication(&live, &states.manifest, &compiled, pointed)?;
        self.examine(&lock, &publication, (&rows, &states))?;
        commit::manifest(self.store, publication.manifest())?;
        commit::entry(self.store, publication.entry())?;
        // Nobody can be asked about by name without the ledger; every row was looked at instead.
        Ok(Report::of_build(&publication, None, seconds))
    }

    fn live(&self) -> Result<Publication, Failure> {
        let epoch = self.store.epochs(self.channel)?.last().copied();
        let nothing = || Failure::Input("nothing is live on this channel; publish".to_owned());
        let publishers = &self.keys.publishers;
        let live =
            self.store
                .read_publication(self.channel, epoch.ok_or_else(nothing)?, publishers)?;
        live.ok_or_else(nothing)
    }

    fn manifest(&self, generation: u64) -> Result<Manifest, Failure> {
        let publishers = &self.keys.publishers;
        let manifest = self.store.read_manifest(generation, publishers)?;
        let manifest = manifest.map(|manifest| Manifest::clone(&manifest));
        manifest.ok_or_else(|| {
            Failure::Input(format!(
                "the store has no generation {generation} (any more); `show` lists those it has"
            ))
        })
    }

    /// A manifest that no entry names was left by a killed writer: nobody has examined it.
    fn refuse_never_live(&self) -> Result<(), Failure> {
        for epoch in self.store.epochs(self.channel)?.into_iter().rev() {
            let publishers = &self.keys.publishers;
            let entry = self
                .store
                .read_channel_entry(self.channel, epoch, publishers)?;
            if entry.is_some_and(|entry| entry.generation == self.generation) {
                return Ok(());
            }
        }
        Err(Failure::Input(format!(
            "generation {} was never live on channel {}",
            self.generation, self.channel
        )))
    }

    fn open(&self, lock: &PublishLock, manifest: Manifest) -> Result<Previous, Failure> {
        let (generation, key) = (manifest.generation, &self.keys.lookup);
        if !super::plan::is_made_with(&manifest, key.id()) {
            return Err(Failure::Usage(format!(
                "generation {generation} was made with another look-up key than {}; give the keys \
                 directory that has it, and servers that know it",
                key.id()
            )));
        }
        let texts = Texts::read(self.store, &manifest.texts)?;
        let opened = Previous::open(self.store, lock, manifest, texts, key, Trust::Digests);
        let opened = opened.map_err(CompileError::from)?;
        opened.ok_or_else(|| CompileError::Lineage.into())
    }

    fn publication(
        &self,
        live: &Publication,
        states: &Manifest,
        compiled: &Compiled,
        pointed: Pointed,
    ) -> Result<Publication, Failure> {
        let publish_id = PublishId::random();
        let manifest = Manifest {
            format: layout::FORMAT,
            generation: self.store.next_generation()?,
            publish_id,
            created_at: self.now,
            normalisation: NORMALISATION_VERSION,
            layers: compiled.layers.clone(),
            texts: compiled.texts,
            counts: compiled.counts,
            ledger: states.ledger,
            registry: states.registry,
            base: None,
            pointed: Some(pointed),
        };
        let manifest = sign(self.keys, self.store, manifest)?;
        let last = live.entry().epoch;
        let digest: Digest = *manifest.digest();
        let entry = ChannelEntry {
            format: layout::FORMAT,
            channel: self.channel.clone(),
            epoch: last.checked_add(1).ok_or(StoreError::Exhausted(last))?,
            generation: manifest.generation,
            manifest: digest,
            published_at: self.now,
            publish_id,
            reason: self.reason.to_owned(),
            overrides: Vec::new(),
        };
        let entry = sign(self.keys, self.store, entry)?;
        Publication::new(entry, manifest).map_err(|source| refused(self.store, source))
    }

    /// Opens what was written as a server will, and looks at every row: none may be valid that
    /// was withdrawn since.
    fn examine(
        &self,
        lock: &PublishLock,
        publication: &Publication,
        known: (&Previous, &Previous),
    ) -> Result<(), Failure> {
        let key = self.keys.lookup.clone();
        let keys = [key.clone()];
        Snapshot::rehearse(self.store, lock, publication.clone(), &keys, &[])?;
        for layer in &publication.manifest().layers {
            let layer = PublishedLayer::open(self.store, lock, layer, key.clone(), Trust::Digests);
            let layer = layer.map_err(CompileError::from)?;
            let revived = compile::revived(&layer, known)?;
            if revived > 0 {
                return Err(Failure::Refused(format!(
                    "{revived} withdrawn certificates would be valid again; nothing was \
                     published; report a bug"
                )));
            }
        }
        Ok(())
    }
}
