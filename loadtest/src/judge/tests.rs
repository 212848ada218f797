//! A judge is worth what it catches: right answers pass, and every way of being wrong is named.

use certificate::record::Change;
use serde_json::{Value, json};

use super::*;
use crate::question::tests::source;
use crate::question::{Kind, Source};

/// What a right server says of certificate `i`, written down a second time from the contract.
fn shown(source: &Source, i: u64) -> Value {
    let (issue, withdrawal) = (source.population.change(i), source.population.withdrawal(i));
    let d = issue.operation.details().unwrap();
    let code = issue.number.institution().as_str().to_owned();
    let reason = withdrawal.as_ref().map(|change| change.reason.clone());
    let day = |change: &Change| change.review.on.to_string();
    json!({
        "certificate_number": issue.number.as_str(),
        "holder_name": format!("{}*", d.name.expose().chars().next().unwrap()),
        "occupation": {"code": d.occupation_code.to_string(), "name": d.occupation_name},
        "direction": d.direction,
        "level": {"code": d.level.code().to_string(), "name": d.level.name()},
        "institution": {"code": code, "name": source.directory.institution_name(&code),
            "in_catalogue": code != "J000044000037"},
        "issued_on": d.issued_on.to_string(),
        "reviewed_by": {"code": issue.review.centre, "name": centre_name(&issue.review.centre)},
        "reviewed_on": day(&issue),
        "status": if withdrawal.is_some() { "withdrawn" } else { "valid" },
        "status_on": withdrawal.as_ref().map(day),
        "reason": reason,
        "revision": if withdrawal.is_some() { 2 } else { 1 },
        "national": {"state": "not_reported", "on": null},
        "added_later": true,
    })
}

fn centre_name(code: &str) -> String {
    let files = certificate::sample::registry::files();
    let (_, centres) = files.iter().find(|file| file.0 == "centres.csv").unwrap();
    let row = centres.lines().find(|line| line.starts_with(code)).unwrap();
    row.split(',').nth(1).unwrap().to_owned()
}

fn answered(outcome: &str, certificates: Value) -> Value {
    json!({"outcome": outcome, "certificates": certificates,
        "as_of": {"epoch": 107, "generation": 42, "published_at": "2026-11-24T02:00:00Z"}})
}

fn missed(code: &str, name: &str) -> Value {
    let mut answer = answered("no_match", json!([]));
    answer["coverage"] = json!({"institution": {"code": code, "name": name},
        "latest_review_on": "2026-09-20"});
    answer
}

fn judged(question: &Question, status: u16, body: &Value) -> Result<(), Wrong> {
    judged_by(&mut Judge::default(), question, status, body)
}

fn judged_by(
    judge: &mut Judge,
    question: &Question,
    status: u16,
    body: &Value,
) -> Result<(), Wrong> {
    let media = if status == 200 {
        "application/json"
    } else {
        "application/problem+json"
    };
    let body = body.to_string();
    let response = Response {
        status,
        media,
        body: body.as_bytes(),
        last: false,
    };
    judge.judge(question, &response)
}

/// A question about certificate `i` whose right answer is these certificates.
fn about(source: &Source, certificates: &[u64]) -> Question {
    let known = |&i: &u64| source.directory.known(&source.population, i);
    Question {
        kind: Kind::Match,
        request: Vec::new(),
        expected: Expected::Match(certificates.iter().map(known).collect()),
        asked_id: source
            .population
            .id_number(certificates[0])
            .expose()
            .to_owned(),
    }
}

fn missing(institution: Option<(&str, &str)>) -> Question {
    let institution = institution.map(|(code, name)| (code.to_owned(), name.to_owned()));
    Question {
        kind: Kind::Miss,
        request: Vec::new(),
        expected: Expected::Miss(institution),
        asked_id: "11010519491231002X".to_owned(),
    }
}

/// A holder of two certificates, newest first.
fn two(source: &Source) -> Vec<u64> {
    let mut all = (0..).map(|i| source.population.of_same_holder(i));
    let mut two = all.find(|own| own.len() == 2).unwrap();
    two.reverse();
    two
}

#[test]
fn right_answers_pass() {
    let source = source(20_000);
    for i in (0..20_000).step_by(37) {
        let right = answered("match", json!([shown(&source, i)]));
        assert_eq!(
            judged(&about(&source, &[i]), 200, &right),
            Ok(()),
            "certificate {i}"
        );
    }
    let own = two(&source);
    let both: Vec<Value> = own.iter().map(|&i| shown(&source, i)).collect();
    assert_eq!(
        judged(&about(&source, &own), 200, &answered("match", json!(both))),
        Ok(())
    );
}

