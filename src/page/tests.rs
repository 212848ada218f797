//! Every page in both languages, with hostile texts in every place that takes one.

use super::*;

mod beside;

const HOSTILE: &str = "<script>alert(1)</script>\"'&\u{202E}</title>";

fn as_of() -> AsOf {
    AsOf {
        generation: 42,
        epoch: 107,
        published_at: "2026-11-24T02:00:00Z".parse().unwrap(),
    }
}

fn typed(text: &str) -> Typed<'_> {
    Typed {
        certificate_number: text,
        name: text,
        id_type: text,
        id_number: text,
    }
}

fn certificate(text: &str, status: Status, national: National) -> Certificate<'_> {
    Certificate {
        number: "J000044000001203000123",
        holder_name: text,
        occupation_code: text,
        occupation_name: text,
        direction: text,
        level_code: '3',
        level_name: "三级/高级工",
        institution_code: text,
        institution_name: text,
        in_catalogue: status == Status::Valid,
        issued_on: Date::constant(2020, 11, 30),
        reviewed_by: text,
        reviewed_on: Date::constant(2020, 11, 20),
        status,
        reason: Some(text),
        national,
    }
}

fn miss_view<'a>(text: &'a str, institution: AskedInstitution<'a>) -> MissView<'a> {
    let office = Office {
        name: text,
        phone: text,
        address: text,
    };
    MissView {
        typed: typed(text),
        institution,
        office: Some(office),
        as_of: as_of(),
    }
}

fn bulk_refused(text: &str) -> BulkView<'_> {
    BulkView {
        refusal: Some(Refusal {
            code: "too_many_rows",
            field: None,
            detail: text,
        }),
        as_of: Some(as_of()),
    }
}

/// Every page, every state of it, with `text` wherever a text comes from outside.
fn every_page(lang: Lang, text: &str) -> Vec<(&'static str, String)> {
    let day = Date::constant(2021, 2, 3);
    let refused = |field| HomeView {
        typed: typed(text),
        refusal: Some(Refusal {
            code: "number_malformed",
            field,
            detail: text,
        }),
        as_of: Some(as_of()),
    };
    let certificates = [
        certificate(text, Status::Valid, National::NotReported),
        certificate(text, Status::Valid, National::Reported(day)),
        certificate(text, Status::Valid, National::Acknowledged(day)),
        certificate(text, Status::Withdrawn { on: day }, National::Refused(day)),
    ];
    let known = AskedInstitution::Known {
        name: text,
        latest_review_on: Some(day),
    };
    let empty = AskedInstitution::Known {
        name: text,
        latest_review_on: None,
    };
    vec![
        ("home", home(lang, &HomeView::default())),
        (
            "refused at a field",
            home(lang, &refused(Some("id_number"))),
        ),
        ("refused as a whole", home(lang, &refused(None))),
        (
            "result",
            result(
                lang,
                &ResultView {
                    certificates: &certificates,
                    as_of: as_of(),
                },
            ),
        ),
        ("miss", miss(lang, &miss_view(text, known))),
        ("miss, no batch", miss(lang, &miss_view(text, empty))),
        (
            "miss, unknown",
            miss(lang, &miss_view(text, AskedInstitution::Unknown)),
        ),
        (
            "miss, no number",
            miss(lang, &miss_view(text, AskedInstitution::NotAsked)),
        ),
        ("outage", outage(lang, &typed(text))),
        ("outage of the catalogue", absent(lang, "/institutions")),
        ("bulk", bulk(lang, &BulkView::default())),
        ("bulk, refused", bulk(lang, &bulk_refused(text))),
        ("not found", not_found(lang)),
    ]
    .into_iter()
    .chain(beside::every_page(lang, text))
    .collect()
}

#[test]
fn nothing_from_outside_is_ever_markup() {
    for lang in [Lang::Zh, Lang::En] {
        for (page, html) in every_page(lang, HOSTILE) {
            assert!(!html.contains("<script>"), "{page}");
            // Each chart has a title too.
            let (opened, closed) = (
                html.matches("<title").count(),
                html.matches("</title>").count(),
            );
            assert_eq!(opened, closed, "{page}");
            assert_eq!(
                closed,
                1 + html.matches("<svg class=\"chart\"").count(),
                "{page}"
            );
            assert!(!html.contains("\"'&\u{202E}"), "{page}");
        }
    }
    // The texts do arrive, so the assertions above have something to find.
    let shown = home(
        Lang::Zh,
        &HomeView {
            typed: typed(HOSTILE),
            ..HomeView::default()
        },
    );
    assert_eq!(shown.matches("&#60;script&#62;").count(), 3);
}

