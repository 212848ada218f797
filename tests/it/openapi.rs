//! The description of the interface against the program: the same paths, the same codes.

use std::collections::BTreeSet;

use certificate::holder::NameError;
use certificate::identity::IdentityError;
use certificate::number::NumberError;
use certq::endpoint::openapi::DESCRIPTION;
use certq::refusal::{JsonFault, Refusal};
use certq::route::{self, Route};
use hyper::Method;

/// Method and path under which a route is described; the admin listener's and the assets are not
/// part of the interface. A new route does not compile until it has its line here.
fn described(route: Route) -> Option<(Method, &'static str)> {
    match route {
        Route::Home => Some((Method::GET, "/")),
        Route::Form => Some((Method::POST, "/")),
        Route::Lookup => Some((Method::POST, "/v1/lookup")),
        Route::Bulk => Some((Method::POST, "/v1/bulk")),
        Route::BulkPreview => Some((Method::POST, "/v1/bulk/preview")),
        Route::BulkPage => Some((Method::GET, "/bulk")),
        Route::BulkForm => Some((Method::POST, "/bulk")),
        Route::BulkTemplate => Some((Method::GET, "/bulk/template.xlsx")),
        Route::Institutions => Some((Method::GET, "/institutions")),
        Route::InstitutionsData => Some((Method::GET, "/v1/institutions")),
        Route::Statistics => Some((Method::GET, "/statistics")),
        Route::StatisticsData => Some((Method::GET, "/v1/statistics")),
        Route::StatusPage => Some((Method::GET, "/status")),
        Route::Status => Some((Method::GET, "/v1/status")),
        Route::About => Some((Method::GET, "/about")),
        Route::OpenApi => Some((Method::GET, "/openapi.yaml")),
        Route::Asset | Route::Livez | Route::Readyz | Route::Metrics => None,
    }
}

const ROUTES: [Route; 20] = [
    Route::Home,
    Route::Form,
    Route::Lookup,
    Route::Bulk,
    Route::BulkPreview,
    Route::BulkPage,
    Route::BulkForm,
    Route::BulkTemplate,
    Route::Institutions,
    Route::InstitutionsData,
    Route::Statistics,
    Route::StatisticsData,
    Route::StatusPage,
    Route::Status,
    Route::About,
    Route::OpenApi,
    Route::Asset,
    Route::Livez,
    Route::Readyz,
    Route::Metrics,
];

/// The lines below `key:` that are indented deeper than it.
fn section<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| line.trim_end() != key);
    let depth = indent(lines.next().unwrap());
    lines
        .take_while(|line| line.is_empty() || indent(line) > depth)
        .collect()
}

#[test]
fn paths_are_those_of_the_route_table() {
    let mut found = BTreeSet::new();
    let mut path = "";
    for line in section(DESCRIPTION, "paths:") {
        match line.strip_prefix("  ") {
            Some(key) if key.starts_with('/') => path = key.strip_suffix(':').unwrap(),
            Some("  get:") => drop(found.insert((Method::GET.to_string(), path))),
            Some("  post:") => drop(found.insert((Method::POST.to_string(), path))),
            _ => {}
        }
    }
    assert_eq!(ROUTES.len() + 1, Route::NAMES.len());
    let expected: BTreeSet<_> = ROUTES
        .into_iter()
        .filter_map(|route| {
            let (method, path) = described(route)?;
            assert_eq!(route::public(&method, path), Ok(route));
            Some((method.to_string(), path))
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn codes_are_those_of_the_refusals() {
    let problem = section(DESCRIPTION, "    Problem:").join("\n");
    let listed: BTreeSet<&str> = section(&problem, "        code:")
        .iter()
        .filter_map(|line| line.trim_start().strip_prefix("- "))
        .collect();
    assert_eq!(listed, BTreeSet::from(Refusal::CODES));
}

/// One refusal of each code, as its example shows it.
const REFUSALS: [Refusal; 24] = [
    Refusal::MalformedJson(JsonFault::NotAString("name")),
    Refusal::TwoFactorsRequired,
    Refusal::Number(NumberError::Length { characters: 21 }),
    Refusal::IdentityType,
    Refusal::Identity(IdentityError::CheckFailed),
    Refusal::Name(NameError::Character { position: 2 }),
    Refusal::EpochInFuture,
    Refusal::EpochNotReached,
    Refusal::KeyUnknown,
    Refusal::RateLimited { retry_after_s: 1 },
    Refusal::QuotaExceeded { retry_after_s: 1 },
    Refusal::TooManyRows { limit_rows: 20 },
    Refusal::FileUnreadable,
    Refusal::Encoding,
    Refusal::ColumnMissing,
    Refusal::FileTooLarge,
    Refusal::Overloaded,
    Refusal::NotFound,
    Refusal::MethodNotAllowed { allow: "POST" },
    Refusal::BodyTooSlow,
    Refusal::BodyTooLarge { limit_bytes: 4096 },
    Refusal::MediaType {
        needed: "application/json",
    },
    Refusal::CannotAnswer,
    Refusal::Internal,
];

#[test]
fn every_code_has_its_example() {
    for refusal in REFUSALS {
        let status = refusal.status();
        let field = refusal.field().unwrap_or("null");
        let example = [
            format!("title: {}", status.canonical_reason().unwrap()),
            format!("status: {}", status.as_u16()),
            format!("code: {}", refusal.code()),
            format!("detail: {}", refusal.detail()),
            format!("field: {field}"),
        ];
        let lines: Vec<&str> = DESCRIPTION.lines().map(str::trim).collect();
        assert!(
            lines.windows(5).any(|lines| lines == example),
            "{example:?}"
        );
    }
    let codes: BTreeSet<&str> = REFUSALS.iter().map(|refusal| refusal.code()).collect();
    assert_eq!(codes, BTreeSet::from(Refusal::CODES));
}
