//! What is asked for: a list, by whom, in what form, by when.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::list::Kind;
use super::mapping::Places;
use super::output::Form;
use crate::live::Current;
use crate::quota::{Account, Now, Permit};

/// A list to be answered.
#[derive(Debug)]
pub struct Order {
    /// The list, whole.
    pub body: Bytes,
    /// What it is.
    pub kind: Kind,
    /// Which columns are which, when the asker says so.
    pub places: Option<Places>,
    /// In what form the answers leave.
    pub form: Form,
    /// Rows that the asker may send at once.
    pub rows_most: usize,
    /// Whether name and identity number alone are a question.
    pub holder_search: bool,
    /// Whose quota is charged, as of when; `None` for somebody without a key.
    pub account: Option<(Arc<Account>, Now)>,
    /// The place of a job of that account, free again when this one is over.
    pub permit: Option<Permit>,
    /// Whether the connection is served by threads that serve nothing but lists.
    pub is_apart: bool,
    /// The one snapshot that answers all rows.
    pub current: Arc<Current>,
    /// When the whole request must be over.
    pub deadline: Instant,
}
