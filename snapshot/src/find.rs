//! One look-up: a plain function of a snapshot and a question. It does not wait, lock or log, and
//! allocates nothing but its answer.
//!
//! A number is looked for in every layer and its factors are compared with the row found, or with
//! a stand-in row when there is none; only then is it said whether anything matched. So a wrong
//! name, a wrong identity number and an unknown number are one path, and no branch depends on
//! which it was. Without a number, a holder's certificates are found by keyed hash, and each is
//! judged by its newest row: a name that was corrected stops matching at once.
//!
//! Many look-ups in turn ([`look_up_all`]) find the numbers of some questions first and ask memory
//! for their rows, so that the rows come while others are judged.

mod many;

pub use many::{LookUp, LookUps, look_up_all};

use std::cmp::Reverse;
use std::hash::BuildHasher;

use certificate::{CertificateNumber, HolderName, IdentityNumber, LookupKey, Tag};

use crate::damage::{BlobKind, Damaged, Fault};
use crate::layer::Layer;
use crate::layout;
use crate::row::{PackedRow, Row};
use crate::rows;
use crate::snapshot::Snapshot;

/// What stands in for a row in an empty register.
const EMPTY_ROW: [u8; layout::ROW] = [0; layout::ROW];

/// Two or three factors that together ask for certificates.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Question {
    number: Option<CertificateNumber>,
    name: Option<HolderName>,
    id_number: Option<IdentityNumber>,
}

/// A certificate that fits a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Found {
    /// Its number.
    pub number: CertificateNumber,
    /// Its newest row; every code in it has its text in the same snapshot.
    pub row: Row,
}

/// Keyed hashes of the factors about the holder that were given.
struct Tags {
    name: Option<Tag>,
    id_number: Option<Tag>,
}

/// Where the newest row of a number is.
#[derive(Clone, Copy)]
struct Place<'s> {
    layer: &'s Layer,
    ordinal: u32,
}

/// The row that a number's factors are compared with.
#[derive(Clone, Copy)]
struct Sought<'s> {
    place: Place<'s>,
    /// Whether it is the row of that number, and not a stand-in.
    is_known: bool,
}

impl<'s> Sought<'s> {
    fn known(place: Place<'s>) -> Self {
        Self {
            place,
            is_known: true,
        }
    }
}

impl Question {
    /// Asks by these factors; `None` with fewer than two.
    pub fn new(
        number: Option<CertificateNumber>,
        name: Option<HolderName>,
        id_number: Option<IdentityNumber>,
    ) -> Option<Self> {
        let factors = [number.is_some(), name.is_some(), id_number.is_some()];
        let enough = factors.iter().filter(|&&given| given).count() >= 2;
        enough.then_some(Self {
            number,
            name,
            id_number,
        })
    }

    /// The certificate number, when it was given.
    pub fn number(&self) -> Option<&CertificateNumber> {
        self.number.as_ref()
    }

    /// The name, when it was given.
    pub fn name(&self) -> Option<&HolderName> {
        self.name.as_ref()
    }

    /// The identity number, when it was given.
    pub fn id_number(&self) -> Option<&IdentityNumber> {
        self.id_number.as_ref()
    }

    /// The keyed hashes that a row of this number must have.
    fn tags(&self, key: &LookupKey, number: &CertificateNumber) -> Tags {
        let id_number = self.id_number.as_ref();
        Tags {
            name: self.name.as_ref().map(|name| key.name_tag(number, name)),
            id_number: id_number.map(|id_number| key.id_tag(number, id_number)),
        }
    }
}

impl Tags {
    /// Whether every factor about the holder is that of a row; compared in constant time.
    fn fit(&self, row: PackedRow<'_>) -> bool {
        let name = self.name.as_ref();
        let name = name.is_none_or(|tag| tag.matches(&row.name_tag()));
        let id_number = self.id_number.as_ref();
        let id_number = id_number.is_none_or(|tag| tag.matches(&row.id_tag()));
        name & id_number
    }
}

/// The certificates that fit a question, newest issue first; empty when none does.
///
/// An empty answer is a statement about this snapshot, and says nothing about which factor was
/// wrong. Cost, of a million certificates: by number 1.2–1.5 µs, by holder 3 µs for one certificate
/// found and about 2 µs for each further one.
///
/// # Errors
///
/// [`Damaged`] when bytes are met that no writer writes. [`Snapshot::open`] has checked every
/// digest, so they have changed since. It is never a miss: answer that you cannot answer.
pub fn look_up(snapshot: &Snapshot, question: &Question) -> Result<Vec<Found>, Damaged> {
    if let Some(number) = &question.number {
        let sought = seek(snapshot, number);
        sought.place.layer.rows.prefetch(sought.place.ordinal);
        return by_number(snapshot, question, number, sought);
    }
    let (Some(name), Some(id_number)) = (&question.name, &question.id_number) else {
        return Ok(Vec::new());
    };
    let mut found = by_holder(snapshot, question, name, id_number)?;
    found.sort_unstable_by_key(|found| (Reverse(found.row.issued_on), found.number));
    Ok(found)
}

