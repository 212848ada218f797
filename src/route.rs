//! Which endpoint answers: one `match` of method and path.
//!
//! It knows nothing of bodies, headers or queries. HEAD goes where GET goes; the server library
//! sends the head of the answer only.

use hyper::Method;

/// An endpoint. The public listener has all but the last three, which the admin listener has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Route {
    /// `GET /`: the form.
    Home,
    /// `POST /`: the form, filled in.
    Form,
    /// `POST /v1/lookup`.
    Lookup,
    /// `POST /v1/bulk`.
    Bulk,
    /// `POST /v1/bulk/preview`.
    BulkPreview,
    /// `GET /bulk`: the page for lists.
    BulkPage,
    /// `POST /bulk`: its form, for browsers without script.
    BulkForm,
    /// `GET /bulk/template.xlsx`: an empty list to be filled in.
    BulkTemplate,
    /// `GET /institutions`: the page.
    Institutions,
    /// `GET /v1/institutions`: JSON or CSV.
    InstitutionsData,
    /// `GET /statistics`: the page.
    Statistics,
    /// `GET /v1/statistics`: JSON or CSV.
    StatisticsData,
    /// `GET /status`: the page.
    StatusPage,
    /// `GET /v1/status`.
    Status,
    /// `GET /about`.
    About,
    /// `GET /openapi.yaml`.
    OpenApi,
    /// `GET /assets/…`.
    Asset,
    /// `GET /livez`.
    Livez,
    /// `GET /readyz`.
    Readyz,
    /// `GET /metrics`.
    Metrics,
}

/// Why no endpoint answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unrouted {
    /// There is nothing at this path.
    NotFound,
    /// There is, and it takes these methods only.
    Method {
        /// The value of `Allow`.
        allow: &'static str,
    },
}

const READ: &str = "GET, HEAD";

