//! `certq verify` over TLS: a server that the system trusts is asked, another one is told nothing.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Desk, KEY, expect, expect_parts};

/// Makes an authority and a certificate of it for `localhost`, as files in the folder.
fn issue(folder: &Path) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
    };
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(&format!(
        "{new} -keyout ca.key -out ca.pem -subj /CN=authority"
    ));
    let name = "-subj /CN=localhost -addext subjectAltName=DNS:localhost";
    let ours = "-CA ca.pem -CAkey ca.key -addext basicConstraints=critical,CA:FALSE";
    openssl(&format!(
        "{new} {ours} -keyout server.key -out server.pem {name}"
    ));
}

/// A server that finishes handshakes and refuses every request; gives its address and how many
/// requests it was sent.
fn serve(folder: &Path) -> (String, Arc<AtomicUsize>) {
    let chain = vec![CertificateDer::from_pem_file(folder.join("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, stream.unwrap());
            // A client that does not trust us goes during the handshake.
            if read_request(&mut stream) {
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = b"HTTP/1.1 404 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(answer).unwrap();
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
        }
    });
    (url, heard)
}

/// Reads a request to its end, so that closing does not take the answer away from its sender; false
/// when there is none.
fn read_request(stream: &mut impl Read) -> bool {
    let mut heard = Vec::new();
    loop {
        let mut block = [0; 16 * 1024];
        match stream.read(&mut block) {
            Ok(count @ 1..) => heard.extend_from_slice(&block[..count]),
            _ => return !heard.is_empty(),
        }
        let text = String::from_utf8_lossy(&heard).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.split_once("content-length: ").map_or("0", |it| it.1);
        let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
        if body.len() >= length {
            return true;
        }
    }
}

#[test]
fn only_a_server_that_the_system_trusts_is_asked() {
    let desk = Desk::new();
    issue(desk.folder.path());
    let (url, heard) = serve(desk.folder.path());
    let list = desk.list("a.csv", "证书编号,姓名\nx,张三\n");
    let run = |authorities: &str, url: &str| {
        let mut command = desk.command(&list, url, &[]);
        command.env("CERTQ_API_KEY", KEY);
        command.env("SSL_CERT_FILE", authorities).output().unwrap()
    };
    let elsewhere = tempfile::tempdir().unwrap();
    issue(elsewhere.path());
    let another = elsewhere.path().join("ca.pem");
    for (authorities, url) in [
        (another.to_str().unwrap(), url.clone()),
        // The right authority and another name.
        ("ca.pem", url.replace("localhost", "127.0.0.1")),
    ] {
        expect_parts(&run(authorities, &url), 74, &["加密连接没有建立"]);
        assert_eq!(heard.load(Ordering::SeqCst), 0, "sent to a stranger");
    }
    let said = expect(&run("ca.pem", &url), 64);
    assert!(said.contains("HTTP 404"), "{said}");
    assert_eq!(heard.load(Ordering::SeqCst), 1);
}
