//! The server that is asked: where it is, who asks, and one request to it.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::{Response, Uri, header};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use super::answers::{self, Answer};
use crate::command::{Exit, Failure};

/// Rows of a request without a key, and with one.
const ROWS_ANONYMOUS: usize = 20;
const ROWS_WITH_KEY: usize = 1_000;

/// Longer than the server takes for the largest request.
const PATIENCE: Duration = Duration::from_secs(150);
const CONNECTING: Duration = Duration::from_secs(15);

/// Longest answer that is read: a thousand rows have some 400 KiB.
const ANSWER_MOST: u64 = 64 << 20;
const PROBLEM_MOST: u64 = 64 << 10;

/// Bits of a mode that a key's file must not have.
const LOOSE: u32 = 0o037;

/// Longest key file that is read.
const KEY_MOST: u64 = 4096;

/// An API key, wiped when dropped.
pub(super) type Key = Zeroizing<String>;

/// A server that can be asked.
pub(super) struct Server {
    agent: Agent,
    /// Where lists are answered.
    endpoint: String,
    authorization: Option<Zeroizing<String>>,
}

/// Why a request was not answered.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It never will be.
    Refused(Failure),
    /// The server says when to ask again, or that it is busy.
    Later {
        after: Option<Duration>,
        why: String,
    },
    /// The connection failed, or ended before the answer was whole.
    Lost(String),
}

/// What a refusal says.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
}

impl Server {
    /// Judges the address; connects to nothing yet.
    ///
    /// # Errors
    ///
    /// When it is no address of a server, or would send people's data in the clear.
    pub(super) fn new(address: &str, key: Option<Key>) -> Result<Self, Failure> {
        let uri: Uri = address.parse().map_err(|_| no_address())?;
        let is_clear = match uri.scheme_str() {
            Some("https") => false,
            Some("http") => true,
            _ => return Err(no_address()),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(no_address)?;
        let has_user = uri.authority().is_some_and(|it| it.as_str().contains('@'));
        if uri.query().is_some() || has_user {
            return Err(no_address());
        }
        if is_clear && !is_loopback(host) {
            return Err(Exit::Usage.saying(
                "--server：http://只能用于本机；名单含个人信息，请使用https://开头的地址",
            ));
        }
        Ok(Self {
            agent: agent(is_clear),
            endpoint: format!("{}/v1/bulk", address.trim_end_matches('/')),
            authorization: key.map(|key| Zeroizing::new(format!("Bearer {}", *key))),
        })
    }

    /// Rows to send at once.
    pub(super) fn rows_at_once(&self) -> usize {
        match self.authorization {
            Some(_) => ROWS_WITH_KEY,
            None => ROWS_ANONYMOUS,
        }
    }

    /// Where lists are answered.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Sends one request and reads its whole answer.
    ///
    /// # Errors
    ///
    /// [`Trouble`].
    pub(super) fn ask(
        &self,
        body: &[u8],
        questions: &[Vec<String>],
    ) -> Result<Vec<Answer>, Trouble> {
        let mut request = self
            .agent
            .post(&self.endpoint)
            .header(header::CONTENT_TYPE, "text/csv; charset=utf-8")
            .header(header::ACCEPT, "text/csv");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization.as_str());
        }
        let mut response = request.send(body).map_err(lost)?;
        if response.status().as_u16() != 200 {
            return Err(self.judge(&mut response));
        }
        let answer = read(&mut response, ANSWER_MOST).map_err(lost)?;
        answers::read(&answer, questions)
            .ok_or_else(|| Trouble::Lost("服务器的回答与所问的行对不上".to_owned()))
    }

    /// What an answer that is none means.
    fn judge(&self, response: &mut Response<Body>) -> Trouble {
        let status = response.status().as_u16();
        let after = retry_after(response);
        let problem: Problem = read(response, PROBLEM_MOST)
            .ok()
            .and_then(|body| serde_json::from_slice(&body).ok())
            .unwrap_or_default();
        let why = match problem.detail.as_str() {
            "" => format!("服务器答复HTTP {status}"),
            detail => format!("{detail}（HTTP {status} {}）", problem.code),
        };
        match status {
            429 | 503 => Trouble::Later { after, why },
            // The list did not arrive in time, or the server is in trouble.
            408 | 500..=599 => Trouble::Lost(why),
            400 | 413 => Trouble::Refused(Exit::Input.saying(why)),
            401 | 403 => Trouble::Refused(
                Exit::Usage.saying(format!("{why}；请检查--key-file或CERTQ_API_KEY")),
            ),
            _ => Trouble::Refused(
                Exit::Usage.saying(format!("{why}；请检查--server：{}", self.endpoint)),
            ),
        }
    }
}

