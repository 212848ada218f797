//! `GET /`: the form. It needs no snapshot, so it is there even when nothing can be answered.

use super::as_of;
use crate::live::Current;
use crate::page::{self, HomeView, Lang};
use crate::reply::{Media, Reply};

/// The empty form.
pub fn answer(lang: Lang, current: Option<&Current>) -> Reply {
    let view = HomeView {
        as_of: current.map(as_of),
        ..HomeView::default()
    };
    Reply::ok(Media::Html, page::home(lang, &view))
}
