//! What the registry states, one type a file, each with the clause it comes from.

use std::borrow::Cow;
use std::sync::OnceLock;

use certificate::workday::{Stretch, YearMissing};
use certificate::{Date, InstitutionCode, Level, OccupationCode, tidied};

/// An evaluation institution (评价机构) of the pilot, filed with the province (notice 二(二)).
#[derive(Clone, Debug)]
pub(crate) struct Institution {
    /// Positions 1–13 of its certificates' numbers.
    pub(crate) code: InstitutionCode,
    /// 机构名称.
    pub(crate) name: String,
    /// 所在市代码: six digits.
    pub(crate) city: String,
    /// Who reviews its results.
    pub(crate) affiliation: Affiliation,
    /// 类型: 技师学院, 高级技工学校.
    pub(crate) kind: String,
    /// 最高等级 (notice 一(四)).
    pub(crate) top_level: Level,
    /// 备案日期.
    pub(crate) filed_on: Date,
    /// 移出日期, if it was removed (notice 四(二)). What it issued before stays valid.
    pub(crate) removed_on: Option<Date>,
    /// 移出原因.
    pub(crate) removal_reason: String,
}

/// 隶属: who reviews an institution's results (notice 二(四)).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Affiliation {
    /// 厅属: the provincial centre.
    Provincial,
    /// The centre of its city.
    Municipal,
}

/// An occupation that an institution may certify, up to a level, for a time (notice 一(三), 一(四)).
#[derive(Clone, Debug)]
pub(crate) struct Programme {
    /// The institution.
    pub(crate) institution: InstitutionCode,
    /// The occupation.
    pub(crate) occupation: OccupationCode,
    /// The highest level.
    pub(crate) top_level: Level,
    /// When.
    pub(crate) in_force: Interval,
}

/// An occupation of the 职业分类大典, or a new one, under the name of an edition.
#[derive(Clone, Debug)]
pub(crate) struct Edition {
    /// The code.
    pub(crate) code: OccupationCode,
    /// Its name in this edition.
    pub(crate) name: String,
    /// The name as it is compared.
    pub(crate) comparable: String,
    /// When code and name hold.
    pub(crate) in_force: Interval,
}

/// An occupation of the 国家职业资格目录, which the pilot may not certify (notice 一(三)).
#[derive(Clone, Debug)]
pub(crate) struct Exclusion {
    /// Its name in the catalogue.
    pub(crate) name: String,
    /// Its code, where known.
    pub(crate) code: Option<OccupationCode>,
    /// When it is in the catalogue.
    pub(crate) in_force: Interval,
}

/// A review centre (审核机构; notice 二(三), 二(四)).
#[derive(Clone, Debug)]
pub(crate) struct Centre {
    /// Its code.
    pub(crate) code: String,
    /// Its name.
    pub(crate) name: String,
    /// [`Centre::PROVINCE`] for the provincial centre, else a city.
    pub(crate) division: String,
    /// Whom to call.
    pub(crate) phone: String,
    /// Where to go.
    pub(crate) address: String,
}

/// A filed evaluation plan (认定计划; notice 二(三)).
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// 计划编号.
    pub(crate) plan_no: String,
    /// Whose it is.
    pub(crate) institution: InstitutionCode,
    /// 备案日期.
    pub(crate) filed_on: Date,
    /// 开始日期.
    pub(crate) starts_on: Date,
    /// 结束日期.
    pub(crate) ends_on: Date,
    /// What the gate counted by the calendar of the same registry, when first asked.
    pub(crate) deadlines: Deadlines,
}

/// The deadlines around a plan: counted once for all of its rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines {
    /// The last day to file it.
    pub(crate) filing: OnceLock<Result<Date, YearMissing>>,
    /// The days to report its results.
    pub(crate) report: OnceLock<Stretch>,
}

/// Serials assigned to an institution for a year and a level (证书号段; notice 二(二)).
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Whose they are.
    pub(crate) institution: InstitutionCode,
    /// The full year.
    pub(crate) year: i16,
    /// The character at position 16.
    pub(crate) level: char,
    /// The first serial.
    pub(crate) first: u32,
    /// The last serial.
    pub(crate) last: u32,
}

/// A time of validity, by days.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Interval {
    /// The first day.
    pub(crate) from: Date,
    /// The last day; open without.
    pub(crate) until: Option<Date>,
}

impl Centre {
    /// The division of the provincial centre (省技能中心).
    pub(crate) const PROVINCE: &'static str = "440000";
}

impl Interval {
    /// Whether a day lies in it.
    pub(crate) fn contains(&self, day: Date) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }
}

/// A name as it is compared: spaces do not matter between ideographs, and spreadsheets add them.
pub(crate) fn comparable(name: &str) -> Cow<'_, str> {
    let name = tidied(name);
    if name.contains(' ') {
        Cow::Owned(name.replace(' ', ""))
    } else {
        name
    }
}
