//! The commands beside the server: `keys` for its operator, `verify` for an employer.
//!
//! They are given what they need of the process, the time and the environment, and say how they
//! end; only `main` ends anything. [`Failure`] has the exit codes of the contract.

pub mod keys;
pub mod verify;

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use crate::log::in_one_line;

/// Why a command ends without having done its work. `Display` is one line that says what to do.
#[derive(Debug)]
pub struct Failure {
    /// What the process ends with.
    pub exit: Exit,
    /// What is said on stderr.
    pub message: String,
}

/// Exit codes of failures, the same for every command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Refused, nothing changed: the command is right, and what is there says no.
    Refused,
    /// Wrong usage or configuration.
    Usage,
    /// Bad input, nothing changed.
    Input,
    /// The system refused to read or write.
    Io,
    /// Somebody else is at it.
    Busy,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Refused => 2,
            Self::Usage => 64,
            Self::Input => 65,
            Self::Io => 74,
            Self::Busy => 75,
        }
    }

    /// A failure with an error and its causes as the message.
    pub fn because(self, error: &(dyn Error + 'static)) -> Failure {
        self.saying(in_one_line(error))
    }

    /// A failure with this message.
    pub fn saying(self, message: impl Into<String>) -> Failure {
        Failure {
            exit: self,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Prints what was asked for. `println` would panic when stdout is closed or full.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
