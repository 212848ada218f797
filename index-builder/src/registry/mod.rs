//! The reference data of a centre: who may certify what, since when and until when.
//!
//! Read whole from the files of CONTRACT 1.1 and cross-checked; a registry that cannot be read
//! whole is refused, because half of it would reject good rows or admit bad ones. It judges no
//! row; that is the gate's work. [`facts`] says what it states, [`files`] how the files look,
//! [`table`] reads one of them.

mod facts;
mod files;
mod table;

pub(crate) use facts::{Affiliation, Centre, Edition, Institution, Plan, Programme, comparable};
pub(crate) use table::RegistryError;

use std::collections::HashSet;
use std::path::Path;

use certificate::workday::Calendar;
use certificate::{CertificateNumber, Date, InstitutionCode, OccupationCode};
use rustc_hash::FxHashMap;
use snapshot::Digest;
use snapshot::digest::Hasher;

use facts::{Exclusion, Interval, Segment};
use spreadsheet::Column;
use table::Table;

/// 一(三): occupations that an institution may certify at a time.
const OCCUPATIONS_MOST: usize = 10;

/// All registry files, checked against each other.
pub(crate) struct Registry {
    /// In the order of the codes.
    institutions: Vec<Institution>,
    institution_places: FxHashMap<InstitutionCode, usize>,
    programmes: FxHashMap<(InstitutionCode, OccupationCode), Vec<Programme>>,
    occupations: FxHashMap<OccupationCode, Vec<Edition>>,
    excluded_codes: FxHashMap<OccupationCode, Vec<Interval>>,
    excluded_names: FxHashMap<String, Vec<Interval>>,
    centres: Vec<Centre>,
    centre_places: FxHashMap<String, usize>,
    plans: FxHashMap<String, Plan>,
    segments: FxHashMap<InstitutionCode, Vec<Segment>>,
    calendar: Calendar,
    digest: Digest,
}

/// The files of a registry, read and not yet checked against each other.
struct Tables {
    institutions: Table,
    programmes: Table,
    occupations: Table,
    exclusions: Table,
    centres: Table,
    plans: Table,
    calendar: Table,
    segments: Option<Table>,
}

impl Registry {
    /// Reads and checks all files of a registry. Cost: a few milliseconds for a province.
    ///
    /// # Errors
    ///
    /// The first cell that cannot be, with file, row and column.
    pub(crate) fn open(dir: &Path) -> Result<Self, RegistryError> {
        let tables = Tables::read(dir)?;
        tables.check()?;
        let exclusions = tables.exclusions.each(files::exclusion)?;
        let (codes, names) = (by_code(&exclusions), by_name(&exclusions));
        let mut institutions = tables.institutions.each(files::institution)?;
        institutions.sort_unstable_by_key(|one| one.code);
        let centres = tables.centres.each(files::centre)?;
        let plans = tables.plans.each(files::plan)?;
        let segments = match &tables.segments {
            Some(table) => table.each(files::segment)?,
            None => Vec::new(),
        };
        Ok(Self {
            institution_places: places(&institutions, |one| one.code),
            institutions,
            programmes: grouped(tables.programmes.each(files::programme)?, |one| {
                (one.institution, one.occupation)
            }),
            occupations: grouped(tables.occupations.each(files::edition)?, |one| one.code),
            excluded_codes: codes,
            excluded_names: names,
            centre_places: places(&centres, |one| one.code.clone()),
            centres,
            plans: plans
                .into_iter()
                .map(|plan| (plan.plan_no.clone(), plan))
                .collect(),
            segments: grouped(segments, |one| one.institution),
            calendar: files::calendar(&tables.calendar)?,
            digest: tables.digest(),
        })
    }

    /// What the registry is: SHA-256 of what `sha256sum` prints for its files, by name.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Every institution, in the order of the codes.
    pub(crate) fn institutions(&self) -> impl Iterator<Item = &Institution> {
        self.institutions.iter()
    }

    /// An institution, removed ones among them.
    pub(crate) fn institution(&self, code: &InstitutionCode) -> Option<&Institution> {
        let place = self.institution_places.get(code)?;
        self.institutions.get(*place)
    }

    /// Every review centre, in the order of the file.
    pub(crate) fn centres(&self) -> impl Iterator<Item = &Centre> {
        self.centres.iter()
    }

    /// A review centre.
    pub(crate) fn centre(&self, code: &str) -> Option<&Centre> {
        let place = self.centre_places.get(code)?;
        self.centres.get(*place)
    }

    /// A filed plan.
    pub(crate) fn plan(&self, plan_no: &str) -> Option<&Plan> {
        self.plans.get(plan_no)
    }

    /// Holidays and make-up days.
    pub(crate) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// The names that an occupation code has on a day; none when it does not exist then.
    pub(crate) fn editions(
        &self,
        code: &OccupationCode,
        day: Date,
    ) -> impl Iterator<Item = &Edition> {
        let editions = self.occupations.get(code).into_iter().flatten();
        editions.filter(move |edition| edition.in_force.contains(day))
    }

    /// Whether an occupation is in the 国家职业资格目录 on a day, by code or by name, as names are
    /// compared.
    pub(crate) fn is_excluded(&self, code: &OccupationCode, name: &str, day: Date) -> bool {
        let by_code = self.excluded_codes.get(code);
        let by_name = self.excluded_names.get(name);
        let mut intervals = by_code.into_iter().chain(by_name).flatten();
        intervals.any(|interval| interval.contains(day))
    }

