//! The configuration as it is written: every key of every section, nothing required, nothing
//! judged but the type.

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::ConfigError;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) store: Option<Store>,
    pub(super) keys: Option<Keys>,
    pub(super) public: Option<Public>,
    pub(super) admin: Option<Admin>,
    pub(super) exchange: Option<Exchange>,
    pub(super) bulk: Option<Bulk>,
    pub(super) limits: Option<Limits>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    pub(super) path: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) cache_dir: Option<String>,
    pub(super) poll_interval_ms: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    #[serde(default, deserialize_with = "one_or_many")]
    pub(super) lookup: Option<Vec<String>>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(super) publishers: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Public {
    #[serde(default, deserialize_with = "one_or_many")]
    pub(super) listen: Option<Vec<String>>,
    pub(super) tls_certificate: Option<String>,
    pub(super) tls_key: Option<String>,
    pub(super) trusted_proxies: Option<Vec<String>>,
    pub(super) threads: Option<i64>,
    pub(super) name_and_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) listen: Option<String>,
}

/// Read so that its keys are checked; the release that serves it reads the values.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "an [exchange] section is refused whole, after its keys are checked"
)]
pub(super) struct Exchange {
    listen: Option<String>,
    tls_certificate: Option<String>,
    tls_key: Option<String>,
    client_ca: Option<String>,
    crl: Option<String>,
    feed_key: Option<String>,
    state_dir: Option<String>,
    clients: Option<Vec<Client>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "part of [exchange]")]
pub(super) struct Client {
    name: String,
    san: String,
    spki_sha256: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bulk {
    pub(super) keys_file: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) enabled: Option<bool>,
    pub(super) replicas: Option<i64>,
}

impl Raw {
    /// Reads the text of the file.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.as_bytes()[..start].iter();
            ConfigError::Text {
                line: before.filter(|byte| **byte == b'\n').count() + 1,
                message: error.message().lines().collect::<Vec<_>>().join("; "),
            }
        })
    }

    /// Replaces scalar keys by the variables `CERTQ_SECTION_KEY` that are set.
    pub(super) fn override_by(
        &mut self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        let set = Variables { variable };
        set.text("CERTQ_STORE_PATH", &mut self.store, |store| &mut store.path);
        set.text("CERTQ_STORE_CHANNEL", &mut self.store, |store| {
            &mut store.channel
        });
        set.text("CERTQ_STORE_CACHE_DIR", &mut self.store, |store| {
            &mut store.cache_dir
        });
        set.number("CERTQ_STORE_POLL_INTERVAL_MS", &mut self.store, |store| {
            &mut store.poll_interval_ms
        })?;
        set.text("CERTQ_PUBLIC_TLS_CERTIFICATE", &mut self.public, |public| {
            &mut public.tls_certificate
        });
        set.text("CERTQ_PUBLIC_TLS_KEY", &mut self.public, |public| {
            &mut public.tls_key
        });
        set.number("CERTQ_PUBLIC_THREADS", &mut self.public, |public| {
            &mut public.threads
        })?;
        set.text("CERTQ_PUBLIC_NAME_AND_ID", &mut self.public, |public| {
            &mut public.name_and_id
        });
        set.text("CERTQ_ADMIN_LISTEN", &mut self.admin, |admin| {
            &mut admin.listen
        });
        set.exchange(&mut self.exchange);
        set.text("CERTQ_BULK_KEYS_FILE", &mut self.bulk, |bulk| {
            &mut bulk.keys_file
        });
        set.truth("CERTQ_LIMITS_ENABLED", &mut self.limits, |limits| {
            &mut limits.enabled
        })?;
        set.number("CERTQ_LIMITS_REPLICAS", &mut self.limits, |limits| {
            &mut limits.replicas
        })
    }
}

/// Sets keys from the environment; a section that the file lacks is made only for a variable
/// that is set.
struct Variables<F> {
    variable: F,
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// The scalar keys of [exchange].
    fn exchange(&self, section: &mut Option<Exchange>) {
        self.text("CERTQ_EXCHANGE_LISTEN", section, |own| &mut own.listen);
        self.text("CERTQ_EXCHANGE_TLS_CERTIFICATE", section, |own| {
            &mut own.tls_certificate
        });
        self.text("CERTQ_EXCHANGE_TLS_KEY", section, |own| &mut own.tls_key);
        self.text("CERTQ_EXCHANGE_CLIENT_CA", section, |own| {
            &mut own.client_ca
        });
        self.text("CERTQ_EXCHANGE_CRL", section, |own| &mut own.crl);
        self.text("CERTQ_EXCHANGE_FEED_KEY", section, |own| &mut own.feed_key);
        self.text("CERTQ_EXCHANGE_STATE_DIR", section, |own| {
            &mut own.state_dir
        });
    }

    fn text<S: Default>(
        &self,
        name: &'static str,
        section: &mut Option<S>,
        key: fn(&mut S) -> &mut Option<String>,
    ) {
        if let Some(value) = (self.variable)(name) {
            *key(section.get_or_insert_default()) = Some(value);
        }
    }

    fn number<S: Default>(
        &self,
        name: &'static str,
        section: &mut Option<S>,
        key: fn(&mut S) -> &mut Option<i64>,
    ) -> Result<(), ConfigError> {
        if let Some(value) = (self.variable)(name) {
            let number = value.parse().map_err(|_| ConfigError::Variable {
                name,
                allowed: "a whole number",
            })?;
            *key(section.get_or_insert_default()) = Some(number);
        }
        Ok(())
    }

    fn truth<S: Default>(
        &self,
        name: &'static str,
        section: &mut Option<S>,
        key: fn(&mut S) -> &mut Option<bool>,
    ) -> Result<(), ConfigError> {
        if let Some(value) = (self.variable)(name) {
            let truth = value.parse().map_err(|_| ConfigError::Variable {
                name,
                allowed: "true or false",
            })?;
            *key(section.get_or_insert_default()) = Some(truth);
        }
        Ok(())
    }
}

/// A string is a list of one.
fn one_or_many<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Vec<String>>, D::Error> {
    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string or a list of strings")
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![text.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut texts = Vec::new();
            while let Some(text) = list.next_element()? {
                texts.push(text);
            }
            Ok(texts)
        }
    }

    value.deserialize_any(OneOrMany).map(Some)
}
