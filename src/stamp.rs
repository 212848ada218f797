//! The header fields of answers that are made of a snapshot, put together once for all of them.

use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};

const EPOCH: HeaderName = HeaderName::from_static("certq-epoch");
const GENERATION: HeaderName = HeaderName::from_static("certq-generation");

/// See the module.
#[derive(Clone, Debug)]
pub struct Stamp {
    epoch: HeaderValue,
    generation: HeaderValue,
    json: HeaderMap,
}

impl Stamp {
    /// That of this epoch and generation.
    pub fn new(epoch: u64, generation: u64) -> Self {
        let mut stamp = Self {
            epoch: HeaderValue::from(epoch),
            generation: HeaderValue::from(generation),
            json: HeaderMap::new(),
        };
        let mut json = HeaderMap::new();
        describe(&mut json, "application/json", "no-store");
        stamp.mark(&mut json);
        stamp.json = json;
        stamp
    }

    /// All fields of an answer in JSON. Cost: two allocations, a third of putting them in one by one.
    pub fn json(&self) -> HeaderMap {
        self.json.clone()
    }

    /// Adds epoch and generation.
    pub fn mark(&self, headers: &mut HeaderMap) {
        headers.insert(EPOCH, self.epoch.clone());
        headers.insert(GENERATION, self.generation.clone());
    }
}

/// Adds what every answer says of its body.
pub fn describe(headers: &mut HeaderMap, content_type: &'static str, caching: &'static str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
}
