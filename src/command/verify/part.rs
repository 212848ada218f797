//! Answers that are here already, kept beside the list, so that a second run goes on where the
//! first one stopped, also when its output goes elsewhere.
//!
//! One JSON object a line: first what it belongs to, then the answers of one request each. A line
//! that a killed run left unfinished is dropped. No line holds anything of the list: only what
//! the register says, by place.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use snapshot::Digest;

use super::answers::{self, Answer};
use crate::command::{Exit, Failure};

/// What stands in the name of the file, after that of the list.
const SUFFIX: &str = "-核验进度.part";

/// What the answers belong to.
#[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Binding {
    /// Of the file as it was read.
    pub(super) input_sha256: Digest,
    /// Who answered.
    pub(super) server: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Rows before these.
    from: usize,
    answers: Vec<Answer>,
}

/// The file, and what is in it.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: File,
    pub(super) answers: Vec<Answer>,
}

impl Part {
    /// Where the answers to a list are kept.
    pub(super) fn beside(list: &Path) -> PathBuf {
        let mut name = list.file_name().unwrap_or_default().to_owned();
        name.push(SUFFIX);
        list.with_file_name(name)
    }

    /// Opens the file or makes it. What belongs to another list or server is given up.
    ///
    /// # Errors
    ///
    /// When the system refuses, or another run is at it.
    pub(super) fn open(path: PathBuf, binding: &Binding) -> Result<Self, Failure> {
        let failed = |error: io::Error| failure(&path, &error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(&path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let (good, answers) = read(&bytes, binding);
        file.set_len(good).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut part = Self {
            path,
            file,
            answers,
        };
        if good == 0 {
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

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
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

/// How many bytes are good, and what they say.
fn read(bytes: &[u8], binding: &Binding) -> (u64, Vec<Answer>) {
    let mut answers: Vec<Answer> = Vec::new();
    let mut good = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else {
            break;
        };
        if good == 0 {
            if serde_json::from_slice::<Binding>(text).ok().as_ref() != Some(binding) {
                break;
            }
        } else {
            match serde_json::from_slice::<Line>(text) {
                Ok(line) if line.from == answers.len() && are_read(&line.answers) => {
                    answers.extend(line.answers);
                }
                _ => break,
            }
        }
        good += line.len() as u64;
    }
    (good, answers)
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

    fn binding(list: &[u8]) -> Binding {
        Binding {
            input_sha256: Digest::of(list),
            server: "http://127.0.0.1:1".to_owned(),
        }
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
        let path = folder.path().join("a.part");
        let mut part = Part::open(path.clone(), &binding(b"a")).unwrap();
        part.append(vec![answer("1"), answer("2")]).unwrap();
        part.append(vec![answer("3")]).unwrap();
        drop(part);
        let whole = std::fs::read(&path).unwrap();
        let ends: Vec<usize> = (1..=whole.len())
            .filter(|end| whole[end - 1] == b'\n')
            .collect();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut part = Part::open(path.clone(), &binding(b"a")).unwrap();
            let lines = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(part.answers.len(), [0, 0, 2, 3][lines], "cut at {cut}");
            part.append(vec![answer("new")]).unwrap();
            let expected = part.answers.clone();
            drop(part);
            let again = Part::open(path.clone(), &binding(b"a")).unwrap();
            assert_eq!(again.answers, expected, "cut at {cut}");
        }
    }

    #[test]
    fn what_belongs_to_another_list_is_given_up_and_two_runs_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.part");
        let mut part = Part::open(path.clone(), &binding(b"a")).unwrap();
        part.append(vec![answer("1")]).unwrap();
        let busy = Part::open(path.clone(), &binding(b"a")).unwrap_err();
        assert_eq!(busy.exit, Exit::Busy);
        drop(part);
        let other = Part::open(path.clone(), &binding(b"b")).unwrap();
        assert!(other.answers.is_empty());
        drop(other);
        let first = Part::open(path.clone(), &binding(b"a")).unwrap();
        assert!(first.answers.is_empty());
        first.remove().unwrap();
        assert!(!path.exists());
    }
}