#[test]
fn pages_obey_the_strict_content_policy() {
    for lang in [Lang::Zh, Lang::En] {
        for (page, html) in every_page(lang, "文字") {
            assert!(!html.contains("<style"), "{page}");
            for tag in html
                .split('<')
                .skip(1)
                .map(|rest| rest.split('>').next().unwrap())
            {
                assert!(!tag.contains(" style="), "{page}: {tag}");
                let handler = |word: &str| word.starts_with("on") && word.contains("=\"");
                assert!(
                    !tag.contains("javascript:") && !tag.split(' ').any(handler),
                    "{page}: {tag}"
                );
                assert!(
                    !tag.starts_with("script") || tag.contains("src=\"/assets/"),
                    "{page}: {tag}"
                );
                assert!(
                    !tag.contains(" src=\"http")
                        && !tag.starts_with("link rel=\"stylesheet\" href=\"http")
                );
            }
        }
    }
}

#[test]
fn english_pages_have_no_unmarked_chinese() {
    for (page, html) in every_page(Lang::En, "text") {
        let mut open: Vec<(String, bool)> = Vec::new();
        for piece in html.split('<').skip(1) {
            let (tag, text) = piece.split_once('>').unwrap();
            let name = tag
                .trim_start_matches('/')
                .split_whitespace()
                .next()
                .unwrap();
            let void = [
                "meta", "link", "input", "!DOCTYPE", "path", "circle", "rect",
            ]
            .contains(&name);
            if tag.starts_with('/') {
                let (opened, _) = open.pop().unwrap();
                assert_eq!(opened, name, "{page}: unbalanced");
            } else if !void {
                open.push((name.to_owned(), tag.contains("lang=\"zh-CN\"")));
            }
            let marked = open.iter().any(|(_, marked)| *marked);
            assert!(
                marked || text.chars().all(|c| c < '\u{2E80}'),
                "{page}: {text}"
            );
        }
        assert!(open.is_empty(), "{page}: left open {open:?}");
    }
}

#[test]
fn links_and_forms_carry_the_language() {
    for (page, html) in every_page(Lang::En, "text") {
        for target in html
            .split("href=\"/")
            .chain(html.split("action=\"/"))
            .skip(1)
        {
            let target = target.split('"').next().unwrap();
            let plain = target.starts_with("assets/")
                || target == "openapi.yaml"
                || target == "bulk/template.xlsx"
                || target.starts_with("!DOCTYPE");
            // A form that is sent by GET carries it in a field.
            let field = target == "institutions" && html.contains("name=\"lang\" value=\"en\"");
            assert!(
                plain || field || target.contains("lang="),
                "{page}: {target}"
            );
        }
        assert!(
            html.contains("<html lang=\"en\">") && html.contains("hreflang=\"zh-CN\""),
            "{page}"
        );
    }
}

#[test]
fn the_status_comes_first_and_in_words() {
    let day = Date::constant(2021, 2, 3);
    let withdrawn = [certificate(
        "理由",
        Status::Withdrawn { on: day },
        National::NotReported,
    )];
    let html = result(
        Lang::Zh,
        &ResultView {
            certificates: &withdrawn,
            as_of: as_of(),
        },
    );
    assert!(html.contains("<title>查到1本证书：已撤销"));
    let (status, number) = (
        html.find("<h2>已撤销</h2>").unwrap(),
        html.find("J000044000001203000123").unwrap(),
    );
    assert!(
        status < number
            && html[status..number].contains("2021年2月3日")
            && html[status..number].contains("理由")
    );
    assert!(!html.contains("技能提升补贴") && !html.contains("<h2>有效</h2>"));
    assert!(html.contains("不在评价机构目录内") && html.contains("尚未报送"));

    let valid = [certificate(
        "职业",
        Status::Valid,
        National::Acknowledged(day),
    )];
    let html = result(
        Lang::Zh,
        &ResultView {
            certificates: &valid,
            as_of: as_of(),
        },
    );
    assert!(
        html.contains("<title>查到1本证书：有效")
            && html.contains("技能提升补贴")
            && html.contains("全国可查")
    );
    assert!(html.contains("2026年11月24日 10:00（北京时间）"));
}

#[test]
fn the_way_to_the_national_look_up_shows_where_it_stands() {
    let day = Date::constant(2021, 2, 3);
    for (national, classes, last) in [
        (
            National::NotReported,
            ["is-done", "is-done", "is-open", "is-open"],
            None,
        ),
        (
            National::Reported(day),
            ["is-done", "is-done", "is-done", "is-open"],
            None,
        ),
        (National::Acknowledged(day), ["is-done"; 4], Some(day)),
        (
            National::Refused(day),
            ["is-done", "is-done", "is-done", "is-refused"],
            Some(day),
        ),
    ] {
        let steps = timeline(Lang::Zh, &certificate("职业", Status::Valid, national));
        assert_eq!(steps.each_ref().map(Step::class), classes, "{national:?}");
        assert_eq!(steps[0].on, Some(Date::constant(2020, 11, 20)));
        assert_eq!(steps[3].on, last, "{national:?}");
    }
    let refused = timeline(
        Lang::Zh,
        &certificate("", Status::Valid, National::Refused(day)),
    );
    assert_eq!(
        refused.map(|step| step.title),
        ["审核", "发布", "已报送", "被退回"]
    );
}

