//! What a request says beside its body.

use super::*;

fn head(headers: &[(&str, &str)], uri: &str) -> Parts {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn a_panic_is_an_internal_error() {
    let reply = unless_it_panics(|| panic!("the name that was asked"));
    assert_eq!(
        (reply.status.as_u16(), reply.outcome),
        (500, "internal_error")
    );
}

#[test]
fn media_types() {
    for (content_type, accepted) in [
        ("application/json", true),
        ("Application/JSON; charset=UTF-8", true),
        ("application/json;charset=\"utf-8\"", true),
        ("application/json; charset=gb18030", false),
        ("application/json-seq", false),
        ("text/plain", false),
        ("", false),
    ] {
        let head = head(&[("content-type", content_type)], "/");
        assert_eq!(
            of_type(&head, JSON, Ok(Bytes::new())).is_ok(),
            accepted,
            "{content_type}"
        );
    }
    let compressed = [("content-type", JSON), ("content-encoding", "gzip")];
    let refused = of_type(&head(&compressed, "/"), JSON, Ok(Bytes::new()));
    assert_eq!(refused, Err(Refusal::MediaType { needed: JSON }));
    assert!(of_type(&head(&[], "/"), JSON, Ok(Bytes::new())).is_err());
    let too_slow = of_type(&head(&[], "/"), JSON, Err(Refusal::BodyTooSlow));
    assert_eq!(too_slow, Err(Refusal::BodyTooSlow));
}

#[test]
fn the_parameter_goes_before_the_header() {
    for (uri, accepted, english) in [
        ("/", "", false),
        ("/", "en", true),
        ("/?lang=en", "zh-CN", true),
        ("/?lang=zh", "en", false),
        ("/?a=b&lang=en", "", true),
        ("/?lang=fr", "en", true),
        ("/?xlang=en", "", false),
    ] {
        let lang = language(&head(&[("accept-language", accepted)], uri));
        assert_eq!(lang == Lang::En, english, "{uri} {accepted}");
    }
}
