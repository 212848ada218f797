//! The words of the domain, and the only place where text is normalised and keys are formed.
//!
//! Builder, server, benches and load test all speak through these types, so that "the builder
//! normalised differently from the server" cannot happen. Each type is made only by its `parse`,
//! into the one canonical spelling; none of them touches a file, a socket or a clock.
//!
//! Reading order: [`number`], [`identity`] and [`holder`] are the three factors of a look-up;
//! [`level`], [`occupation`], [`date`] and [`workday`] the facts beside them; [`record`] puts them
//! together; [`key`] turns factors into keyed hashes; [`sample`] invents a population.

#![forbid(unsafe_code)]

pub mod date;
pub mod holder;
pub mod identity;
pub mod key;
pub mod level;
pub mod number;
pub mod occupation;
pub mod record;
pub mod sample;
mod text;
pub mod workday;

pub use date::Date;
pub use holder::HolderName;
pub use identity::{IdentityNumber, IdentityType};
pub use key::{HolderKey, KeyId, LookupKey, Tag};
pub use level::Level;
pub use number::{CertificateNumber, InstitutionCode};
pub use occupation::OccupationCode;
pub use text::{is_blank, tidied, tidied_prose, tidy, tidy_prose};

/// Version of the normalisation rules of this package.
///
/// It stands in every manifest, and a reader refuses a manifest with another one: keys formed
/// from differently normalised text would turn holders into misses without a sign. Raise it with
/// any change to what [`CertificateNumber`], [`IdentityNumber`] or [`HolderName`] fold, and build
/// a new base.
pub const NORMALISATION_VERSION: u32 = 1;
