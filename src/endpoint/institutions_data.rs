//! `GET /v1/institutions`: the catalogue of evaluation institutions as data, JSON or CSV.

use std::borrow::Cow;

use certificate::Date;
use serde::Serialize;
use snapshot::{Affiliation, Institution};

use super::csv_cell::{BYTE_ORDER_MARK, neutralise};
use crate::accept;
use crate::answer::in_catalogue;
use crate::live::Current;
use crate::reply::{Media, Reply};

/// One institution; the fields are the keys in JSON and the columns in CSV.
#[derive(Serialize)]
struct Row<'s> {
    code: &'s str,
    name: Cow<'s, str>,
    city: Cow<'s, str>,
    affiliation: &'static str,
    kind: Cow<'s, str>,
    top_level: char,
    filed_on: Date,
    removed_on: Option<Date>,
    removal_reason: Option<Cow<'s, str>>,
    in_catalogue: bool,
    certificates: u64,
    latest_review_on: Option<Date>,
}

/// The columns, in the order of [`Row`].
const COLUMNS: [&str; 12] = [
    "code",
    "name",
    "city",
    "affiliation",
    "kind",
    "top_level",
    "filed_on",
    "removed_on",
    "removal_reason",
    "in_catalogue",
    "certificates",
    "latest_review_on",
];

/// All of them by code, removed ones included; CSV when `Accept` prefers it to JSON.
pub fn answer(current: &Current, accept_header: &str) -> Reply {
    let rows = current.snapshot.texts().institutions.iter();
    let rows: Vec<Row<'_>> = rows.map(|institution| row(current, institution)).collect();
    if accept::prefers_type(accept_header, "text/csv", "application/json") {
        Reply::ok(Media::Csv, csv(rows))
    } else {
        let rows = serde_json::to_string(&rows).expect("texts, days and counts are JSON");
        let json = format!(r#"{{"institutions":{rows},"as_of":{}}}"#, current.as_of);
        Reply::ok(Media::Json, json)
    }
}

fn row<'s>(current: &'s Current, institution: &'s Institution) -> Row<'s> {
    let coverage = current.snapshot.coverage(&institution.code);
    Row {
        code: institution.code.as_str(),
        name: Cow::Borrowed(&institution.name),
        city: Cow::Borrowed(&institution.city),
        affiliation: match institution.affiliation {
            Affiliation::Provincial => "provincial",
            Affiliation::Municipal => "municipal",
        },
        kind: Cow::Borrowed(&institution.kind),
        top_level: institution.top_level,
        filed_on: institution.filed_on,
        removed_on: institution.removed_on,
        removal_reason: institution.removal_reason.as_deref().map(Cow::Borrowed),
        in_catalogue: in_catalogue(institution, current.day),
        certificates: coverage.map_or(0, |coverage| coverage.certificates),
        latest_review_on: coverage.map(|coverage| coverage.latest_review_on),
    }
}

fn csv(rows: Vec<Row<'_>>) -> Vec<u8> {
    const MEMORY: &str = "memory takes every row";
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(BYTE_ORDER_MARK.to_vec());
    writer.write_record(COLUMNS).expect(MEMORY);
    for mut row in rows {
        for cell in [&mut row.name, &mut row.city, &mut row.kind] {
            neutralise(cell);
        }
        row.removal_reason.as_mut().map(neutralise);
        writer.serialize(row).expect(MEMORY);
    }
    writer.into_inner().expect(MEMORY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_the_fields_and_formulas_are_text() {
        let row = Row {
            code: "J000044000001",
            name: Cow::Borrowed("=1+1, \"x\""),
            city: Cow::Borrowed("440100"),
            affiliation: "municipal",
            kind: Cow::Borrowed("@kind"),
            top_level: '3',
            filed_on: Date::constant(2020, 3, 20),
            removed_on: None,
            removal_reason: Some(Cow::Borrowed("-")),
            in_catalogue: true,
            certificates: 7,
            latest_review_on: Some(Date::constant(2020, 11, 20)),
        };
        let keys = serde_json::to_value(&row).unwrap();
        assert!(COLUMNS.iter().all(|column| keys.get(column).is_some()));
        let expected = "\u{FEFF}code,name,city,affiliation,kind,top_level,filed_on,removed_on,\
            removal_reason,in_catalogue,certificates,latest_review_on\n\
            J000044000001,\"'=1+1, \"\"x\"\"\",440100,municipal,'@kind,3,2020-03-20,,'-,true,7,\
            2020-11-20\n";
        assert_eq!(String::from_utf8(csv(vec![row])).unwrap(), expected);
    }
}
