//! Which files are read and which are damaged; two live keys and no more.

use super::*;

fn now() -> Timestamp {
    "2026-11-24T02:00:00Z".parse().unwrap()
}

fn parse(text: &str) -> Result<KeyFile, String> {
    KeyFile::parse(Path::new("k.json"), text.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn what_is_written_is_read_and_holds_no_key() {
    let mut file = KeyFile::empty();
    let key = file.create(" 甲（公司） ", 5, now()).unwrap();
    file.create("B", 6, now()).unwrap();
    file.revoke(&key.id, now()).unwrap();
    let bytes = file.to_bytes();
    let text = std::str::from_utf8(&bytes).unwrap();
    assert_eq!(parse(text), Ok(file.clone()));
    assert_eq!(file.keys()[0].name, "甲(公司)");
    assert!(!text.contains(key.secret.as_str()));
    assert!(!text.contains(&key.secret[key.secret.len() - 64..]));
}

#[test]
fn at_most_two_keys_of_a_name_work() {
    let mut file = KeyFile::empty();
    let first = file.create("甲公司", 1, now()).unwrap();
    let second = file.create("甲公司 ", 1, now()).unwrap();
    let refused = file.create("甲公司", 1, now()).err().unwrap().to_string();
    for part in [&first.id, &second.id, "certq keys revoke --id"] {
        assert!(refused.contains(part), "{refused}");
    }
    assert_eq!(file.revoke(&first.id, now()).unwrap(), Revoked::Now);
    assert_eq!(
        file.revoke(&first.id, now()).unwrap(),
        Revoked::Before(now())
    );
    file.create("甲公司", 1, now()).unwrap();
    assert!(matches!(
        file.revoke("00000000", now()),
        Err(ApiKeyError::UnknownId { .. })
    ));
}

#[test]
fn names_that_are_none() {
    let long = "长".repeat(65);
    for name in ["", "  ", "a\u{7}b", "a\nb\u{0}", long.as_str()] {
        assert!(
            matches!(
                KeyFile::empty().create(name, 1, now()),
                Err(ApiKeyError::Name { .. })
            ),
            "{name:?}"
        );
    }
    assert!(KeyFile::empty().create(&long[3..], 1, now()).is_ok());
}

#[test]
fn files_that_are_damaged() {
    let entry = |id: &str, name: &str, hash: &str, rows: u64| {
        format!(
            r#"{{"id":"{id}","name":"{name}","sha256":"{}","rows_per_day":{rows},
            "created_at":"2026-11-24T02:00:00Z","revoked_at":null}}"#,
            hash.repeat(64)
        )
    };
    let file = |format: u32, entries: &[String]| {
        format!(r#"{{"format":{format},"keys":[{}]}}"#, entries.join(","))
    };
    let good = entry("0123abcd", "a", "1", 1);
    assert!(parse(&file(1, std::slice::from_ref(&good))).is_ok());
    for (text, part) in [
        (file(2, std::slice::from_ref(&good)), "format 2"),
        (
            file(1, &[good.clone(), entry("0123abcd", "b", "2", 1)]),
            "key 2 is there twice",
        ),
        (
            file(1, &[good.clone(), entry("0123abce", "b", "1", 1)]),
            "key 2 is there twice",
        ),
        (
            file(1, &[entry("0123ABCD", "a", "1", 1)]),
            "key 1 has no id",
        ),
        (
            file(1, &[entry("0123abcd", " a", "1", 1)]),
            "key 1 has no name",
        ),
        (
            file(1, &[entry("0123abcd", "a", "1", 0)]),
            "key 1 has no rows",
        ),
        (file(1, &[entry("0123abcd", "a", "g", 1)]), "line 1, column"),
        (good.replace("\"name\"", "\"nome\""), "line 1, column"),
        (String::new(), "line 1, column 0"),
    ] {
        let told = parse(&text).unwrap_err();
        assert!(told.contains(part), "{told}");
        assert!(told.contains("put a good copy in its place"), "{told}");
    }
}
