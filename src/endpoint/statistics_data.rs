//! `GET /v1/statistics`: the register in counts, as data, JSON or CSV.

use std::borrow::Cow;

use serde::Serialize;

use super::csv_cell::{BYTE_ORDER_MARK, neutralise};
use crate::accept;
use crate::live::Current;
use crate::reply::{Media, Reply};
use crate::statistics::{Statistics, Tally};

/// One line of one list; the fields are the columns of the CSV.
#[derive(Serialize)]
struct Row<'s> {
    /// `total`, `city`, `occupation`, `level` or `year`.
    by: &'static str,
    code: Cow<'s, str>,
    name: Cow<'s, str>,
    certificates: u64,
    withdrawn: u64,
}

const COLUMNS: [&str; 5] = ["by", "code", "name", "certificates", "withdrawn"];

/// Every list whole; CSV when `Accept` prefers it to JSON.
pub fn answer(current: &Current, accept_header: &str) -> Reply {
    let found = current.statistics();
    if accept::prefers_type(accept_header, "text/csv", "application/json") {
        Reply::ok(Media::Csv, csv(rows(found)))
    } else {
        Reply::ok(Media::Json, json(found, &current.as_of))
    }
}

fn rows(found: &Statistics) -> Vec<Row<'_>> {
    let row = |by, code: String, name, tally: Tally| Row {
        by,
        code: Cow::Owned(code),
        name: Cow::Borrowed(name),
        certificates: tally.certificates,
        withdrawn: tally.withdrawn,
    };
    let mut rows = vec![row("total", String::new(), "", found.total)];
    let cities = found.cities.iter();
    rows.extend(cities.map(|(code, tally)| row("city", code.clone(), "", *tally)));
    let occupations = found.occupations.iter();
    rows.extend(
        occupations
            .map(|(it, tally)| row("occupation", it.code.to_string(), it.name.as_str(), *tally)),
    );
    let levels = found.levels.iter();
    rows.extend(levels.map(|(code, tally)| row("level", code.to_string(), "", *tally)));
    let years = found.years.iter();
    rows.extend(years.map(|(year, tally)| row("year", year.to_string(), "", *tally)));
    rows
}

fn json(found: &Statistics, as_of: &str) -> String {
    let list = |by| {
        let rows = rows(found).into_iter().filter(|row| row.by == by);
        let lines = rows.map(|row| {
            let mut line = serde_json::json!({
                "code": row.code,
                "certificates": row.certificates,
                "withdrawn": row.withdrawn,
            });
            if by == "occupation" {
                line["name"] = row.name.into();
            }
            line
        });
        serde_json::Value::Array(lines.collect())
    };
    // The exchange is not in this release, so nothing has been reported yet.
    format!(
        r#"{{"certificates":{},"withdrawn":{},"national":{{"reported":0,"acknowledged":0}},"cities":{},"occupations":{},"levels":{},"years":{},"as_of":{as_of}}}"#,
        found.total.certificates,
        found.total.withdrawn,
        list("city"),
        list("occupation"),
        list("level"),
        list("year"),
    )
}

fn csv(rows: Vec<Row<'_>>) -> Vec<u8> {
    const MEMORY: &str = "memory takes every row";
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(BYTE_ORDER_MARK.to_vec());
    writer.write_record(COLUMNS).expect(MEMORY);
    for mut row in rows {
        neutralise(&mut row.code);
        neutralise(&mut row.name);
        writer.serialize(row).expect(MEMORY);
    }
    writer.into_inner().expect(MEMORY)
}

#[cfg(test)]
mod tests {
    use certificate::OccupationCode;

    use super::*;
    use crate::statistics::Occupation;

    fn found() -> Statistics {
        let tally = |certificates, withdrawn| Tally {
            certificates,
            withdrawn,
        };
        let occupation = Occupation {
            code: OccupationCode::parse("4-04-05-05").unwrap(),
            name: "=1+1".to_owned(),
        };
        Statistics {
            total: tally(7, 2),
            cities: vec![("440100".to_owned(), tally(7, 2))],
            occupations: vec![(occupation, tally(7, 2))],
            levels: vec![('4', tally(3, 0)), ('3', tally(4, 2))],
            years: vec![(2020, tally(7, 2))],
        }
    }

    #[test]
    fn lists_are_lists_and_formulas_are_text() {
        let expected = "\u{FEFF}by,code,name,certificates,withdrawn\ntotal,,,7,2\n\
            city,440100,,7,2\noccupation,4-04-05-05,'=1+1,7,2\nlevel,4,,3,0\nlevel,3,,4,2\n\
            year,2020,,7,2\n";
        assert_eq!(String::from_utf8(csv(rows(&found()))).unwrap(), expected);
        let json: serde_json::Value = serde_json::from_str(&json(&found(), "{}")).unwrap();
        assert_eq!(json["occupations"][0]["name"], "=1+1");
        assert_eq!(json["levels"][1]["code"], "3");
        assert_eq!(json["levels"][1]["withdrawn"], 2);
        assert_eq!(json["national"]["reported"], 0);
    }
}