/// The row of a number, or that which stands in for it.
fn seek<'s>(snapshot: &'s Snapshot, number: &CertificateNumber) -> Sought<'s> {
    let stand_in = stand_in(snapshot, number);
    newest(snapshot, number).map_or(stand_in, Sought::known)
}

/// The certificate of a number, if its row has the other factors of the question.
fn by_number(
    snapshot: &Snapshot,
    question: &Question,
    number: &CertificateNumber,
    Sought { place, is_known }: Sought<'_>,
) -> Result<Vec<Found>, Damaged> {
    // Before the row is read, which is still on its way.
    let tags = question.tags(&place.layer.key, number);
    let row = match place.layer.rows.row(place.ordinal) {
        Some(row) => row,
        None if place.layer.certificates == 0 => PackedRow(&EMPTY_ROW),
        None => return Err(damaged(&place, Fault::Ordinal)),
    };
    let intact = row.is_intact(number);
    let fits = tags.fit(row);
    if is_known && !intact {
        return Err(damaged(&place, Fault::Checksum));
    }
    if is_known && fits {
        return unpack(snapshot, &place, number, row).map(|found| vec![found]);
    }
    Ok(Vec::new())
}

fn by_holder(
    snapshot: &Snapshot,
    question: &Question,
    name: &HolderName,
    id_number: &IdentityNumber,
) -> Result<Vec<Found>, Damaged> {
    let mut found: Vec<Found> = Vec::new();
    for layer in snapshot.layers() {
        let key = layer.key.holder_key(id_number, name);
        for ordinal in layer.holders.ordinals(&key)? {
            let candidate = Place { layer, ordinal };
            let number = layer.serials.number(ordinal);
            let number = number.ok_or_else(|| damaged(&candidate, Fault::Ordinal))?;
            if found.iter().any(|found| found.number == number) {
                continue;
            }
            found.extend(judge(snapshot, question, &candidate, &number)?);
        }
    }
    Ok(found)
}

/// The certificate of a candidate, if its newest row is still the holder's.
fn judge(
    snapshot: &Snapshot,
    question: &Question,
    candidate: &Place<'_>,
    number: &CertificateNumber,
) -> Result<Option<Found>, Damaged> {
    let place = newest(snapshot, number).ok_or_else(|| damaged(candidate, Fault::Ordinal))?;
    let row = place.layer.rows.row(place.ordinal);
    let row = row.ok_or_else(|| damaged(&place, Fault::Ordinal))?;
    if !row.is_intact(number) {
        return Err(damaged(&place, Fault::Checksum));
    }
    if question.tags(&place.layer.key, number).fit(row) {
        return unpack(snapshot, &place, number, row).map(Some);
    }
    // Corrected since, when a newer layer says so. Within one layer, holders and rows were
    // written from the same changes and cannot disagree.
    if std::ptr::eq(place.layer, candidate.layer) {
        return Err(damaged(&place, Fault::Holder));
    }
    Ok(None)
}

/// Looks into every layer, so that it takes as long whichever has the number.
fn newest<'s>(snapshot: &'s Snapshot, number: &CertificateNumber) -> Option<Place<'s>> {
    let mut newest = None;
    for layer in snapshot.layers() {
        let ordinal = layer.serials.ordinal(number);
        newest = newest.or(ordinal.map(|ordinal| Place { layer, ordinal }));
    }
    newest
}

/// The row that a number that is not there is compared with: always the same one, so that it is as
/// warm as that of a number that is asked as often, and one that nobody outside can tell. Worked
/// out for every number, so that a miss costs no more than a hit.
fn stand_in<'s>(snapshot: &'s Snapshot, number: &CertificateNumber) -> Sought<'s> {
    let base = snapshot
        .layers()
        .last()
        .expect("a manifest has a base, checked when it was read");
    let rows = base.certificates.max(1);
    let ordinal = snapshot.stand_ins.hash_one(number.as_bytes()) % rows;
    Sought {
        place: Place {
            layer: base,
            ordinal: u32::try_from(ordinal).expect("a layer has at most 2^32 - 1 rows"),
        },
        is_known: false,
    }
}

fn unpack(
    snapshot: &Snapshot,
    place: &Place<'_>,
    number: &CertificateNumber,
    row: PackedRow<'_>,
) -> Result<Found, Damaged> {
    let row = row.row().ok_or_else(|| damaged(place, Fault::Field))?;
    let place_of_institution = snapshot.place_of_institution(&number.institution());
    if !snapshot.texts().explains(&row) || place_of_institution.is_none() {
        return Err(damaged(place, Fault::Field));
    }
    Ok(Found {
        number: *number,
        row,
    })
}

fn damaged(place: &Place<'_>, fault: Fault) -> Damaged {
    Damaged::new(BlobKind::Rows, rows::offset(place.ordinal), fault)
}
