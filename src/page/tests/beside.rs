//! The pages beside the search: catalogue, statistics, status, about.

use super::*;

fn institution(text: &str, in_catalogue: bool) -> Institution<'_> {
    Institution {
        code: text,
        name: text,
        city: "440100",
        kind: text,
        top_level: '2',
        filed_on: Date::constant(2020, 4, 1),
        in_catalogue,
        removed_on: Some(Date::constant(2023, 5, 6)),
        removal_reason: text,
        certificates: 12_345,
        latest_review_on: None,
    }
}

/// The pages beside the search.
pub(super) fn every_page(lang: Lang, text: &str) -> Vec<(&'static str, String)> {
    let holdings = Holdings {
        certificates: 5,
        withdrawn: 1,
        coverage: &[Covered {
            code: text,
            name: text,
            certificates: 1,
            latest_review_on: Date::constant(2021, 2, 3),
        }],
        as_of: as_of(),
    };
    let state = |holdings| StatusView {
        holdings,
        refresh_failed: true,
        old: true,
    };
    let office = Office {
        name: text,
        phone: text,
        address: text,
    };
    let offices = [LocalOffice {
        division: "440100",
        office,
    }];
    let about_view = |offices| AboutView {
        offices,
        as_of: Some(as_of()),
    };
    vec![
        ("institutions", institutions(lang, &catalogue(text))),
        ("statistics", statistics(lang, &numbers(text))),
        ("status", status(lang, &state(Some(holdings)))),
        ("status in an outage", status(lang, &state(None))),
        ("about", about(lang, &about_view(&offices))),
        ("about in an outage", about(lang, &about_view(&[]))),
    ]
}

fn catalogue(text: &str) -> InstitutionsView<'_> {
    let institutions = [institution(text, true), institution(text, false)];
    InstitutionsView {
        institutions: Box::leak(Box::new(institutions)),
        listed: 1,
        removed: 1,
        cities: &["440100", "440300"],
        search: Search {
            words: text,
            city: "440300",
            listing: Some(Listing::Removed),
        },
        as_of: as_of(),
    }
}

fn numbers(text: &str) -> StatisticsView<'_> {
    let counted = |key| Counted {
        key,
        certificates: 1234,
        withdrawn: 56,
    };
    let occupation = Key::Occupation {
        code: text,
        name: text,
    };
    let occupations = [counted(occupation), counted(Key::OtherOccupations(3))];
    let levels = [counted(Key::Level('3')), counted(Key::Level('T'))];
    StatisticsView {
        certificates: 1234,
        withdrawn: 56,
        reported: 0,
        acknowledged: 0,
        cities: Box::leak(Box::new([counted(Key::City("440100"))])),
        occupations: Box::leak(Box::new(occupations)),
        levels: Box::leak(Box::new(levels)),
        years: Box::leak(Box::new([counted(Key::Year(2020))])),
        as_of: as_of(),
    }
}

#[test]
fn a_search_of_the_catalogue_lasts_and_is_put_back() {
    let html = institutions(Lang::Zh, &catalogue("示例 &学院"));
    assert!(html.contains("value=\"示例 &#38;学院\""));
    assert!(html.contains("<option value=\"440300\" selected>深圳市"));
    assert!(html.contains("<option value=\"removed\" selected>"));
    // The link to the other language carries it, encoded, so that no sign of it ends the address.
    let words = "%E7%A4%BA%E4%BE%8B+%26%E5%AD%A6%E9%99%A2";
    let kept = format!("/institutions?lang=en&#38;q={words}&#38;city=440300&#38;state=removed\"");
    assert!(html.contains(&kept));
    assert!(html.contains("符合条件的机构："));
}

#[test]
fn statistics_show_every_number_twice_and_say_what_is_not_known() {
    let html = statistics(Lang::Zh, &numbers("养老护理员"));
    assert_eq!(html.matches("role=\"img\"").count(), 4);
    assert_eq!(html.matches("<rect").count(), 6);
    // Twice in the figures or charts and tables: six lines, and once as the total.
    assert_eq!(html.matches("1,234<").count(), 13);
    assert!(html.contains("尚未向全国联网查询系统报送数据") && html.contains("其余3个职业"));
    let reported = StatisticsView {
        reported: 7,
        ..numbers("养老护理员")
    };
    assert!(!statistics(Lang::Zh, &reported).contains("尚未向全国联网查询系统报送数据"));
}

#[test]
fn status_is_neutral_and_says_only_what_is_so() {
    let view = StatusView {
        holdings: None,
        refresh_failed: true,
        old: false,
    };
    let html = status(Lang::Zh, &view);
    assert!(html.contains("暂时无法查询") && !html.contains("可以查询"));
    assert!(!html.contains("更新数据未成功") && !html.contains("超过一天"));
    let html = status(Lang::Zh, &StatusView { old: true, ..view });
    assert!(html.contains("超过一天"));
}
