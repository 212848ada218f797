//! The configuration file: TOML in, finished values out, once, at start.
//!
//! A wrong value ends the start with one line that names the key and what is allowed. Every
//! section of the contract is read, and what this release cannot do yet is refused or warned
//! about, never ignored in silence. The environment comes in as a function, so nothing here
//! depends on the process.
//!
//! Order: finished values, reading, finishing; the file as written is in `raw`.

mod raw;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use snapshot::Channel;

use crate::client::Network;
use crate::quota::Budgets;
use raw::{Bulk, Limits, Raw};

/// Everything the server is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// The store's directory.
    pub store: PathBuf,
    /// Which channel of it is followed.
    pub channel: Channel,
    /// The private cache, made when missing.
    pub cache: PathBuf,
    /// Time between two looks at the channel.
    pub poll_interval: Duration,
    /// Files of look-up keys, one or two.
    pub lookup_keys: Vec<PathBuf>,
    /// Files of publishers' public keys, one or more.
    pub publisher_keys: Vec<PathBuf>,
    /// The public listeners, one or more.
    pub public: Vec<SocketAddr>,
    /// The admin listener.
    pub admin: SocketAddr,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Threads that answer; 0 is one per core.
    pub threads: usize,
    /// Whether name and identity number alone are a question.
    pub holder_search: bool,
    /// The file of API keys, with [bulk].
    pub api_keys: Option<PathBuf>,
    /// How budgets are applied.
    pub budgets: Budgets,
    /// What the operator should know, one line each.
    pub warnings: Vec<String>,
}

/// Why a configuration is none. `Display` is one line that says what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// The file is no TOML, or has an unknown key, or a value of the wrong type.
    #[error("line {line}: {message}")]
    Text {
        /// From 1.
        line: usize,
        /// What the parser says, in one line.
        message: String,
    },
    /// A value is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A value is not one of those allowed.
    #[error("{key} = {found}: {allowed}")]
    Value {
        /// The key, with its section.
        key: &'static str,
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A variable of the environment has a value of the wrong type.
    #[error("environment variable {name}: {allowed}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it may hold.
        allowed: &'static str,
    },
    /// Something that this release does not do.
    #[error("{0} is not in this release; remove it")]
    NotInThisRelease(&'static str),
    /// No limits, and reachable from elsewhere.
    #[error(
        "limits.enabled = false with public listener {0}: without limits only loopback addresses \
         may be listened on; set limits.enabled = true"
    )]
    UnlimitedAndPublic(SocketAddr),
}

impl Config {
    /// Reads `text`; relative paths are relative to `directory`, and `variable` gives the value
    /// of an environment variable.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, see [`ConfigError`].
    pub fn parse(
        text: &str,
        directory: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut raw = Raw::parse(text)?;
        raw.override_by(variable)?;
        refuse_what_is_to_come(&raw)?;
        finish(raw, directory)
    }
}

/// What later releases do and this one must not pretend to.
fn refuse_what_is_to_come(raw: &Raw) -> Result<(), ConfigError> {
    if raw.exchange.is_some() {
        return Err(ConfigError::NotInThisRelease("[exchange]"));
    }
    let Some(public) = &raw.public else {
        return Ok(());
    };
    if public.tls_certificate.is_some() {
        return Err(ConfigError::NotInThisRelease("public.tls_certificate"));
    }
    if public.tls_key.is_some() {
        return Err(ConfigError::NotInThisRelease("public.tls_key"));
    }
    if public.name_and_id.as_deref() == Some("challenge") {
        return Err(ConfigError::NotInThisRelease(
            "public.name_and_id = \"challenge\"",
        ));
    }
    Ok(())
}

fn finish(raw: Raw, directory: &Path) -> Result<Config, ConfigError> {
    let store = raw.store.ok_or(ConfigError::Missing("section [store]"))?;
    let keys = raw.keys.ok_or(ConfigError::Missing("section [keys]"))?;
    let public = raw.public.ok_or(ConfigError::Missing(
        "section [public] (one of [public] and [exchange] is needed)",
    ))?;
    let budgets = budgets(&raw.limits.unwrap_or_default())?;
    let listen = public
        .listen
        .unwrap_or_else(|| vec!["127.0.0.1:8080".to_owned()]);
    let listen = addresses("public.listen", &listen)?;
    if !budgets.enabled
        && let Some(open) = listen.iter().find(|address| !address.ip().is_loopback())
    {
        return Err(ConfigError::UnlimitedAndPublic(*open));
    }
    let admin = raw
        .admin
        .unwrap_or_default()
        .listen
        .unwrap_or_else(|| "127.0.0.1:9090".to_owned());
    let in_directory = |paths: Vec<String>| paths.iter().map(|path| directory.join(path)).collect();
    Ok(Config {
        store: directory.join(store.path.ok_or(ConfigError::Missing("store.path"))?),
        channel: channel(store.channel.as_deref().unwrap_or("stable"))?,
        cache: directory.join(store.cache_dir.unwrap_or_else(|| "cache".to_owned())),
        poll_interval: poll_interval(store.poll_interval_ms.unwrap_or(1000))?,
        lookup_keys: in_directory(one_or_two(keys.lookup)?),
        publisher_keys: in_directory(at_least_one(keys.publishers)?),
        public: listen,
        admin: address("admin.listen", &admin)?,
        trusted_proxies: networks(&public.trusted_proxies.unwrap_or_default())?,
        threads: threads(public.threads.unwrap_or(0))?,
        holder_search: holder_search(public.name_and_id.as_deref().unwrap_or("open"))?,
        api_keys: raw.bulk.map(|bulk| directory.join(keys_file(bulk))),
        warnings: warnings(budgets),
        budgets,
    })
}

