//! The registry files of CONTRACT 1.1: their columns, and what a row of each states.

use std::collections::HashMap;

use certificate::workday::{Calendar, DayKind};
use certificate::{InstitutionCode, date};

use super::facts::{
    Affiliation, Centre, Deadlines, Edition, Exclusion, Institution, Plan, Programme, Segment,
    comparable,
};
use super::table::{Cells, RegistryError, Table};
use spreadsheet::Column;

/// Serials have six digits.
const SERIAL_MOST: u32 = 999_999;

macro_rules! columns {
    ($($name:literal $($synonym:literal)*),* $(,)?) => {
        &[$(Column { name: $name, synonyms: &[$($synonym),*] }),*]
    };
}

pub(super) const INSTITUTIONS: &[Column] = columns![
    "code" "机构代码", "name" "机构名称", "city" "所在市代码", "affiliation" "隶属", "kind" "类型",
    "top_level" "最高等级", "filed_on" "备案日期", "removed_on" "移出日期",
    "removal_reason" "移出原因",
];
pub(super) const PROGRAMMES: &[Column] = columns![
    "institution_code" "机构代码", "occupation_code" "职业编码" "职业代码",
    "occupation_name" "职业名称", "top_level" "最高等级",
    "standard" "标准或评价规范" "标准" "评价规范", "from" "起始日期", "until" "截止日期",
];
pub(super) const OCCUPATIONS: &[Column] = columns![
    "code" "职业编码" "职业代码", "name" "职业名称", "edition" "版本", "since" "起始日期",
    "until" "截止日期",
];
pub(super) const EXCLUSIONS: &[Column] = columns![
    "name" "职业名称", "code" "职业编码" "职业代码", "from" "起始日期", "until" "截止日期",
];
pub(super) const CENTRES: &[Column] = columns![
    "code" "审核机构代码" "机构代码", "name" "审核机构名称" "机构名称",
    "division" "行政区划代码", "phone" "电话", "address" "地址",
];
pub(super) const PLANS: &[Column] = columns![
    "plan_no" "计划编号" "认定计划编号", "institution_code" "机构代码", "filed_on" "备案日期",
    "starts_on" "开始日期", "ends_on" "结束日期", "site" "考核地点",
];
pub(super) const CALENDAR: &[Column] = columns![
    "date" "日期", "kind" "类型", "name" "名称",
];
pub(super) const SEGMENTS: &[Column] = columns![
    "institution_code" "机构代码", "year" "年份", "level" "职业技能等级" "级别",
    "first" "起始序列号", "last" "终止序列号",
];

pub(super) fn institution(cells: Cells<'_>) -> Result<Institution, RegistryError> {
    let filed_on = cells.day("filed_on")?;
    let removed_on = cells.day_if_any("removed_on")?;
    if removed_on.is_some_and(|removed_on| removed_on < filed_on) {
        return Err(cells.wrong("removed_on", "移出日期早于备案日期"));
    }
    Ok(Institution {
        code: cells.institution("code")?,
        name: cells.needed_prose("name")?,
        city: cells.division("city")?,
        affiliation: cells.parsed(
            "affiliation",
            "应为provincial（厅属）或municipal",
            affiliation,
        )?,
        kind: cells.needed("kind")?,
        top_level: pilot_level(cells)?,
        filed_on,
        removed_on,
        removal_reason: cells.prose("removal_reason"),
    })
}

/// 一(四): 技师 at the highest, and every institution of the pilot reaches 高级工.
fn pilot_level(cells: Cells<'_>) -> Result<certificate::Level, RegistryError> {
    let level = cells.top_level("top_level")?;
    if matches!(level.code(), '2' | '3') {
        Ok(level)
    } else {
        Err(cells.wrong(
            "top_level",
            "最高等级应为2（技师）或3（高级工）（通知一(四)）",
        ))
    }
}

fn affiliation(text: &str) -> Option<Affiliation> {
    match text.to_ascii_lowercase().as_str() {
        "provincial" | "厅属" => Some(Affiliation::Provincial),
        "municipal" | "市属" => Some(Affiliation::Municipal),
        _ => None,
    }
}

pub(super) fn programme(cells: Cells<'_>) -> Result<Programme, RegistryError> {
    cells.needed("occupation_name")?;
    Ok(Programme {
        institution: cells.institution("institution_code")?,
        occupation: cells.occupation("occupation_code")?,
        top_level: cells.top_level("top_level")?,
        in_force: cells.interval("from", "until")?,
    })
}