impl Route {
    /// Every route's [`name`](Self::name), and `none` for requests that reached no endpoint.
    pub const NAMES: [&str; 21] = [
        "home",
        "form",
        "lookup",
        "bulk",
        "bulk_preview",
        "bulk_page",
        "bulk_form",
        "bulk_template",
        "institutions",
        "institutions_data",
        "statistics",
        "statistics_data",
        "status_page",
        "status",
        "about",
        "openapi",
        "asset",
        "livez",
        "readyz",
        "metrics",
        "none",
    ];

    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// The endpoint of the public listener. The path is compared as it was sent: no decoding, no
/// trailing slashes, so that one page has one address.
///
/// # Errors
///
/// [`Unrouted`] when there is none.
pub fn public(method: &Method, path: &str) -> Result<Route, Unrouted> {
    let read = matches!(*method, Method::GET | Method::HEAD);
    let post = *method == Method::POST;
    match path {
        "/" if read => Ok(Route::Home),
        "/" if post => Ok(Route::Form),
        "/" => Err(Unrouted::Method {
            allow: "GET, HEAD, POST",
        }),
        "/v1/lookup" if post => Ok(Route::Lookup),
        "/v1/bulk" if post => Ok(Route::Bulk),
        "/v1/bulk/preview" if post => Ok(Route::BulkPreview),
        "/v1/lookup" | "/v1/bulk" | "/v1/bulk/preview" => Err(Unrouted::Method { allow: "POST" }),
        "/bulk" if post => Ok(Route::BulkForm),
        "/bulk" if read => Ok(Route::BulkPage),
        "/bulk" => Err(Unrouted::Method {
            allow: "GET, HEAD, POST",
        }),
        "/bulk/template.xlsx" => only(read, Route::BulkTemplate),
        "/institutions" => only(read, Route::Institutions),
        "/v1/institutions" => only(read, Route::InstitutionsData),
        "/statistics" => only(read, Route::Statistics),
        "/v1/statistics" => only(read, Route::StatisticsData),
        "/status" => only(read, Route::StatusPage),
        "/about" => only(read, Route::About),
        "/v1/status" => only(read, Route::Status),
        "/openapi.yaml" => only(read, Route::OpenApi),
        _ if path.starts_with("/assets/") => only(read, Route::Asset),
        _ => Err(Unrouted::NotFound),
    }
}

/// The endpoint of the admin listener.
///
/// # Errors
///
/// [`Unrouted`] when there is none.
pub fn admin(method: &Method, path: &str) -> Result<Route, Unrouted> {
    let read = matches!(*method, Method::GET | Method::HEAD);
    match path {
        "/livez" => only(read, Route::Livez),
        "/readyz" => only(read, Route::Readyz),
        "/metrics" => only(read, Route::Metrics),
        _ => Err(Unrouted::NotFound),
    }
}

fn only(read: bool, route: Route) -> Result<Route, Unrouted> {
    if read {
        Ok(route)
    } else {
        Err(Unrouted::Method { allow: READ })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Router = fn(&Method, &str) -> Result<Route, Unrouted>;

    #[test]
    fn the_table() {
        let no = Err(Unrouted::NotFound);
        let method = |allow| Err(Unrouted::Method { allow });
        let cases: [(Router, Method, &str, Result<Route, Unrouted>); 45] = [
            (public, Method::GET, "/", Ok(Route::Home)),
            (public, Method::HEAD, "/", Ok(Route::Home)),
            (public, Method::POST, "/", Ok(Route::Form)),
            (public, Method::PUT, "/", method("GET, HEAD, POST")),
            (public, Method::OPTIONS, "/", method("GET, HEAD, POST")),
            (public, Method::POST, "/v1/lookup", Ok(Route::Lookup)),
            (public, Method::GET, "/v1/lookup", method("POST")),
            (public, Method::POST, "/v1/bulk", Ok(Route::Bulk)),
            (public, Method::GET, "/v1/bulk", method("POST")),
            (
                public,
                Method::POST,
                "/v1/bulk/preview",
                Ok(Route::BulkPreview),
            ),
            (public, Method::GET, "/v1/bulk/preview", method("POST")),
            (public, Method::GET, "/bulk", Ok(Route::BulkPage)),
            (public, Method::POST, "/bulk", Ok(Route::BulkForm)),
            (public, Method::PUT, "/bulk", method("GET, HEAD, POST")),
            (
                public,
                Method::GET,
                "/bulk/template.xlsx",
                Ok(Route::BulkTemplate),
            ),
            (public, Method::POST, "/bulk/template.xlsx", method(READ)),
            (public, Method::GET, "/bulk/", no),
            (public, Method::HEAD, "/v1/lookup", method("POST")),
            (
                public,
                Method::GET,
                "/institutions",
                Ok(Route::Institutions),
            ),
            (public, Method::POST, "/institutions", method(READ)),
            (
                public,
                Method::GET,
                "/v1/institutions",
                Ok(Route::InstitutionsData),
            ),
            (public, Method::DELETE, "/v1/institutions", method(READ)),
            (public, Method::GET, "/v1/status", Ok(Route::Status)),
            (public, Method::GET, "/status", Ok(Route::StatusPage)),
            (public, Method::GET, "/statistics", Ok(Route::Statistics)),
            (
                public,
                Method::GET,
                "/v1/statistics",
                Ok(Route::StatisticsData),
            ),
            (public, Method::HEAD, "/about", Ok(Route::About)),
            (public, Method::POST, "/about", method(READ)),
            (public, Method::GET, "/openapi.yaml", Ok(Route::OpenApi)),
            (public, Method::GET, "/assets/page.0.css", Ok(Route::Asset)),
            (public, Method::POST, "/assets/page.0.css", method(READ)),
            (public, Method::GET, "/assets", no),
            (public, Method::GET, "/v1/lookup/", no),
            (public, Method::GET, "//", no),
            (public, Method::GET, "", no),
            (public, Method::GET, "/V1/status", no),
            (public, Method::GET, "/%76%31/status", no),
            (public, Method::GET, "/../etc/passwd", no),
            (public, Method::GET, "/livez", no),
            (public, Method::GET, "/readyz", no),
            (public, Method::GET, "/metrics", no),
            (admin, Method::GET, "/livez", Ok(Route::Livez)),
            (admin, Method::GET, "/readyz", Ok(Route::Readyz)),
            (admin, Method::POST, "/metrics", method(READ)),
            (admin, Method::GET, "/", no),
        ];
        for (router, verb, path, expected) in cases {
            assert_eq!(router(&verb, path), expected, "{verb} {path}");
        }
    }

    #[test]
    fn names_are_those_of_their_routes() {
        assert_eq!(Route::Home.name(), "home");
        assert_eq!(Route::Metrics.name(), "metrics");
        assert_eq!(Route::NAMES[Route::Metrics as usize + 1], "none");
    }
}
