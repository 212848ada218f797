//! The registry of the synthetic centre, file by file: English headers, UTF-8, no cell that needs
//! a quotation mark.
//!
//! Telephone numbers are all zeros and addresses say that they are examples.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::catalogue::{Catalogue, Institution, OCCUPATIONS, day, rows};
use super::timetable::{SESSIONS, Session, YEARS, calendar_year};
use crate::date::Date;
use crate::workday::{Calendar, DayKind};

/// Since when the occupations of the classification hold that had no notice of their own
/// (职业分类大典 of 2015; the codes are those of the 2022 edition).
const CLASSIFIED_SINCE: Date = Date::constant(2015, 7, 29);
/// 国家职业资格目录 of 2017.
const EXCLUDED_FROM: Date = Date::constant(2017, 9, 12);
/// 人社厅发〔2020〕80号: the level items left the catalogue in 2020, the access items stay.
const EXCLUDED_UNTIL: Date = Date::constant(2020, 12, 31);
/// From here on institutions were filed, a few a week, in the order of their codes.
const FIRST_FILING: Date = Date::constant(2020, 3, 30);

/// `date,kind,name`, as the registry wants it.
const HOLIDAYS: &str = include_str!("../../data/cn_holidays.csv");
/// `division_code,division,centre_name,…`
const CENTRES: &str = include_str!("../../data/review_centres_gd.csv");
/// `name,batch,document_no,published_date,code,…`
const NEW_OCCUPATIONS: &str = include_str!("../../data/new_occupations_2019_2020.csv");
/// `seq,name,code,class…`
const EXCLUSIONS: &str = include_str!("../../data/qualification_catalogue_skills_2017.csv");

/// Area codes of the cities, in the order of their divisions; the province has the first one's.
const AREA_CODES: [&str; 21] = [
    "020", "0751", "0755", "0756", "0754", "0757", "0750", "0759", "0668", "0758", "0752", "0753",
    "0660", "0762", "0662", "0763", "0769", "0760", "0768", "0663", "0766",
];

/// File name and text of each registry file. One registry fits every population.
///
/// Cost: a few milliseconds.
pub fn files() -> Vec<(&'static str, String)> {
    let calendar = calendar();
    vec![
        ("institutions.csv", institutions(&calendar)),
        ("programmes.csv", programmes(&calendar)),
        ("occupations.csv", occupations()),
        ("exclusions.csv", exclusions()),
        ("centres.csv", centres()),
        ("plans.csv", plans(&calendar)),
        ("calendar.csv", HOLIDAYS.to_owned()),
    ]
}

fn calendar() -> Calendar {
    Calendar::new(rows(HOLIDAYS).map(|cells| {
        let kind = match cells[1] {
            "holiday" => DayKind::Holiday,
            _ => DayKind::MakeupWorkday,
        };
        (day(cells[0]), kind)
    }))
}

/// The working day `count` working days from another.
fn workday(calendar: &Calendar, day: Date, count: i32) -> Date {
    calendar
        .add(day, count)
        .expect("the embedded calendar knows 2019 to 2026")
}

/// The first filings, three institutions in two working days.
fn filed_on(calendar: &Calendar, institution: usize) -> Date {
    let turn = i32::try_from(institution * 2 / 3).expect("there are 60 institutions");
    workday(calendar, FIRST_FILING, turn)
}

fn institutions(calendar: &Calendar) -> String {
    let mut text = String::from(
        "code,name,city,affiliation,kind,top_level,filed_on,removed_on,removal_reason\n",
    );
    for (index, one) in Catalogue::get().institutions.iter().enumerate() {
        let Institution {
            name, city, kind, ..
        } = one;
        let affiliation = if one.provincial {
            "provincial"
        } else {
            "municipal"
        };
        let (code, top, filed) = (
            one.code.as_str(),
            one.top_level(),
            filed_on(calendar, index),
        );
        let (removed, reason) = match one.removed_on() {
            Some(day) => (day.to_string(), "并入本市其他技工院校（示例）"),
            None => (String::new(), ""),
        };
        let _ = writeln!(
            text,
            "{code},{name},{city},{affiliation},{kind},{top},{filed},{removed},{reason}"
        );
    }
    text
}

