//! What a client would rather have: `Accept` and `Accept-Language`.

/// How much a client wants something: larger is more, equal weights go by place in the header.
/// `None` when the header does not name it. Wildcards name nothing; the server has a default.
type Wish = Option<(u16, std::cmp::Reverse<usize>)>;

/// Whether `Accept` asks for `wanted` rather than for `instead`.
pub fn prefers_type(accept: &str, wanted: &str, instead: &str) -> bool {
    let wish = |media_type: &str| wish(accept, |found| found.eq_ignore_ascii_case(media_type));
    wish(wanted) > wish(instead)
}

/// Whether the item of `Accept` for this media type has a parameter of this value.
pub fn has_parameter(accept: &str, media_type: &str, name: &str, value: &str) -> bool {
    accept.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        parts
            .next()
            .is_some_and(|found| found.eq_ignore_ascii_case(media_type))
            && parts
                .filter_map(|parameter| parameter.split_once('='))
                .any(|(found, given)| {
                    found.eq_ignore_ascii_case(name)
                        && given.trim_matches('"').eq_ignore_ascii_case(value)
                })
    })
}

/// Whether `Accept-Language` asks for the language `wanted` (`en`, with any region) rather than
/// for `instead`.
pub fn prefers_language(accept: &str, wanted: &str, instead: &str) -> bool {
    let wish = |language: &str| {
        wish(accept, |found| {
            found
                .split('-')
                .next()
                .is_some_and(|primary| primary.eq_ignore_ascii_case(language))
        })
    };
    wish(wanted) > wish(instead)
}

fn wish(header: &str, is_it: impl Fn(&str) -> bool) -> Wish {
    let weighted = header.split(',').enumerate().filter_map(|(place, item)| {
        let mut parts = item.split(';').map(str::trim);
        let weight = if is_it(parts.next()?) {
            weight(parts)?
        } else {
            0
        };
        (weight > 0).then_some((weight, std::cmp::Reverse(place)))
    });
    weighted.max()
}

/// The `q` of an item in thousandths; 1000 without one, `None` for one that cannot be read.
fn weight<'a>(mut parameters: impl Iterator<Item = &'a str>) -> Option<u16> {
    let Some(q) = parameters.find_map(|it| it.strip_prefix("q=").or(it.strip_prefix("Q="))) else {
        return Some(1000);
    };
    let (whole, thousandths) = q.split_once('.').unwrap_or((q, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 1 || thousandths.len() > 3 || !digits(whole) || !digits(thousandths) {
        return None;
    }
    let weight =
        whole.parse::<u16>().ok()? * 1000 + format!("{thousandths:0<3}").parse::<u16>().ok()?;
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages() {
        for (accept, english) in [
            ("en", true),
            ("en-US,en;q=0.9", true),
            ("EN-gb, zh;q=0.9", true),
            ("en-US,en;q=0.9,zh-CN;q=0.8", true),
            ("zh-CN,zh;q=0.9,en;q=0.8", false),
            ("zh-CN,en", false),
            ("fr, en;q=0.1", true),
            ("fr", false),
            ("*", false),
            ("", false),
            ("en;q=0", false),
            ("en;q=2", false),
            ("en;q=0.5;q=1, zh;q=0.7", false),
            ("eng", false),
        ] {
            assert_eq!(prefers_language(accept, "en", "zh"), english, "{accept}");
        }
    }

    #[test]
    fn media_types() {
        for (accept, csv) in [
            ("text/csv", true),
            ("TEXT/CSV; charset=utf-8", true),
            ("text/csv, application/json;q=0.5", true),
            ("text/csv;q=0.4, application/json;q=0.5", false),
            ("application/json, text/csv", false),
            ("text/csv, application/json", true),
            ("text/html, */*", false),
            ("text/csvx", false),
            ("", false),
        ] {
            assert_eq!(
                prefers_type(accept, "text/csv", "application/json"),
                csv,
                "{accept}"
            );
        }
    }
}
