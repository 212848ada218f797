//! Why a whole file cannot be read: the file-level codes of CONTRACT 1.2.
//!
//! `Display` is the Chinese sentence for the person who delivered the file. It quotes nothing of
//! the content, not even a header: in a file without a header row that would be somebody's name.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SpreadsheetError {
    /// Neither UTF-8 nor GB18030, or a mixture of them.
    #[error(
        "文件编码有误（约第{offset_bytes}字节处）：既不是完整的UTF-8，也不是GB18030；请另存为“CSV UTF-8”"
    )]
    Encoding {
        /// Where the first byte is that cannot be read.
        offset_bytes: u64,
    },
    /// Columns that are needed are not there.
    #[error("缺少列：{}；请按表头名称补齐后重新报送", columns.join("、"))]
    ColumnMissing {
        /// Their names.
        columns: Vec<&'static str>,
    },
    /// Damaged, encrypted, or not what it says it is.
    #[error("{0}")]
    Unreadable(String),
    /// A limit that protects this program.
    #[error("{0}")]
    TooLarge(String),
    /// The system refused while reading.
    #[error("cannot read {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl SpreadsheetError {
    /// The stable code; `None` for what is no fault of the file.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Encoding { .. } => Some("encoding"),
            Self::ColumnMissing { .. } => Some("column_missing"),
            Self::Unreadable(_) => Some("file_unreadable"),
            Self::TooLarge(_) => Some("file_too_large"),
            Self::Io { .. } => None,
        }
    }

    /// The file is longer than it may be.
    pub fn file_too_large(most_bytes: u64) -> Self {
        Self::TooLarge(format!(
            "文件超过{}MiB；请分成几个文件报送",
            most_bytes / 1024 / 1024
        ))
    }

    /// A file that is not there or may not be read is the deliverer's business, not an I/O error.
    pub fn opening(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::Unreadable("文件不存在；请检查路径".to_owned()),
            io::ErrorKind::PermissionDenied => {
                Self::Unreadable("没有读取权限；请检查文件权限".to_owned())
            }
            _ => Self::Io { path, source },
        }
    }

    /// Adds to an `io::Error` what it forgets.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