#[test]
fn every_wrong_field_is_named() {
    let source = source(20_000);
    let withdrawn = (0..100)
        .find(|&i| source.population.withdrawal(i).is_some())
        .unwrap();
    let wrong: [(&str, Value, &str); 22] = [
        (
            "/certificate_number",
            json!("J000044000001203999999"),
            "certificate_number",
        ),
        ("/holder_name", json!("张三"), "holder_name"),
        ("/holder_name", json!("张**"), "holder_name"),
        ("/occupation/code", json!("1-01-01-01"), "occupation"),
        ("/occupation/name", json!(""), "occupation"),
        ("/direction", json!("别的方向"), "direction"),
        ("/level/code", json!("1"), "level"),
        ("/level/name", json!("一级"), "level"),
        (
            "/institution/code",
            json!("J000044999999"),
            "institution.code",
        ),
        ("/institution/name", json!("别的学校"), "institution.name"),
        (
            "/institution/in_catalogue",
            json!(false),
            "institution.in_catalogue",
        ),
        ("/issued_on", json!("2019-01-01"), "issued_on"),
        ("/reviewed_by/code", json!("440001"), "reviewed_by"),
        ("/reviewed_by/name", json!(""), "reviewed_by"),
        ("/reviewed_on", json!("2019-01-01"), "reviewed_on"),
        ("/status", json!("valid"), "status"),
        ("/status_on", json!(null), "status_on"),
        ("/status_on", json!("2019-01-01"), "status_on"),
        ("/reason", json!(null), "reason"),
        ("/revision", json!(1), "revision"),
        ("/national/state", json!("reported"), "national"),
        ("/national/on", json!("2026-01-01"), "national"),
    ];
    for (pointer, value, field) in wrong {
        let mut certificate = shown(&source, withdrawn);
        *certificate.pointer_mut(pointer).unwrap() = value;
        let answer = answered("match", json!([certificate]));
        let verdict = judged(&about(&source, &[withdrawn]), 200, &answer);
        assert_eq!(verdict, Err(Wrong::Field(field)), "{pointer}");
    }
}

#[test]
fn a_withdrawal_that_nobody_made() {
    let source = source(20_000);
    let valid = (0..100)
        .find(|&i| source.population.withdrawal(i).is_none())
        .unwrap();
    for (field, value) in [
        ("status", json!("withdrawn")),
        ("reason", json!("x")),
        ("status_on", json!("2026-01-01")),
    ] {
        let mut certificate = shown(&source, valid);
        certificate[field] = value;
        let answer = answered("match", json!([certificate]));
        assert_eq!(
            judged(&about(&source, &[valid]), 200, &answer),
            Err(Wrong::Field(field))
        );
    }
}

#[test]
fn a_field_that_is_left_out() {
    let source = source(1_000);
    let fields = shown(&source, 0);
    for field in fields
        .as_object()
        .unwrap()
        .keys()
        .filter(|field| *field != "added_later")
    {
        let mut certificate = fields.clone();
        certificate.as_object_mut().unwrap().remove(field);
        let answer = answered("match", json!([certificate]));
        assert_eq!(
            judged(&about(&source, &[0]), 200, &answer),
            Err(Wrong::Json),
            "{field}"
        );
    }
    for field in ["outcome", "certificates", "as_of"] {
        let mut answer = answered("match", json!([fields]));
        answer.as_object_mut().unwrap().remove(field);
        assert_eq!(
            judged(&about(&source, &[0]), 200, &answer),
            Err(Wrong::Json),
            "{field}"
        );
    }
}

#[test]
fn the_wrong_certificates() {
    let source = source(20_000);
    let own = two(&source);
    let question = about(&source, &own);
    let both: Vec<Value> = own.iter().map(|&i| shown(&source, i)).collect();
    let swapped = answered("match", json!([both[1], both[0]]));
    assert_eq!(
        judged(&question, 200, &swapped),
        Err(Wrong::Field("certificate_number"))
    );
    let one = answered("match", json!([both[0]]));
    assert_eq!(
        judged(&question, 200, &one),
        Err(Wrong::Count {
            expected: 2,
            found: 1
        })
    );
    let twice = answered("match", json!([both[0], both[1], both[1]]));
    assert_eq!(
        judged(&question, 200, &twice),
        Err(Wrong::Count {
            expected: 2,
            found: 3
        })
    );
    assert_eq!(
        judged(&question, 200, &answered("no_match", json!([]))),
        Err(Wrong::Outcome)
    );
    assert_eq!(
        judged(&question, 200, &answered("match", json!([]))),
        Err(Wrong::Count {
            expected: 2,
            found: 0
        })
    );
}

