//! `GET /assets/…`: the files that pages refer to, named by their content and so cacheable for
//! ever.

use crate::page::asset::{self, PREFIX};
use crate::refusal::Refusal;
use crate::reply::{Media, Reply};

/// The file at this path.
///
/// # Errors
///
/// [`Refusal::NotFound`] when no asset has this name, for example one of an older release.
pub fn answer(path: &str) -> Result<Reply, Refusal> {
    let name = path.strip_prefix(PREFIX).ok_or(Refusal::NotFound)?;
    let found = asset::find(name).ok_or(Refusal::NotFound)?;
    Ok(Reply::ok(Media::Asset(found.media_type), found.bytes))
}
