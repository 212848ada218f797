//! HTTP as hyper serves it when nothing is asked of it: no timers, no limits, no log. The floor
//! and the fronts of the databases share it, so that they differ in the look-up only.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use bytes::{Bytes, BytesMut};
use clap::Args;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::answered::Heads;
use crate::questions::{Method, Questions};

/// What every server here is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where to listen.
    #[arg(long)]
    pub listen: SocketAddr,
    /// The server whose head every answer has: it is asked the first question at the start.
    #[arg(long)]
    pub like: SocketAddr,
    /// The file of questions.
    #[arg(long)]
    pub questions: std::path::PathBuf,
    /// Write the answers to pipelined requests together.
    #[arg(long)]
    pub pipeline_flush: bool,
}

/// An answer as our server gives it.
#[derive(Clone)]
pub struct Answer {
    /// The fields of the head, without those that hyper writes itself.
    pub fields: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Asks a server the first question of a file.
///
/// # Errors
///
/// It does not answer, or not with a 200.
pub fn ask_first(server: SocketAddr, questions: &Path) -> io::Result<Answer> {
    let questions = Questions::read(questions, Method::Post, 1)?;
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(questions.request(0))?;
    let (heads, mut bytes) = (Heads::default(), Vec::new());
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part)?;
        bytes.extend_from_slice(&part[..read]);
        let strange = || io::Error::other("the server does not answer the first question");
        match heads.first(&bytes).map_err(|_| strange())? {
            Some(answer) if answer.ok => {
                return Ok(Answer {
                    fields: fields(answer.head),
                    body: Bytes::copy_from_slice(answer.body),
                });
            }
            None if read > 0 => {}
            _ => return Err(strange()),
        }
    }
}

/// The fields of a head but for the length and the date.
fn fields(head: &[u8]) -> HeaderMap {
    let head = String::from_utf8_lossy(head);
    let pairs = head.split("\r\n").filter_map(|line| line.split_once(": "));
    pairs
        .filter_map(|(name, value)| {
            let name = HeaderName::try_from(name).ok()?;
            Some((name, HeaderValue::try_from(value).ok()?))
        })
        .filter(|(name, _)| name != "content-length" && name != "date")
        .collect()
}

/// Answers until it is ended, on this thread: `look_up` makes the body of an answer from the body
/// of a question.
///
/// # Errors
///
/// The address cannot be had.
pub async fn run<L, F>(options: &Options, fields: HeaderMap, look_up: L) -> io::Result<()>
where
    L: Fn(Bytes) -> F + Clone + Send + 'static,
    F: Future<Output = Bytes> + Send,
{
    let listener = TcpListener::bind(options.listen).await?;
    let mut http = http1::Builder::new();
    http.pipeline_flush(options.pipeline_flush);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (fields, look_up) = (fields.clone(), look_up.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (fields, look_up) = (fields.clone(), look_up.clone());
            async move {
                let question = body(request.into_body()).await?;
                let mut response = Response::new(Full::new(look_up(question).await));
                *response.headers_mut() = fields;
                Ok::<_, hyper::Error>(response)
            }
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // The client went away; there will be another one.
            let _: Result<(), hyper::Error> = connection.await;
        });
    }
}

/// All of a body; without a copy when it comes in one piece, as a question does.
async fn body(mut incoming: Incoming) -> Result<Bytes, hyper::Error> {
    let mut whole = Bytes::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if whole.is_empty() {
            whole = data;
        } else {
            let mut longer = BytesMut::from(&whole[..]);
            longer.extend_from_slice(&data);
            whole = longer.freeze();
        }
    }
    Ok(whole)
}
