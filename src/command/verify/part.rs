//! Answers that are here already, kept beside the list, so that a second run goes on where the
//! first one stopped, also when its output goes elsewhere.
//!
//! One JSON object a line: first what it belongs to and when it began, then the answers of one
//! request each. A line that a killed run left unfinished is dropped. No line holds anything of
//! the list: only what the register says, by place. Certificates are withdrawn meanwhile, so
//! answers serve for a day only.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::{self, Offset};
use serde::{Deserialize, Serialize};
use snapshot::Digest;

use super::answers::{self, Answer};
use crate::command::{Exit, Failure};

/// What stands in the name of the file, after that of what it lies beside.
const SUFFIX: &str = "-核验进度.part";

/// How long answers serve, from the beginning of the run that asked first.
const SERVES_SECONDS: u64 = 24 * 60 * 60;

/// Asia/Shanghai, in which the answers' own times are as well.
const SHANGHAI: Offset = tz::offset(8);

/// What the answers belong to: the first line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Binding {
    /// Of the file as it was read.
    pub(super) input_sha256: Digest,
    /// Who answered.
    pub(super) server: String,
    /// When the first of them was asked for, in seconds since 1970.
    pub(super) began: i64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Rows before these.
    from: usize,
    answers: Vec<Answer>,
}

/// What an earlier run left for this list and server.
#[derive(Default)]
struct Earlier {
    began: i64,
    /// Bytes that are whole lines.
    good: u64,
    answers: Vec<Answer>,
}

/// The file, and what is in it.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: File,
    /// What must stay as it is for a run to go on, for people.
    stays: &'static str,
    /// What became of the answers of an earlier run, for people.
    pub(super) told: Option<String>,
    pub(super) answers: Vec<Answer>,
}

impl Part {
    /// Opens the file or makes it: beside the list, or beside the output when the list's folder
    /// takes none. What belongs to another list or server, or is too old, is given up.
    ///
    /// # Errors
    ///
    /// When the system refuses, or another run is at it.
    pub(super) fn open(list: &Path, output: &Path, binding: &Binding) -> Result<Self, Failure> {
        let (mut path, mut stays) = (beside(list), "名单和服务器不变，--out可以不同");
        let mut opened = open(&path);
        if matches!(&opened, Err(error) if takes_no_file(error.kind())) {
            (path, stays) = (beside(output), "名单、服务器和--out不变");
            opened = open(&path);
        }
        let failed = |error: io::Error| failure(&path, &error);
        let mut file = opened.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(&path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let mut earlier = read(&bytes, binding);
        let told = earlier.judge(binding.began);
        file.set_len(earlier.good).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut part = Self {
            path,
            file,
            stays,
            told,
            answers: earlier.answers,
        };
        if earlier.good == 0 {
            part.write(binding)?;
        }
        Ok(part)
    }

    /// Keeps the answers of a request.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(super) fn append(&mut self, answers: Vec<Answer>) -> Result<(), Failure> {
        let from = self.answers.len();
        let line = Line { from, answers };
        self.write(&line)?;
        self.answers.extend(line.answers);
        Ok(())
    }

    /// Where the answers are and how to go on, after a run that did not come to its end.
    pub(super) fn kept(&self) -> String {
        format!(
            "已核验的部分保存在{}，一天之内再次运行即可继续（{}）",
            self.path.display(),
            self.stays
        )
    }

    /// It has served.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(super) fn remove(self) -> Result<(), Failure> {
        let removed = std::fs::remove_file(&self.path);
        removed.map_err(|error| failure(&self.path, &error))
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_vec(line).expect("texts and numbers are JSON");
        text.push(b'\n');
        let written = self.file.write_all(&text);
        written.map_err(|error| failure(&self.path, &error))
    }
}

impl Binding {
    /// Whether both are of the same list and the same server.
    fn is_of(&self, other: &Self) -> bool {
        (self.input_sha256, &self.server) == (other.input_sha256, &other.server)
    }
}

impl Earlier {
    /// Gives up answers that are too old; tells what became of them. A clock that was set back
    /// makes them no younger.
    fn judge(&mut self, now: i64) -> Option<String> {
        let is_too_old = now.abs_diff(self.began) > SERVES_SECONDS;
        let (rows, began) = (self.answers.len(), minute(self.began));
        if is_too_old {
            *self = Self::default();
        }
        (rows > 0).then(|| match is_too_old {
            true => format!("前{rows}行是{began}开始核验的，已超过一天，不再使用；从头核验"),
            false => format!("接着核验：前{rows}行是{began}开始核验的"),
        })
    }
}

/// For people. A second that no calendar has, in a file that somebody changed, is told as it is.
fn minute(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(
        |_| second.to_string(),
        |at| {
            SHANGHAI
                .to_datetime(at)
                .strftime("%Y-%m-%d %H:%M")
                .to_string()
        },
    )
}

/// The file that is kept beside another one.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(SUFFIX);
    path.with_file_name(name)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600).open(path)
}

/// Whether a folder cannot have a new file: it is somebody else's, a read-only medium, or one
/// like /dev/fd.
fn takes_no_file(why: ErrorKind) -> bool {
    matches!(
        why,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound
    )
}

