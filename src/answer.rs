//! What the register says to one question, in words: codes of a row become texts.
//!
//! It knows neither JSON nor pages; both are made from an [`Answer`]. An error is never a miss: a
//! row that cannot be believed makes the whole answer [`Damaged`].

use certificate::{CertificateNumber, Date, Level};
use snapshot::{
    Affiliation, Centre, Coverage, Damaged, Found, Institution, Occupation, Question, Status,
    look_up, look_up_all,
};

use crate::live::Current;

/// Division of the provincial centre.
const PROVINCE: &str = "440000";

/// The answer to one question.
#[derive(Debug)]
pub enum Answer<'s> {
    /// The certificates that match, newest `issued_on` first; at least one.
    Match(Vec<Certificate<'s>>),
    /// No match. What stands here follows from the first 13 characters of the number asked and
    /// from nothing else, so it tells neither which factor was wrong nor whether the number
    /// exists. `None` when no number was asked or nobody has that prefix.
    NoMatch(Option<Prefix<'s>>),
}

/// The institution that a number names.
#[derive(Clone, Copy, Debug)]
pub struct Prefix<'s> {
    /// The institution.
    pub institution: &'s Institution,
    /// Where it stands in the texts of the snapshot.
    pub place: usize,
    /// 审核日期 of its newest row; `None` while it has none.
    pub latest_review_on: Option<Date>,
}

/// Where the texts of a certificate stand.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// In the occupations.
    pub occupation: u16,
    /// In the institutions.
    pub institution: usize,
    /// In the review centres.
    pub centre: u8,
}

/// One certificate, as a look-up shows it.
#[derive(Debug)]
pub struct Certificate<'s> {
    /// Its number.
    pub number: CertificateNumber,
    /// Where its texts stand in those of the snapshot.
    pub places: Places,
    /// First character of the holder's name.
    pub initial: char,
    /// 职业.
    pub occupation: &'s Occupation,
    /// 工种/职业方向; may be empty.
    pub direction: &'s str,
    /// 评价机构, as the registry has it now.
    pub institution: &'s Institution,
    /// Whether the institution was in the catalogue on the day of publication.
    pub in_catalogue: bool,
    /// 发证日期.
    pub issued_on: Date,
    /// Code of the 审核机构.
    pub centre_code: &'s str,
    /// Its name.
    pub centre_name: &'s str,
    /// 审核日期.
    pub reviewed_on: Date,
    /// Whether it is in force.
    pub status: Status,
    /// Day of the withdrawal's review.
    pub status_on: Option<Date>,
    /// Of the withdrawal when withdrawn, else of the newest operation.
    pub reason: Option<&'s str>,
    /// Applied operations.
    pub revision: u16,
}

/// Asks the register.
///
/// Cost: the look-up and one allocation.
///
/// # Errors
///
/// [`Damaged`] when bytes are met that no writer writes. Do not retry on the same snapshot, and
/// never say "no match".
pub fn answer<'s>(current: &'s Current, question: &Question) -> Result<Answer<'s>, Damaged> {
    let found = look_up(&current.snapshot, question)?;
    Ok(said(current, question, &found))
}

/// Asks the register many questions. Each is answered, as [`answer`] does and sooner, when it is
/// called; one that is not called has been compared with nothing.
pub fn answers<'s, 'q>(
    current: &'s Current,
    questions: &'q [Question],
) -> impl Iterator<Item = impl FnOnce() -> Result<Answer<'s>, Damaged> + use<'s, 'q>> + use<'s, 'q>
{
    let look_ups = look_up_all(&current.snapshot, questions);
    questions
        .iter()
        .zip(look_ups)
        .map(move |(question, look_up)| move || Ok(said(current, question, &look_up.found()?)))
}

fn said<'s>(current: &'s Current, question: &Question, found: &[Found]) -> Answer<'s> {
    if found.is_empty() {
        return Answer::NoMatch(prefix(current, question));
    }
    Answer::Match(found.iter().map(|found| explain(current, found)).collect())
}

/// Whether an institution is in the catalogue on a day (notice 二(二), 四(二)).
pub fn in_catalogue(institution: &Institution, day: Date) -> bool {
    institution.filed_on <= day && institution.removed_on.is_none_or(|removed| day < removed)
}

/// Whom to call about a certificate of this institution: the centre of a municipal school's city,
/// else the provincial centre (notice 二(三), 二(四)).
pub fn office<'s>(current: &'s Current, institution: Option<&Institution>) -> Option<&'s Centre> {
    let division = match institution {
        Some(Institution {
            affiliation: Affiliation::Municipal,
            city,
            ..
        }) => city,
        _ => PROVINCE,
    };
    let centres = &current.snapshot.texts().centres;
    let of = |division: &str| centres.iter().find(|centre| centre.division == division);
    of(division).or_else(|| of(PROVINCE))
}

fn prefix<'s>(current: &'s Current, question: &Question) -> Option<Prefix<'s>> {
    let code = question.number()?.institution();
    let latest_review = |coverage: &Coverage| coverage.latest_review_on;
    let texts = current.snapshot.texts();
    let place = current.snapshot.place_of_institution(&code)?;
    Some(Prefix {
        institution: &texts.institutions[place],
        place,
        latest_review_on: current.snapshot.coverage(&code).map(latest_review),
    })
}

/// Puts texts in the place of codes; `look_up` answers only with rows whose codes have them.
fn explain<'s>(current: &'s Current, found: &Found) -> Certificate<'s> {
    let (texts, row) = (current.snapshot.texts(), &found.row);
    let institution = found.number.institution();
    let place = current.snapshot.place_of_institution(&institution);
    let place = place.expect("look_up checked that the institution has a text");
    let institution = &texts.institutions[place];
    let centre = &texts.centres[usize::from(row.review_centre)];
    Certificate {
        number: found.number,
        places: Places {
            occupation: row.occupation,
            institution: place,
            centre: row.review_centre,
        },
        initial: row.initial,
        occupation: &texts.occupations[usize::from(row.occupation)],
        direction: &texts.directions[usize::from(row.direction)],
        institution,
        in_catalogue: in_catalogue(institution, current.day),
        issued_on: row.issued_on,
        centre_code: &centre.code,
        centre_name: &centre.name,
        reviewed_on: row.reviewed_on,
        status: row.status,
        status_on: row.status_on,
        reason: row
            .reason
            .map(|reason| texts.reasons[usize::from(reason)].as_str()),
        revision: row.revision,
    }
}

impl Certificate<'_> {
    /// Both halves of the level's name; empty for a level that is not in the table.
    pub fn level_name(&self) -> String {
        self.number.level().map_or_else(String::new, Level::name)
    }
}

#[cfg(test)]
mod tests {
    use certificate::InstitutionCode;

    use super::*;

    #[test]
    fn the_catalogue_holds_from_filing_to_the_day_before_removal() {
        let mut institution = Institution {
            code: InstitutionCode::parse("J000044000001").unwrap(),
            name: String::new(),
            city: "440100".to_owned(),
            affiliation: Affiliation::Municipal,
            kind: String::new(),
            top_level: '3',
            filed_on: Date::constant(2020, 3, 20),
            removed_on: None,
            removal_reason: None,
        };
        let on = |day| Date::constant(2020, 3, day);
        assert!(!in_catalogue(&institution, on(19)));
        assert!(in_catalogue(&institution, on(20)));
        institution.removed_on = Some(on(22));
        assert!(in_catalogue(&institution, on(21)));
        assert!(!in_catalogue(&institution, on(22)));
    }
}