/// Finds the key: in the file, else in the variable. Never on the command line, where everybody
/// on the machine could read it.
///
/// # Errors
///
/// When the file cannot be read, or is open to others, or what is found is no key.
pub(super) fn find_key(
    file: Option<&Path>,
    variable: Option<String>,
) -> Result<Option<Key>, Failure> {
    let (place, text) = match (file, variable) {
        (Some(path), _) => (path.display().to_string(), read_key(path)?),
        (None, Some(text)) => ("CERTQ_API_KEY".to_owned(), Zeroizing::new(text)),
        (None, None) => return Ok(None),
    };
    let key = text.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Exit::Usage.saying(format!("{place}：里面不是API密钥")));
    }
    Ok(Some(Zeroizing::new(key.to_owned())))
}

fn read_key(path: &Path) -> Result<Key, Failure> {
    let named = |what: String| Exit::Usage.saying(format!("{}：{what}", path.display()));
    let failed = |error: std::io::Error| named(format!("无法读取密钥文件（{error}）"));
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & LOOSE != 0 {
        return Err(named(format!(
            "密钥文件的权限是{mode:04o}，别人也能读到；请先chmod 0600"
        )));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(KEY_MOST)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

fn agent(is_clear: bool) -> Agent {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        // A redirect could lead people's data anywhere.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("certq/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECTING))
        .timeout_global(Some(PATIENCE));
    if is_clear {
        // A proxy would see what must not leave this machine.
        config.proxy(None).build().new_agent()
    } else {
        config.build().new_agent()
    }
}

fn read(response: &mut Response<Body>, most: u64) -> Result<Vec<u8>, ureq::Error> {
    response.body_mut().with_config().limit(most).read_to_vec()
}

/// `Retry-After` in seconds; a date is not sent by our servers and not read here.
fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A certificate that is not trusted will not be trusted in a minute either.
fn lost(error: ureq::Error) -> Trouble {
    match error {
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
            Trouble::Refused(Exit::Io.saying(format!("与服务器的加密连接没有建立：{error}")))
        }
        ureq::Error::Io(error) if is_untrusted(&error) => {
            Trouble::Refused(Exit::Io.saying(format!("与服务器的加密连接没有建立：{error}")))
        }
        error => Trouble::Lost(format!("连接失败：{error}")),
    }
}

fn is_untrusted(error: &std::io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = literal.parse().ok();
    host.eq_ignore_ascii_case("localhost") || address.is_some_and(|ip| ip.is_loopback())
}

fn no_address() -> Failure {
    Exit::Usage.saying("--server：应为服务器的地址，例如https://certq.example.cn")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(address: &str) -> Result<String, Exit> {
        let server = Server::new(address, None);
        server.map(|it| it.endpoint).map_err(|failure| failure.exit)
    }

    #[test]
    fn people_s_data_go_nowhere_in_the_clear() {
        for (address, expected) in [
            ("https://a.example/", "https://a.example/v1/bulk"),
            (
                "https://a.example:8443/p",
                "https://a.example:8443/p/v1/bulk",
            ),
            ("http://127.0.0.1:1", "http://127.0.0.1:1/v1/bulk"),
            ("http://[::1]:1/", "http://[::1]:1/v1/bulk"),
            ("http://localhost", "http://localhost/v1/bulk"),
        ] {
            assert_eq!(endpoint(address).as_deref(), Ok(expected));
        }
        for address in [
            "http://a.example",
            "http://10.0.0.1",
            "http://0.0.0.0:1",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://127.0.0.1:1@a.example/",
            "ftp://127.0.0.1",
            "a.example",
            "https://",
            "https://a.example/?x=1",
            "https://u:p@a.example/",
            "",
        ] {
            assert_eq!(endpoint(address), Err(Exit::Usage), "{address}");
        }
    }

    #[test]
    fn a_key_comes_from_a_private_file_or_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, " certq_x \n").unwrap();
        let mode = |mode| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(&path, mode).unwrap();
        };
        let found = |file, variable: &str| {
            let variable = (!variable.is_empty()).then(|| variable.to_owned());
            find_key(file, variable).map(|key| key.map(|key| key.to_string()))
        };
        mode(0o600);
        assert_eq!(
            found(Some(&path), "other").unwrap().as_deref(),
            Some("certq_x")
        );
        assert_eq!(found(None, "other").unwrap().as_deref(), Some("other"));
        assert_eq!(found(None, "").unwrap(), None);
        mode(0o644);
        assert!(
            found(Some(&path), "")
                .unwrap_err()
                .message
                .contains("chmod 0600")
        );
        for wrong in [" ", "a b", "密钥"] {
            let message = found(None, wrong).unwrap_err().message;
            assert!(message.contains("CERTQ_API_KEY"), "{message}");
        }
    }
}
