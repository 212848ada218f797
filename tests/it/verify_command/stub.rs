//! A server that answers lists as told: rightly, not at all, or only in part.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What to do with a request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Answer every row.
    Answer,
    /// Answer so many rows, and say of the others that the quota is used up.
    Limit(usize),
    /// Refuse: status, `Retry-After`, code, detail.
    Refuse(u16, Option<u64>, &'static str, &'static str),
    /// Send so many bytes of the answer and close.
    Cut(usize),
    /// Leave out the last row, in an answer that is well formed.
    LoseARow,
    /// Swap the first two rows.
    Swap,
    /// Close without a word.
    Close,
    /// Say nothing and keep the connection.
    Hang,
    /// Send elsewhere.
    Redirect(String),
}

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) at: Instant,
    pub(super) head: String,
    /// The rows, without the header.
    pub(super) rows: Vec<Vec<String>>,
    pub(super) columns: Vec<String>,
}

/// A running stub; it ends with the test's process.
pub(super) struct Stub {
    pub(super) url: String,
    acts: Arc<Mutex<VecDeque<Act>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// Does these things in turn, and answers rightly when there are no more.
    pub(super) fn doing(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stub = Self {
            url,
            acts: Arc::new(Mutex::new(acts.into_iter().collect())),
            asked: Arc::default(),
        };
        let (acts, asked) = (Arc::clone(&stub.acts), Arc::clone(&stub.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (acts, asked) = (Arc::clone(&acts), Arc::clone(&asked));
                std::thread::spawn(move || serve(stream.unwrap(), &acts, &asked));
            }
        });
        stub
    }

    /// Whether everything that was to be done is done.
    pub(super) fn is_done(&self) -> bool {
        self.acts.lock().unwrap().is_empty()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, acts: &Mutex<VecDeque<Act>>, heard: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(asked) = read(&mut reader) {
        heard.lock().unwrap().push(asked.clone());
        let act = acts.lock().unwrap().pop_front().unwrap_or(Act::Answer);
        if !perform(&mut stream, &asked, act) {
            // The client may have gone first.
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// One request; `None` at the end of the connection.
fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then_some(value)
        })
        .unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let mut csv = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(body.as_slice());
    let text = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
    Some(Asked {
        at: Instant::now(),
        columns: text(csv.headers().unwrap()),
        rows: csv.records().map(|row| text(&row.unwrap())).collect(),
        head,
    })
}

/// Does it; `false` when the connection is to be closed.
fn perform(stream: &mut TcpStream, asked: &Asked, act: Act) -> bool {
    let rows = &asked.rows;
    match act {
        Act::Answer => send(stream, &answer(asked, rows, rows.len()), None),
        Act::Limit(most) => send(stream, &answer(asked, rows, most), None),
        Act::Cut(bytes) => send(stream, &answer(asked, rows, rows.len()), Some(bytes)),
        Act::LoseARow => send(stream, &answer(asked, &rows[1..], rows.len()), None),
        Act::Swap => {
            let mut swapped = rows.clone();
            swapped.swap(0, 1);
            send(stream, &answer(asked, &swapped, rows.len()), None)
        }
        Act::Refuse(status, after, code, detail) => {
            let body = format!(r#"{{"status":{status},"code":"{code}","detail":"{detail}"}}"#);
            let after = after.map_or_else(String::new, |s| format!("retry-after: {s}\r\n"));
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: application/problem+json\r\n{after}\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes()).is_ok()
        }
        Act::Redirect(to) => {
            let head = format!("HTTP/1.1 307 x\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).is_ok()
        }
        Act::Close => false,
        Act::Hang => {
            std::thread::sleep(Duration::from_secs(600));
            false
        }
    }
}

/// Sends an answer in chunks, as the real server does, or only so many bytes of it.
fn send(stream: &mut TcpStream, body: &[u8], cut: Option<usize>) -> bool {
    let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\n\
        transfer-encoding: chunked\r\n\r\n"
        .to_vec();
    for chunk in body.chunks(10_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let whole = cut.is_none();
    bytes.truncate(cut.unwrap_or(bytes.len()));
    stream.write_all(&bytes).is_ok() && whole
}

/// What a row comes to follows from its name, so that a test knows it.
fn answer(asked: &Asked, rows: &[Vec<String>], answered: usize) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().from_writer("\u{feff}".as_bytes().to_vec());
    let head = asked.columns.iter().map(String::as_str);
    writer.write_record(head.chain(super::APPENDED)).unwrap();
    for (place, row) in rows.iter().enumerate() {
        let [result, code] = if place >= answered {
            ["暂时无法核验", "quota_exceeded"]
        } else {
            match row[1].as_str() {
                "撤" => ["一致但已撤销", "match"],
                "无" => ["信息不一致或未查到", "no_match"],
                "错" => ["格式错误", "name_malformed"],
                _ => ["一致有效", "match"],
            }
        };
        let remark = format!("答{}", row[0]);
        let answer = [
            result,
            code,
            &remark,
            "",
            "",
            "",
            "",
            "",
            "",
            "2026-11-24 10:00",
        ];
        let cells = row.iter().take(asked.columns.len()).map(String::as_str);
        writer.write_record(cells.chain(answer)).unwrap();
    }
    writer.into_inner().unwrap()
}
