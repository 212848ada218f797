//! What an earlier generation holds, to go on from it instead of from the whole ledger.

use certificate::{CertificateNumber, LookupKey};
use snapshot::{
    LayerKind, LayerRef, Manifest, PublishLock, PublishedError, PublishedLayer, Row, Store, Texts,
    Trust,
};

use super::CompileError;
use super::codes::Tables;
use super::history::Misfit;
use super::witness::{self, Witness};
use crate::ledger::{Head, Index, Ledger};

/// An earlier generation, opened to make the next one from it.
pub(crate) struct Previous {
    pub(crate) manifest: Manifest,
    pub(crate) texts: Texts,
    pub(super) base: PublishedLayer,
    pub(super) fresh: Option<PublishedLayer>,
}

impl Previous {
    /// Opens a generation; `None` when its texts do not tell how its codes go on. `base` says how
    /// much of the base is read: all of it when a new base is made from it, else only what is
    /// asked for.
    ///
    /// # Errors
    ///
    /// [`PublishedError`] when a blob is not what the manifest says.
    pub(crate) fn open(
        store: &Store,
        lock: &PublishLock,
        manifest: Manifest,
        texts: Texts,
        key: &LookupKey,
        base: Trust,
    ) -> Result<Option<Self>, PublishedError> {
        if texts.coded_centres.is_none() {
            return Ok(None);
        }
        let open = |layer: &LayerRef| {
            let trust = match layer.kind {
                LayerKind::Base => base,
                LayerKind::Fresh => Trust::Digests,
            };
            PublishedLayer::open(store, lock, layer, key.clone(), trust)
        };
        let of = |kind| manifest.layers.iter().find(|layer| layer.kind == kind);
        let base = of(LayerKind::Base).expect("a manifest has a base, checked when it was read");
        Ok(Some(Self {
            base: open(base)?,
            fresh: of(LayerKind::Fresh).map(open).transpose()?,
            manifest,
            texts,
        }))
    }

    /// Up to where the ledger is in it.
    pub(super) fn head(&self) -> Head {
        let head = self.manifest.ledger;
        Head {
            digest: head.head,
            batches: head.batches,
            rows: head.rows,
        }
    }

    /// Its code tables, to be gone on with.
    pub(super) fn tables(&self) -> Result<Tables, CompileError> {
        Tables::of(&self.texts)
    }

    /// Places in the layers drawn by lot, others in each generation: at most so many, spread over
    /// both.
    pub(crate) fn lots(&self, most: u64) -> impl Iterator<Item = u64> + use<> {
        let fresh = self.fresh.as_ref();
        let certificates = self.base.certificates() + fresh.map_or(0, PublishedLayer::certificates);
        let most = most.min(certificates);
        let seed = witness::seed(&self.manifest.ledger.head);
        (0..most).map(move |lot| {
            // One in each of `most` equal parts.
            let (begin, end) = (lot * certificates / most, (lot + 1) * certificates / most);
            begin + witness::mix(seed ^ lot) % (end - begin).max(1)
        })
    }

    /// What the ledger says of the certificate at a place, with its row; `None` when it has
    /// changed since this generation. Cost: a look-up in the ledger's index and one read.
    ///
    /// # Errors
    ///
    /// [`CompileError::Misfit`] when the ledger knows less of it than was published.
    pub(crate) fn unchanged(
        &self,
        (ledger, index): (&Ledger, &Index),
        place: u64,
    ) -> Result<Option<(CertificateNumber, Witness)>, CompileError> {
        let number = self.number_at(place)?;
        let Some(row) = self.row(&number)? else {
            return Ok(None);
        };
        let known = ledger.details(index, &number)?;
        let known = known.filter(|newest| newest.revision >= row.revision);
        let newest = known.ok_or(Misfit {
            sequence: row.sequence,
        })?;
        let same = newest.revision == row.revision;
        Ok(same.then(|| (number, Witness::of(&newest.details, Some(row)))))
    }

    /// The number at a place: those of the base, then those of the fresh layer.
    fn number_at(&self, place: u64) -> Result<CertificateNumber, PublishedError> {
        let (layer, ordinal) = match (&self.fresh, place.checked_sub(self.base.certificates())) {
            (Some(fresh), Some(beyond)) => (fresh, beyond),
            _ => (&self.base, place),
        };
        layer.number(u32::try_from(ordinal).unwrap_or(u32::MAX))
    }

    /// What it publishes of a number.
    pub(crate) fn row(&self, number: &CertificateNumber) -> Result<Option<Row>, PublishedError> {
        if let Some(fresh) = &self.fresh
            && let Some(row) = fresh.row(number)?
        {
            return Ok(Some(row));
        }
        self.base.row(number)
    }
}
