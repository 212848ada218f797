//! `GET /about`: what is published and why, privacy, and whom to ask. It needs no snapshot; only
//! the telephones of the review centres come from one.

use super::as_of;
use crate::live::Current;
use crate::page::{self, AboutView, Lang, LocalOffice, Office};
use crate::reply::{Media, Reply};

/// The page.
pub fn answer(lang: Lang, current: Option<&Current>) -> Reply {
    let centres = current.map_or(&[][..], |current| &current.snapshot.texts().centres);
    let mut offices: Vec<LocalOffice<'_>> = centres
        .iter()
        .map(|centre| LocalOffice {
            division: &centre.division,
            office: Office {
                name: &centre.name,
                phone: &centre.phone,
                address: &centre.address,
            },
        })
        .collect();
    // The provincial centre, 440000, comes first.
    offices.sort_by_key(|office| office.division);
    let view = AboutView {
        offices: &offices,
        as_of: current.map(as_of),
    };
    Reply::ok(Media::Html, page::about(lang, &view))
}