fn programmes(calendar: &Calendar) -> String {
    let mut text = String::from(
        "institution_code,occupation_code,occupation_name,top_level,standard,from,until\n",
    );
    let catalogue = Catalogue::get();
    let since = since();
    for (index, one) in catalogue.institutions.iter().enumerate() {
        for trade in &one.trades {
            let trade = &catalogue.trades[*trade];
            let occupation = trade.code.to_string();
            let known = since.get(occupation.as_str()).copied();
            let from = known
                .unwrap_or(CLASSIFIED_SINCE)
                .max(filed_on(calendar, index));
            let (code, name, top) = (one.code.as_str(), trade.name, one.top_level());
            let _ = writeln!(
                text,
                "{code},{occupation},{name},{top},国家职业技能标准,{from},"
            );
        }
    }
    text
}

/// The day of the notice, for occupations that got one of their own; by code.
fn since() -> BTreeMap<&'static str, Date> {
    rows(NEW_OCCUPATIONS)
        .filter(|cells| !cells[4].is_empty())
        .map(|cells| (cells[4], day(cells[3])))
        .collect()
}

/// One row a code: the table lists the new occupations twice.
fn occupations() -> String {
    let mut text = String::from("code,name,edition,since,until\n");
    let since = since();
    for cells in rows(OCCUPATIONS).filter(|cells| cells[2] == "2022") {
        let (code, name) = (cells[0], cells[1]);
        let (edition, from) = match since.get(code) {
            Some(day) => ("新职业", *day),
            None => ("2022", CLASSIFIED_SINCE),
        };
        let _ = writeln!(text, "{code},{name},{edition},{from},");
    }
    text
}

fn exclusions() -> String {
    let mut text = String::from("name,code,from,until\n");
    for cells in rows(EXCLUSIONS) {
        let (name, code) = (cells[1], cells[2]);
        let until = match cells[3] {
            "准入类" => String::new(),
            _ => EXCLUDED_UNTIL.to_string(),
        };
        let _ = writeln!(text, "{name},{code},{EXCLUDED_FROM},{until}");
    }
    text
}

fn centres() -> String {
    let mut text = String::from("code,name,division,phone,address\n");
    for (index, cells) in rows(CENTRES).enumerate() {
        let (division, place, name) = (cells[0], cells[1], cells[2]);
        let area = AREA_CODES[index.saturating_sub(1)];
        let phone = format!("{area}-{}", "0".repeat(11 - area.len()));
        let _ = writeln!(
            text,
            "{division},{name},{division},{phone},{place}示例路1号（示例地址）"
        );
    }
    text
}

fn plans(calendar: &Calendar) -> String {
    let mut text = String::from("plan_no,institution_code,filed_on,starts_on,ends_on,site\n");
    for (institution, one) in Catalogue::get().institutions.iter().enumerate() {
        for year in 0..YEARS {
            for number in 0..SESSIONS {
                let session = Session {
                    institution,
                    year,
                    number,
                };
                let (starts_on, ends_on) = session.span();
                if one.removed_on().is_some_and(|removed| starts_on >= removed) {
                    continue;
                }
                // At least ten working days before (notice 二(三)), some of them more.
                let early = i32::from(calendar_year(year) % 3) + 10;
                let filed_on = workday(calendar, starts_on, -early);
                let (plan_no, code, name) = (session.plan_no(), one.code.as_str(), one.name);
                let _ = writeln!(
                    text,
                    "{plan_no},{code},{filed_on},{starts_on},{ends_on},{name}考核点"
                );
            }
        }
    }
    text
}