#[test]
fn an_answer_that_is_none() {
    let source = source(1_000);
    let question = about(&source, &[0]);
    let right = answered("match", json!([shown(&source, 0)]));
    assert_eq!(
        judged(&question, 503, &right),
        Err(Wrong::Status {
            expected: 200,
            found: 503
        })
    );
    for (pointer, value) in [
        ("/as_of/epoch", json!(0)),
        ("/as_of/generation", json!(0)),
        ("/as_of/published_at", json!("yesterday")),
    ] {
        let mut answer = right.clone();
        *answer.pointer_mut(pointer).unwrap() = value;
        assert_eq!(
            judged(&question, 200, &answer),
            Err(Wrong::Json),
            "{pointer}"
        );
    }
    for body in ["", "{", "[]", "null"] {
        let response = Response {
            status: 200,
            media: "application/json",
            body: body.as_bytes(),
            last: false,
        };
        assert_eq!(
            Judge::default().judge(&question, &response),
            Err(Wrong::Json)
        );
    }
    let body = right.to_string();
    let response = Response {
        status: 200,
        media: "text/html",
        body: body.as_bytes(),
        last: false,
    };
    assert_eq!(
        Judge::default().judge(&question, &response),
        Err(Wrong::Media)
    );
}

#[test]
fn misses() {
    let name = source(1)
        .directory
        .institution_name("J000044000001")
        .to_owned();
    let question = missing(Some(("J000044000001", &name)));
    let right = missed("J000044000001", &name);
    assert_eq!(judged(&question, 200, &right), Ok(()));
    let mut found = right.clone();
    found["outcome"] = json!("match");
    assert_eq!(judged(&question, 200, &found), Err(Wrong::Outcome));
    found = right.clone();
    found["certificates"] = json!([shown(&source(1), 0)]);
    assert_eq!(
        judged(&question, 200, &found),
        Err(Wrong::Count {
            expected: 0,
            found: 1
        })
    );
    for coverage in [
        json!(null),
        missed("J000044000002", &name)["coverage"].clone(),
        missed("J000044000001", "别的学校")["coverage"].clone(),
        json!({"institution": {"code": "J000044000001", "name": name}, "latest_review_on": null}),
    ] {
        found = right.clone();
        found["coverage"] = coverage;
        assert_eq!(judged(&question, 200, &found), Err(Wrong::Coverage));
    }
    let unnamed = missing(None);
    assert_eq!(
        judged(&unnamed, 200, &answered("no_match", json!([]))),
        Ok(())
    );
    assert_eq!(judged(&unnamed, 200, &right), Err(Wrong::Coverage));
}

#[test]
fn a_miss_that_tells_more_than_another() {
    let name = source(1)
        .directory
        .institution_name("J000044000001")
        .to_owned();
    let question = missing(Some(("J000044000001", &name)));
    let mut judge = Judge::default();
    let first = missed("J000044000001", &name);
    assert_eq!(judged_by(&mut judge, &question, 200, &first), Ok(()));
    assert_eq!(judged_by(&mut judge, &question, 200, &first), Ok(()));
    let mut other = first.clone();
    other["hint"] = json!("name");
    assert_eq!(
        judged_by(&mut judge, &question, 200, &other),
        Err(Wrong::MissesDiffer)
    );
    // A new epoch may look otherwise.
    other["as_of"]["epoch"] = json!(108);
    assert_eq!(judged_by(&mut judge, &question, 200, &other), Ok(()));
}

#[test]
fn refusals() {
    let question = |code, field| Question {
        kind: Kind::Malformed,
        request: Vec::new(),
        expected: Expected::Refused(code, field),
        asked_id: String::new(),
    };
    let right = json!({"type": "about:blank", "title": "Bad Request", "status": 400,
        "code": "number_malformed", "detail": "证书编号为22位", "field": "certificate_number"});
    let number = question("number_malformed", Some("certificate_number"));
    assert_eq!(judged(&number, 400, &right), Ok(()));
    assert_eq!(
        judged(&question("number_malformed", None), 400, &right),
        Ok(())
    );
    assert_eq!(
        judged(&question("id_malformed", None), 400, &right),
        Err(Wrong::Code)
    );
    assert_eq!(
        judged(&question("number_malformed", Some("name")), 400, &right),
        Err(Wrong::RefusedField)
    );
    assert_eq!(
        judged(&number, 500, &right),
        Err(Wrong::Status {
            expected: 400,
            found: 500
        })
    );
    for (field, value) in [
        ("status", json!(200)),
        ("title", json!("")),
        ("detail", json!("wrong")),
        ("code", json!(7)),
    ] {
        let mut problem = right.clone();
        problem[field] = value;
        assert_eq!(judged(&number, 400, &problem), Err(Wrong::Json), "{field}");
    }
}

#[test]
fn an_identity_number_in_the_answer() {
    let source = source(1_000);
    let mut certificate = shown(&source, 5);
    certificate["id_number"] = json!(source.population.id_number(5).expose());
    let answer = answered("match", json!([certificate]));
    assert_eq!(
        judged(&about(&source, &[5]), 200, &answer),
        Err(Wrong::Discloses)
    );
}