    /// What an institution may certify in an occupation on a day; the highest level when several
    /// rows say so.
    pub(crate) fn programme(
        &self,
        institution: &InstitutionCode,
        occupation: &OccupationCode,
        day: Date,
    ) -> Option<&Programme> {
        let programmes = self.programmes.get(&(*institution, *occupation))?;
        let in_force = programmes.iter().filter(|one| one.in_force.contains(day));
        in_force.max_by_key(|one| one.top_level.rank())
    }

    /// Whether a number lies in a segment assigned to its institution; true where nothing is
    /// assigned.
    pub(crate) fn is_assigned(&self, number: &CertificateNumber) -> bool {
        let Some(segments) = self.segments.get(&number.institution()) else {
            return true;
        };
        segments.iter().any(|segment| {
            segment.year == number.year()
                && segment.level == number.level_character()
                && (segment.first..=segment.last).contains(&number.serial())
        })
    }
}

impl Tables {
    fn read(dir: &Path) -> Result<Self, RegistryError> {
        let read = |name: &str, columns: &'static [Column], optional: &[&str]| {
            Table::read(&dir.join(name), columns, optional)
        };
        let has_segments = dir.join("segments.csv").exists();
        Ok(Self {
            institutions: read("institutions.csv", files::INSTITUTIONS, &[])?,
            programmes: read("programmes.csv", files::PROGRAMMES, &["standard"])?,
            occupations: read("occupations.csv", files::OCCUPATIONS, &[])?,
            exclusions: read("exclusions.csv", files::EXCLUSIONS, &[])?,
            centres: read("centres.csv", files::CENTRES, &[])?,
            plans: read("plans.csv", files::PLANS, &["site"])?,
            calendar: read("calendar.csv", files::CALENDAR, &[])?,
            segments: has_segments
                .then(|| read("segments.csv", files::SEGMENTS, &[]))
                .transpose()?,
        })
    }

    /// What one file says of another, and what may be said once only.
    fn check(&self) -> Result<(), RegistryError> {
        let institutions = self.institutions.each(|cells| cells.institution("code"))?;
        let known: HashSet<InstitutionCode> = institutions.into_iter().collect();
        let is_known = |code: &InstitutionCode| known.contains(code);
        files::unique(&self.institutions, "code", |cells| {
            cells.institution("code")
        })?;
        files::unique(&self.centres, "code", |cells| cells.needed("code"))?;
        files::unique(&self.plans, "plan_no", |cells| cells.needed("plan_no"))?;
        files::of_known_institutions(&self.programmes, is_known)?;
        files::of_known_institutions(&self.plans, is_known)?;
        if let Some(segments) = &self.segments {
            files::of_known_institutions(segments, is_known)?;
        }
        self.check_programmes()
    }

    /// 一(三): no institution has more than ten occupations at a time. The number only rises on a
    /// day when a programme begins, so those days are looked at.
    fn check_programmes(&self) -> Result<(), RegistryError> {
        let programmes = self.programmes.each(files::programme)?;
        let of_institution = grouped(programmes.clone(), |one| one.institution);
        for (cells, begun) in self.programmes.rows().zip(&programmes) {
            let day = begun.in_force.from;
            let in_force: HashSet<OccupationCode> = of_institution[&begun.institution]
                .iter()
                .filter(|other| other.in_force.contains(day))
                .map(|other| other.occupation)
                .collect();
            if in_force.len() > OCCUPATIONS_MOST {
                let problem = format!(
                    "该机构在{day}同时有{}个职业，最多{OCCUPATIONS_MOST}个（通知一(三)）",
                    in_force.len()
                );
                return Err(cells.wrong("from", problem));
            }
        }
        Ok(())
    }

    fn digest(&self) -> Digest {
        let mut files = vec![
            ("calendar.csv", &self.calendar),
            ("centres.csv", &self.centres),
            ("exclusions.csv", &self.exclusions),
            ("institutions.csv", &self.institutions),
            ("occupations.csv", &self.occupations),
            ("plans.csv", &self.plans),
            ("programmes.csv", &self.programmes),
        ];
        files.extend(self.segments.as_ref().map(|table| ("segments.csv", table)));
        let mut hasher = Hasher::new();
        for (name, table) in files {
            hasher.update(format!("{}  {name}\n", table.digest).as_bytes());
        }
        hasher.finish().sha256
    }
}

/// Where each fact stands, by its key.
fn places<K: Eq + std::hash::Hash, T>(facts: &[T], key: impl Fn(&T) -> K) -> FxHashMap<K, usize> {
    let keys = facts.iter().map(key);
    keys.enumerate().map(|(place, key)| (key, place)).collect()
}

fn grouped<K: Eq + std::hash::Hash, T>(
    facts: Vec<T>,
    key: impl Fn(&T) -> K,
) -> FxHashMap<K, Vec<T>> {
    let mut groups: FxHashMap<K, Vec<T>> = FxHashMap::default();
    for fact in facts {
        groups.entry(key(&fact)).or_default().push(fact);
    }
    groups
}

fn by_code(exclusions: &[Exclusion]) -> FxHashMap<OccupationCode, Vec<Interval>> {
    let coded = exclusions
        .iter()
        .filter_map(|one| Some((one.code?, one.in_force)));
    let groups = grouped(coded.collect(), |(code, _)| *code);
    let intervals = |(code, group): (_, Vec<(_, Interval)>)| {
        (
            code,
            group.into_iter().map(|(_, interval)| interval).collect(),
        )
    };
    groups.into_iter().map(intervals).collect()
}

fn by_name(exclusions: &[Exclusion]) -> FxHashMap<String, Vec<Interval>> {
    let mut names: FxHashMap<String, Vec<Interval>> = FxHashMap::default();
    for one in exclusions {
        names
            .entry(comparable(&one.name).into_owned())
            .or_default()
            .push(one.in_force);
    }
    names
}
