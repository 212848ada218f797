//! The files that pages refer to, inside the program, named by their content.
//!
//! A name changes with the bytes, so a file may be cached for ever
//! (`Cache-Control: public, max-age=31536000, immutable`) and a page never meets the style sheet
//! of another release.

use std::sync::LazyLock;

/// Where the assets live, with the slash that ends it.
pub const PREFIX: &str = "/assets/";

/// One file.
#[derive(Debug)]
pub struct Asset {
    /// Its name below [`PREFIX`], for example `page.0123456789abcdef.css`.
    pub name: String,
    /// For `Content-Type`.
    pub media_type: &'static str,
    /// The whole file.
    pub bytes: &'static [u8],
}

static ASSETS: LazyLock<[Asset; 7]> = LazyLock::new(|| {
    [
        Asset::new(
            "page",
            "css",
            "text/css; charset=utf-8",
            include_bytes!("../../web/assets/page.css"),
        ),
        Asset::new(
            "lookup",
            "js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../web/assets/lookup.js"),
        ),
        Asset::new(
            "seal",
            "svg",
            "image/svg+xml",
            include_bytes!("../../web/assets/seal.svg"),
        ),
        Asset::new(
            "bulk",
            "css",
            "text/css; charset=utf-8",
            include_bytes!("../../web/assets/bulk.css"),
        ),
        Asset::new(
            "bulk",
            "js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../web/assets/bulk.js"),
        ),
        Asset::new(
            "bulk_csv",
            "js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../web/assets/bulk_csv.js"),
        ),
        Asset::new(
            "bulk_xlsx",
            "js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../web/assets/bulk_xlsx.js"),
        ),
    ]
});

/// Every file.
pub fn all() -> &'static [Asset] {
    &*ASSETS
}

/// The file of this name, as it stands in [`Asset::name`].
pub fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

pub(super) fn style() -> String {
    href(0)
}

pub(super) fn script() -> String {
    href(1)
}

pub(super) fn icon() -> String {
    href(2)
}

pub(super) fn bulk_style() -> String {
    href(3)
}

pub(super) fn bulk_script() -> String {
    href(4)
}

pub(super) fn bulk_csv_script() -> String {
    href(5)
}

pub(super) fn bulk_xlsx_script() -> String {
    href(6)
}

fn href(index: usize) -> String {
    format!("{PREFIX}{}", ASSETS[index].name)
}

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let name = format!("{stem}.{:016x}.{extension}", fnv_1a(bytes));
        Self {
            name,
            media_type,
            bytes,
        }
    }
}

/// FNV-1a, 64 bits: tells releases apart; nobody is kept from making two files collide.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_the_bytes() {
        // Vectors of the FNV authors.
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
        for asset in all() {
            assert!(std::ptr::eq(find(&asset.name).unwrap(), asset));
        }
        assert!(find("page.css").is_none());
        assert!(style().ends_with(".css") && script().ends_with(".js") && icon().ends_with(".svg"));
    }
}
