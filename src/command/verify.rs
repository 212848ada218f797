//! `verify`: an employer's list, checked against a server, without a browser.
//!
//! Only the columns that make a question are sent; the answers are joined to the original rows
//! here. A run that is stopped, by whatever, goes on where it was when the same command is given
//! again within a day. What people read is Chinese: they are employers, not operators.
//!
//! Order: what is told, the run; `list` is what is read, `server` one request, `asking` all of
//! them, `answers` what comes back, `part` what is kept meanwhile, `output` and `summary` what is
//! left in the end.

mod answers;
mod asking;
mod list;
mod output;
mod part;
mod progress;
mod server;
mod summary;

use std::io::{Write, stderr};
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::{Exit, Failure, print};
use list::List;
use output::Output;
use part::{Binding, Part};
use progress::Progress;
use server::Server;
use summary::Summary;

/// Chinese has no spaces where the lines of a doc comment are joined.
const LONG_ABOUT: &str = "\
批量核验名单（CSV或XLSX）/ Check a list of certificates against a server.

名单中的证书编号、姓名、证件号码会发送到服务器，其他列不会离开本机。\
结果写在名单旁边（文件名加“-核验结果”），原有各列不变，后面增加十列。\
中断后一天之内再次运行即可继续（名单和服务器不变），换了--out也不会重新核验。\
全部一致有效时退出码为0，否则为1。";

/// 批量核验名单（CSV或XLSX）/ Check a list of certificates against a server.
#[derive(Debug, Args)]
#[command(long_about = LONG_ABOUT)]
pub struct Verify {
    /// 名单 / The list: CSV (UTF-8, GB18030) or XLSX.
    file: PathBuf,
    /// 服务器地址 / The server, <https://…>; http:// only to this machine.
    #[arg(long, value_name = "URL")]
    server: String,
    /// API密钥文件 / A file with the API key, mode 0600; otherwise CERTQ_API_KEY. Without a key
    /// rows go twenty at a time.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// 结果文件 / Where the result goes, .csv or .xlsx.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// 以JSON输出汇总 / Print the summary as JSON.
    #[arg(long)]
    json: bool,
    /// 每一批最多尝试次数 / Tries for each request.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    tries: u32,
}

/// Checks the list; gives whether every certificate on it is valid. `key` is the value of
/// `CERTQ_API_KEY`.
///
/// # Errors
///
/// When the list, the server or the output cannot be used; what was answered before is kept.
pub fn run(verify: Verify, key: Option<String>, now: Timestamp) -> Result<bool, Failure> {
    let key = server::find_key(verify.key_file.as_deref(), key)?;
    let server = Server::new(&verify.server, key)?;
    let output = Output::of(&verify.file, verify.out)?;
    let list = List::read(&verify.file)?;
    let binding = Binding {
        input_sha256: list.sha256,
        server: server.endpoint().to_owned(),
        began: now.as_second(),
    };
    let mut part = Part::open(&verify.file, output.path(), &binding)?;
    tell_when_interrupted(part.kept())?;
    if let Some(told) = &part.told {
        tell(&format!("certq: {told}"));
    }

    let mut progress = Progress::new(list.rows.len());
    asking::ask_all(&list, &server, &mut part, &mut progress, verify.tries)?;
    drop(progress);
    output.write(&list, &part.answers)?;
    let summary = Summary::of(&part.answers);
    part.remove()?;
    let told = if verify.json {
        summary.json(&verify.file, output.path())
    } else {
        summary.line(output.path())
    };
    print(&told).map_err(|error| Exit::Io.because(&error))?;
    Ok(summary.is_all_valid())
}

/// Ctrl-C ends the program as always, and says that nothing is lost. What is kept is whole at any
/// time, so nothing has to be finished first.
fn tell_when_interrupted(kept: String) -> Result<(), Failure> {
    let caught = Signals::new([SIGINT, SIGTERM]);
    let mut signals = caught.map_err(|error| Exit::Io.because(&error))?;
    std::thread::spawn(move || {
        for signal in &mut signals {
            tell(&format!("\ncertq: 已中断；{kept}"));
            let _ = emulate_default_handler(signal);
        }
    });
    Ok(())
}

/// Says something beside the summary.
fn tell(text: &str) {
    // Whoever interrupted may have closed stderr as well.
    let _ = writeln!(stderr(), "{text}");
}