fn warnings(budgets: Budgets) -> Vec<String> {
    let mut warnings = Vec::new();
    if budgets.enabled {
        let replicas = budgets.replicas;
        warnings.push(format!(
            "limits.enabled = true (replicas = {replicas}): only API keys have limits; other \
             budgets are not enforced in this release; limit requests in front of this server"
        ));
    }
    warnings
}

fn keys_file(bulk: Bulk) -> String {
    bulk.keys_file
        .unwrap_or_else(|| "keys/api-keys.json".to_owned())
}

fn channel(name: &str) -> Result<Channel, ConfigError> {
    Channel::parse(name).ok_or_else(|| ConfigError::Value {
        key: "store.channel",
        found: format!("{name:?}"),
        allowed: "1 to 64 lower-case letters, digits and hyphens",
    })
}

fn networks(texts: &[String]) -> Result<Vec<Network>, ConfigError> {
    let network = |text: &String| {
        Network::parse(text).ok_or_else(|| ConfigError::Value {
            key: "public.trusted_proxies",
            found: format!("{text:?}"),
            allowed: "addresses or networks without host bits, such as 10.0.0.0/8",
        })
    };
    texts.iter().map(network).collect()
}

fn poll_interval(ms: i64) -> Result<Duration, ConfigError> {
    let allowed = "a whole number of milliseconds from 50 to 3600000";
    ranged("store.poll_interval_ms", ms, 50, 3_600_000, allowed).map(Duration::from_millis)
}

fn threads(number: i64) -> Result<usize, ConfigError> {
    let allowed = "a whole number from 0 (one per core) to 1024";
    let threads = ranged("public.threads", number, 0, 1024, allowed)?;
    Ok(usize::try_from(threads).expect("at most 1024"))
}

fn budgets(limits: &Limits) -> Result<Budgets, ConfigError> {
    let allowed = "a whole number from 1 to 1000";
    let replicas = limits.replicas.unwrap_or(1);
    let replicas = ranged("limits.replicas", replicas, 1, 1000, allowed)?;
    Ok(Budgets {
        enabled: limits.enabled.unwrap_or(true),
        replicas: u32::try_from(replicas).expect("at most 1000"),
    })
}

fn ranged(
    key: &'static str,
    number: i64,
    least: u64,
    most: u64,
    allowed: &'static str,
) -> Result<u64, ConfigError> {
    match u64::try_from(number) {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(ConfigError::Value {
            key,
            found: number.to_string(),
            allowed,
        }),
    }
}

fn holder_search(mode: &str) -> Result<bool, ConfigError> {
    match mode {
        "open" => Ok(true),
        "off" => Ok(false),
        other => Err(ConfigError::Value {
            key: "public.name_and_id",
            found: format!("{other:?}"),
            allowed: "\"open\" or \"off\"",
        }),
    }
}

fn addresses(key: &'static str, texts: &[String]) -> Result<Vec<SocketAddr>, ConfigError> {
    if texts.is_empty() {
        let allowed = "at least one address and port";
        return Err(ConfigError::Value {
            key,
            found: "[]".to_owned(),
            allowed,
        });
    }
    texts.iter().map(|text| address(key, text)).collect()
}

fn address(key: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    let allowed = "an address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    text.parse().map_err(|_| ConfigError::Value {
        key,
        found: format!("{text:?}"),
        allowed,
    })
}

fn one_or_two(keys: Option<Vec<String>>) -> Result<Vec<String>, ConfigError> {
    let keys = keys.ok_or(ConfigError::Missing("keys.lookup (needed with [public])"))?;
    if (1..=2).contains(&keys.len()) {
        return Ok(keys);
    }
    let allowed = "one key file, or two while keys are rotated";
    Err(ConfigError::Value {
        key: "keys.lookup",
        found: format!("{} files", keys.len()),
        allowed,
    })
}

fn at_least_one(keys: Option<Vec<String>>) -> Result<Vec<String>, ConfigError> {
    match keys.ok_or(ConfigError::Missing("keys.publishers"))? {
        keys if keys.is_empty() => Err(ConfigError::Value {
            key: "keys.publishers",
            found: "[]".to_owned(),
            allowed: "at least one key file",
        }),
        keys => Ok(keys),
    }
}

#[cfg(test)]
mod tests;