pub(super) fn edition(cells: Cells<'_>) -> Result<Edition, RegistryError> {
    let code = cells.occupation("code")?;
    let name = cells.needed_prose("name")?;
    Ok(Edition {
        code,
        comparable: comparable(&name).into_owned(),
        name,
        in_force: cells.interval("since", "until")?,
    })
}

pub(super) fn exclusion(cells: Cells<'_>) -> Result<Exclusion, RegistryError> {
    let code = match cells.text("code").as_str() {
        "" => None,
        _ => Some(cells.occupation("code")?),
    };
    Ok(Exclusion {
        name: cells.needed_prose("name")?,
        code,
        in_force: cells.interval("from", "until")?,
    })
}

pub(super) fn centre(cells: Cells<'_>) -> Result<Centre, RegistryError> {
    Ok(Centre {
        code: cells.needed("code")?,
        name: cells.needed_prose("name")?,
        division: cells.division("division")?,
        phone: cells.text("phone"),
        address: cells.prose("address"),
    })
}

pub(super) fn plan(cells: Cells<'_>) -> Result<Plan, RegistryError> {
    let plan = Plan {
        plan_no: cells.needed("plan_no")?,
        institution: cells.institution("institution_code")?,
        filed_on: cells.day("filed_on")?,
        starts_on: cells.day("starts_on")?,
        ends_on: cells.day("ends_on")?,
        deadlines: Deadlines::default(),
    };
    if plan.ends_on < plan.starts_on {
        return Err(cells.wrong("ends_on", "结束日期早于开始日期"));
    }
    Ok(plan)
}

pub(super) fn segment(cells: Cells<'_>) -> Result<Segment, RegistryError> {
    let serial = |column| {
        cells.parsed(column, "序列号应为1至999999", |text| {
            let serial = text.parse().ok()?;
            (1..=SERIAL_MOST).contains(&serial).then_some(serial)
        })
    };
    let (first, last) = (serial("first")?, serial("last")?);
    if last < first {
        return Err(cells.wrong("last", "终止序列号小于起始序列号"));
    }
    Ok(Segment {
        institution: cells.institution("institution_code")?,
        year: cells.parsed("year", "应为4位年份", |text| {
            let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_year.then(|| text.parse().ok()).flatten()
        })?,
        level: cells.top_level("level")?.code(),
        first,
        last,
    })
}

pub(super) fn calendar(table: &Table) -> Result<Calendar, RegistryError> {
    let mut days = HashMap::new();
    for cells in table.rows() {
        let day = cells.parsed("date", "应为日期，如2020-10-01", date::parse)?;
        let kind = cells.parsed(
            "kind",
            "应为holiday（放假）或makeup_workday（调休上班）",
            day_kind,
        )?;
        if days.insert(day, kind).is_some() {
            return Err(cells.wrong("date", "日期重复"));
        }
    }
    Ok(Calendar::new(days))
}

fn day_kind(text: &str) -> Option<DayKind> {
    match text.to_ascii_lowercase().as_str() {
        "holiday" | "放假" => Some(DayKind::Holiday),
        "makeup_workday" | "调休上班" => Some(DayKind::MakeupWorkday),
        _ => None,
    }
}

/// Refuses a row whose key an earlier row has.
pub(super) fn unique<K: Eq + std::hash::Hash>(
    table: &Table,
    column: &str,
    key: impl Fn(Cells<'_>) -> Result<K, RegistryError>,
) -> Result<(), RegistryError> {
    let mut first_rows = HashMap::new();
    for cells in table.rows() {
        if let Some(first) = first_rows.insert(key(cells)?, cells.number()) {
            return Err(cells.wrong(column, format!("与第{first}行重复")));
        }
    }
    Ok(())
}

/// Refuses a row of an institution that is not filed.
pub(super) fn of_known_institutions(
    table: &Table,
    is_known: impl Fn(&InstitutionCode) -> bool,
) -> Result<(), RegistryError> {
    for cells in table.rows() {
        if !is_known(&cells.institution("institution_code")?) {
            return Err(cells.wrong("institution_code", "institutions.csv中没有这个机构代码"));
        }
    }
    Ok(())
}
