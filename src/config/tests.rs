//! The configuration, case by case: what is read, what is refused and in which words.

use super::*;

const LEAST: &str = r#"
[store]
path = "store"
[keys]
lookup = "keys/lookup.key"
publishers = ["keys/publisher.pub"]
[public]
"#;

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variable = |name: &str| {
        variables
            .iter()
            .find(|variable| variable.0 == name)
            .map(|variable| variable.1.to_owned())
    };
    Config::parse(text, Path::new("/etc/certq"), variable).map_err(|error| error.to_string())
}

#[test]
fn the_least_file_has_the_defaults_of_the_contract() {
    let config = parse(LEAST, &[]).unwrap();
    assert_eq!(config.store, Path::new("/etc/certq/store"));
    assert_eq!(config.channel.as_str(), "stable");
    assert_eq!(config.cache, Path::new("/etc/certq/cache"));
    assert_eq!(config.poll_interval, Duration::from_secs(1));
    assert_eq!(
        config.lookup_keys,
        [Path::new("/etc/certq/keys/lookup.key")]
    );
    assert_eq!(
        config.publisher_keys,
        [Path::new("/etc/certq/keys/publisher.pub")]
    );
    assert_eq!(config.public, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(config.admin, "127.0.0.1:9090".parse().unwrap());
    assert_eq!((config.threads, config.holder_search), (0, true));
    assert_eq!(config.api_keys, None);
    let budgets = (config.budgets.enabled, config.budgets.replicas);
    assert_eq!(budgets, (true, 1));
    assert_eq!(config.warnings.len(), 1);
    assert!(
        config.warnings[0].contains("not enforced in this release"),
        "{:?}",
        config.warnings
    );
}

#[test]
fn every_key_is_read() {
    let config = parse(
        r#"
[store]
path = "/srv/store"
channel = "test"
cache_dir = "/var/cache/certq"
poll_interval_ms = 250
[keys]
lookup = ["a.key", "b.key"]
publishers = "p.pub"
[public]
listen = ["127.0.0.1:1", "[::1]:2"]
trusted_proxies = ["10.0.0.0/8"]
threads = 3
name_and_id = "off"
[admin]
listen = "127.0.0.1:3"
[bulk]
keys_file = "keys/api-keys.json"
[limits]
enabled = false
replicas = 2
"#,
        &[],
    )
    .unwrap();
    let paths = |names: &[&str]| {
        names
            .iter()
            .map(|name| Path::new("/etc/certq").join(name))
            .collect()
    };
    let expected = Config {
        store: "/srv/store".into(),
        channel: Channel::parse("test").unwrap(),
        cache: "/var/cache/certq".into(),
        poll_interval: Duration::from_millis(250),
        lookup_keys: paths(&["a.key", "b.key"]),
        publisher_keys: paths(&["p.pub"]),
        public: vec!["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()],
        admin: "127.0.0.1:3".parse().unwrap(),
        trusted_proxies: vec![Network::parse("10.0.0.0/8").unwrap()],
        threads: 3,
        holder_search: false,
        api_keys: Some(PathBuf::from("/etc/certq/keys/api-keys.json")),
        budgets: Budgets {
            enabled: false,
            replicas: 2,
        },
        warnings: Vec::new(),
    };
    assert_eq!(config, expected);
}

#[test]
fn variables_override_scalars_and_nothing_else() {
    let variables = [
        ("CERTQ_STORE_PATH", "elsewhere"),
        ("CERTQ_STORE_POLL_INTERVAL_MS", "2000"),
        ("CERTQ_PUBLIC_THREADS", "5"),
        ("CERTQ_PUBLIC_NAME_AND_ID", "off"),
        ("CERTQ_ADMIN_LISTEN", "127.0.0.1:7"),
        ("CERTQ_LIMITS_ENABLED", "false"),
        ("CERTQ_PUBLIC_LISTEN", "0.0.0.0:80"),
        ("CERTQ_UNHEARD_OF", "1"),
    ];
    let config = parse(LEAST, &variables).unwrap();
    assert_eq!(config.store, Path::new("/etc/certq/elsewhere"));
    assert_eq!(config.poll_interval, Duration::from_secs(2));
    assert_eq!((config.threads, config.holder_search), (5, false));
    assert_eq!(config.admin, "127.0.0.1:7".parse().unwrap());
    assert_eq!(config.public, ["127.0.0.1:8080".parse().unwrap()]);
    assert!(config.warnings.is_empty());
}

#[test]
fn what_is_refused_and_why() {
    let with = |more: &str| format!("{LEAST}{more}");
    let cases = [
        (
            "store = 1",
            "line 1: invalid type: integer `1`, expected struct Store",
        ),
        ("[store", "line 1: "),
        (
            &with("lisen = \"127.0.0.1:1\""),
            "line 8: unknown field `lisen`, expected one of `listen`",
        ),
        (
            &with("[pubic]"),
            "line 8: unknown field `pubic`, expected one of `store`, `keys`",
        ),
        (
            &with("listen = 8080"),
            "line 8: invalid type: integer `8080`, expected a string or a list",
        ),
        (
            &with("listen = []"),
            "public.listen = []: at least one address and port",
        ),
        (
            &with("listen = \"localhost\""),
            "public.listen = \"localhost\": an address and a port",
        ),
        (
            &with("threads = -1"),
            "public.threads = -1: a whole number from 0",
        ),
        (&with("threads = 1025"), "public.threads = 1025: "),
        (
            &with("name_and_id = \"maybe\""),
            "public.name_and_id = \"maybe\": \"open\" or \"off\"",
        ),
        (
            &with("name_and_id = \"challenge\""),
            "public.name_and_id = \"challenge\" is not in this release",
        ),
        (
            &with("tls_certificate = \"a\""),
            "public.tls_certificate is not in this release",
        ),
        (
            &with("tls_key = \"a\""),
            "public.tls_key is not in this release",
        ),
        (
            &with("[exchange]\nlisten = \"127.0.0.1:1\""),
            "[exchange] is not in this release",
        ),
        (
            &with("[exchange]\nclients = [{ nam = \"a\" }]"),
            "line 9: unknown field `nam`",
        ),
        (
            &with("[limits]\nreplicas = 0"),
            "limits.replicas = 0: a whole number from 1 to 1000",
        ),
        (
            &with("listen = \"0.0.0.0:1\"\n[limits]\nenabled = false"),
            "limits.enabled = false with public listener 0.0.0.0:1",
        ),
        ("[store]\npath = \"s\"", "section [keys] is missing"),
        ("[keys]\nlookup = \"k\"", "section [store] is missing"),
        (
            "[store]\n[keys]\nlookup = \"k\"\npublishers = \"p\"\n[public]",
            "store.path is missing",
        ),
        (
            "[store]\npath = \"s\"\n[keys]\npublishers = \"p\"",
            "section [public] (one of",
        ),
        (
            "[store]\npath = \"s\"\n[keys]\npublishers = \"p\"\n[public]",
            "keys.lookup (needed with",
        ),
        (
            "[store]\npath = \"s\"\n[keys]\nlookup = \"k\"\npublishers = []\n[public]",
            "keys.publishers = []: at least one key file",
        ),
        (
            "[store]\npath = \"s\"\npoll_interval_ms = 10\n[keys]\nlookup = \"k\"\npublishers = \"p\"\n[public]",
            "store.poll_interval_ms = 10: a whole number of milliseconds from 50",
        ),
        (
            "[store]\npath = \"s\"\nchannel = \"../x\"\n[keys]\nlookup = \"k\"\npublishers = \"p\"\n[public]",
            "store.channel = \"../x\": 1 to 64 lower-case letters",
        ),
        (
            "[store]\npath = \"s\"\n[keys]\nlookup = [\"1\", \"2\", \"3\"]\npublishers = \"p\"\n[public]",
            "keys.lookup = 3 files: one key file, or two",
        ),
    ];
    for (text, expected) in cases {
        let error = parse(text, &[]).unwrap_err();
        assert!(
            error.starts_with(expected),
            "{text}\n  {error}\n  {expected}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn variables_of_the_wrong_type_are_named() {
    let error = parse(LEAST, &[("CERTQ_PUBLIC_THREADS", "many")]).unwrap_err();
    assert_eq!(
        error,
        "environment variable CERTQ_PUBLIC_THREADS: a whole number"
    );
    let error = parse(LEAST, &[("CERTQ_LIMITS_ENABLED", "yes")]).unwrap_err();
    assert_eq!(
        error,
        "environment variable CERTQ_LIMITS_ENABLED: true or false"
    );
    let error = parse(LEAST, &[("CERTQ_EXCHANGE_LISTEN", "127.0.0.1:1")]).unwrap_err();
    assert_eq!(error, "[exchange] is not in this release; remove it");
}
