//! The tables of a generation: what codes stand for, and the registry as it is now.
//!
//! A school that was renamed or removed shows its present state on old rows too; a school that
//! vanished from the registry would leave its certificates without a name, so that is refused.

use certificate::InstitutionCode;
use snapshot::{Affiliation, Centre, Institution, Occupation, Texts, layout};

use super::CompileError;
use super::codes::Tables;
use super::survey::Tally;
use crate::registry::{self, Registry};

/// Puts the tables together.
///
/// # Errors
///
/// [`CompileError::InstitutionMissing`] when an institution with certificates is not in the
/// registry, [`CompileError::CentreMissing`] when a review centre of theirs is not.
pub(crate) fn texts(
    registry: &Registry,
    tables: Tables,
    tally: Tally,
) -> Result<Texts, CompileError> {
    let institutions: Vec<Institution> = registry.institutions().map(institution).collect();
    for coverage in &tally.coverage {
        let code = coverage.institution;
        if institutions
            .binary_search_by_key(&code, |institution| institution.code)
            .is_err()
        {
            return Err(missing(code, coverage.certificates));
        }
    }
    let occupations = tables.occupations.into_entries();
    let coded_centres = tables.centres.into_entries();
    Ok(Texts {
        format: layout::FORMAT,
        institutions,
        occupations: occupations
            .into_iter()
            .map(|(code, name)| Occupation { code, name })
            .collect(),
        directions: tables.directions.into_entries(),
        reasons: tables.reasons.into_entries(),
        coded_centres: u16::try_from(coded_centres.len()).ok(),
        centres: centres(registry, coded_centres)?,
        coverage: tally.coverage,
        statistics: tally.statistics,
    })
}

fn missing(code: InstitutionCode, certificates: u64) -> CompileError {
    CompileError::InstitutionMissing { code, certificates }
}

fn institution(of: &registry::Institution) -> Institution {
    Institution {
        code: of.code,
        name: of.name.clone(),
        city: of.city.clone(),
        affiliation: match of.affiliation {
            registry::Affiliation::Provincial => Affiliation::Provincial,
            registry::Affiliation::Municipal => Affiliation::Municipal,
        },
        kind: of.kind.clone(),
        top_level: of.top_level.code(),
        filed_on: of.filed_on,
        removed_on: of.removed_on,
        removal_reason: of.removed_on.map(|_| of.removal_reason.clone()),
    }
}

/// Those of rows first, in the order of their codes; then the rest of the registry, in its order.
fn centres(registry: &Registry, coded: Vec<String>) -> Result<Vec<Centre>, CompileError> {
    let known = |code: &String| {
        let found = registry.centres().find(|centre| centre.code == *code);
        found
            .map(centre)
            .ok_or_else(|| CompileError::CentreMissing { code: code.clone() })
    };
    let mut centres = coded.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    let rest = registry
        .centres()
        .filter(|centre| !coded.contains(&centre.code));
    centres.extend(rest.map(centre));
    Ok(centres)
}

fn centre(of: &registry::Centre) -> Centre {
    Centre {
        code: of.code.clone(),
        name: of.name.clone(),
        division: of.division.clone(),
        phone: of.phone.clone(),
        address: of.address.clone(),
    }
}