/// What there is for this list and server, as far as it is whole.
fn read(bytes: &[u8], binding: &Binding) -> Earlier {
    let mut earlier = Earlier::default();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else {
            break;
        };
        if earlier.good == 0 {
            match serde_json::from_slice::<Binding>(text) {
                Ok(found) if found.is_of(binding) => earlier.began = found.began,
                _ => break,
            }
        } else {
            match serde_json::from_slice::<Line>(text) {
                Ok(line) if line.from == earlier.answers.len() && are_read(&line.answers) => {
                    earlier.answers.extend(line.answers);
                }
                _ => break,
            }
        }
        earlier.good += line.len() as u64;
    }
    earlier
}

/// Whether these are answers as they are read from a server.
fn are_read(answers: &[Answer]) -> bool {
    answers
        .iter()
        .all(|answer| answers::result(answer).is_some())
}

fn busy(path: &Path) -> Failure {
    Exit::Busy.saying(format!(
        "{}：另一个certq正在核验同一文件；请等它结束",
        path.display()
    ))
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    Exit::Io.saying(format!("无法写入{}：{error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(list: &[u8], second: i64) -> Binding {
        Binding {
            input_sha256: Digest::of(list),
            server: "http://127.0.0.1:1".to_owned(),
            began: 1_795_500_000 + second,
        }
    }

    /// Beside a list that need not be there.
    fn open_at(folder: &Path, list: &[u8], second: i64) -> Result<Part, Failure> {
        let (beside, output) = (folder.join("a"), Path::new("/missing/out.csv"));
        Part::open(&beside, output, &binding(list, second))
    }

    fn open(folder: &Path, list: &[u8]) -> Result<Part, Failure> {
        open_at(folder, list, 0)
    }

    fn answer(remark: &str) -> Answer {
        let mut answer = Answer::default();
        "一致有效".clone_into(&mut answer[0]);
        remark.clone_into(&mut answer[2]);
        answer
    }

    #[test]
    fn every_cut_gives_whole_requests_and_can_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = open(folder.path(), b"a").unwrap();
        part.append(vec![answer("1"), answer("2")]).unwrap();
        part.append(vec![answer("3")]).unwrap();
        let path = part.path.clone();
        drop(part);
        let whole = std::fs::read(&path).unwrap();
        let ends: Vec<usize> = (1..=whole.len())
            .filter(|end| whole[end - 1] == b'\n')
            .collect();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut part = open(folder.path(), b"a").unwrap();
            let lines = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(part.answers.len(), [0, 0, 2, 3][lines], "cut at {cut}");
            part.append(vec![answer("new")]).unwrap();
            let expected = part.answers.clone();
            drop(part);
            let again = open(folder.path(), b"a").unwrap();
            assert_eq!(again.answers, expected, "cut at {cut}");
        }
    }

    #[test]
    fn what_belongs_to_another_list_is_given_up_and_two_runs_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = open(folder.path(), b"a").unwrap();
        part.append(vec![answer("1")]).unwrap();
        let busy = open(folder.path(), b"a").unwrap_err();
        assert_eq!(busy.exit, Exit::Busy);
        drop(part);
        let other = open(folder.path(), b"b").unwrap();
        assert_eq!((other.answers.len(), &other.told), (0, &None));
        drop(other);
        let first = open(folder.path(), b"a").unwrap();
        assert!(first.answers.is_empty());
        let path = first.path.clone();
        first.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn answers_serve_for_a_day_from_the_first_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let day = 24 * 60 * 60;
        let mut part = open(folder.path(), b"a").unwrap();
        part.append(vec![answer("1"), answer("2")]).unwrap();
        drop(part);
        for later in [60, day] {
            let mut part = open_at(folder.path(), b"a", later).unwrap();
            let rows = part.answers.len();
            let told = format!("接着核验：前{rows}行是2026-11-24 14:00开始核验的");
            assert_eq!(part.told, Some(told));
            part.append(vec![answer("more")]).unwrap();
        }
        // A clock that is a day slow says as little of their age.
        for (now, rows) in [(day + 1, 4), (0, 1)] {
            let mut part = open_at(folder.path(), b"a", now).unwrap();
            assert!(part.answers.is_empty());
            let told = part.told.clone().unwrap();
            assert!(told.starts_with(&format!("前{rows}行是")), "{told}");
            assert!(told.contains("已超过一天"), "{told}");
            part.append(vec![answer("anew")]).unwrap();
            drop(part);
            assert_eq!(open_at(folder.path(), b"a", now).unwrap().answers.len(), 1);
        }
    }

    #[test]
    fn where_no_file_can_be_made_it_lies_beside_the_output() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.csv");
        // Not even root makes files in these.
        for list in ["/proc/self/fd/0", "/sys/a.csv", "/missing/a.csv"] {
            let part = Part::open(Path::new(list), &output, &binding(b"a", 0)).unwrap();
            assert_eq!(part.path, beside(&output), "{list}");
            assert!(part.kept().contains("和--out不变"), "{}", part.kept());
            part.remove().unwrap();
        }
        let list = folder.path().join("a.csv");
        let part = Part::open(&list, &output, &binding(b"a", 0)).unwrap();
        assert_eq!(part.path, beside(&list));
        assert!(part.kept().contains("--out可以不同"), "{}", part.kept());
        let nowhere = Path::new("/missing/out.csv");
        let refused = Part::open(Path::new("/missing/a.csv"), nowhere, &binding(b"a", 0));
        assert_eq!(refused.unwrap_err().exit, Exit::Io);
    }
}