#[test]
fn several_certificates_have_a_summary_first() {
    let day = Date::constant(2021, 2, 3);
    let two = [
        certificate("甲", Status::Valid, National::NotReported),
        certificate("乙", Status::Withdrawn { on: day }, National::NotReported),
    ];
    let page = |certificates| {
        let as_of = as_of();
        result(
            Lang::Zh,
            &ResultView {
                certificates,
                as_of,
            },
        )
    };
    let html = page(&two);
    let summary = html.find("class=\"summary\"").unwrap();
    assert!(summary < html.find("<article").unwrap());
    for link in ["certificate-1", "certificate-2"] {
        assert!(html.contains(&format!("href=\"#{link}\"")), "{link}");
        assert_eq!(html.matches(&format!("id=\"{link}\"")).count(), 1, "{link}");
    }
    assert!(!page(&two[..1]).contains("class=\"summary\""));
}

#[test]
fn a_miss_follows_from_the_number_alone() {
    let known = AskedInstitution::Known {
        name: "某某技师学院",
        latest_review_on: Some(Date::constant(2026, 11, 20)),
    };
    let html = miss(Lang::Zh, &miss_view("020-1234567", known));
    for text in [
        "信息不一致或未查到",
        "某某技师学院",
        "2026年11月20日",
        "tel:0201234567",
        "zscx.osta.org.cn",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let html = miss(Lang::Zh, &miss_view("转106", AskedInstitution::NotAsked));
    assert!(!html.contains("前13位") && !html.contains("tel:"));
}

#[test]
fn an_outage_says_what_it_does_not_mean() {
    let html = outage(Lang::Zh, &typed("张三"));
    assert!(html.contains("暂时无法查询，不代表证书无效") && html.contains("value=\"张三\""));
    assert!(
        outage(Lang::En, &Typed::default())
            .contains("does not mean that the certificate is invalid")
    );
}

#[test]
fn an_outage_of_another_page_leads_back_to_it_and_asks_nothing() {
    for path in ["/institutions", "/statistics"] {
        let html = absent(Lang::En, path);
        let current = format!("<a href=\"{path}?lang=en\" aria-current=\"page\">");
        let again = format!("<a class=\"button primary\" href=\"{path}?lang=en\">");
        let language = format!("href=\"{path}?lang=zh\"");
        for part in [&current, &again, &language] {
            assert_eq!(html.matches(part.as_str()).count(), 1, "{part}");
        }
        assert!(!html.contains("<form"));
    }
}

#[test]
fn a_refusal_stands_beside_its_field_and_keeps_what_was_typed() {
    let typed = Typed {
        certificate_number: "J0000",
        name: "张三",
        id_type: "17",
        id_number: "",
    };
    let refusal = Refusal {
        code: "number_malformed",
        field: Some("certificate_number"),
        detail: "位数不对",
    };
    let view = HomeView {
        typed,
        refusal: Some(refusal),
        as_of: None,
    };
    let html = home(Lang::Zh, &view);
    assert!(html.contains("id=\"certificate_number-problem\" aria-live=\"polite\">位数不对</p>"));
    assert!(html.contains("value=\"J0000\"") && html.contains("value=\"张三\""));
    assert!(html.contains("<option value=\"17\" selected>"));
    assert_eq!(html.matches("aria-invalid=\"true\" autofocus").count(), 1);
    assert!(home(Lang::En, &view).contains("5 were entered"));
}

/// The vectors that `tests/browser/judgement.test.mjs` puts to `lookup.js`.
#[test]
fn the_script_in_the_page_and_the_server_judge_alike() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/browser/vectors.json")).unwrap();
    let rows = |table: &str| vectors[table].as_array().unwrap().clone();
    for row in rows("numbers") {
        let text = row["text"].as_str().unwrap();
        let accepted = certificate::CertificateNumber::parse_query(text).is_ok();
        assert_eq!(row["accepted"], accepted, "{text}");
    }
    for row in rows("identities") {
        let kind = certificate::IdentityType::parse(row["type"].as_str().unwrap()).unwrap();
        let text = row["text"].as_str().unwrap();
        let accepted = certificate::IdentityNumber::parse(kind, text).is_ok();
        assert_eq!(row["accepted"], accepted, "{text}");
    }
    for row in rows("names") {
        let text = row["text"].as_str().unwrap();
        assert_eq!(
            row["accepted"],
            certificate::HolderName::parse(text).is_ok(),
            "{text}"
        );
    }
}
