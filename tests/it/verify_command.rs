//! `certq verify` as an employer runs it: against the real server, and against one that fails in
//! every way a network and a busy server can.

mod going_on;
mod stub;
mod tls;

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use spreadsheet::{Limits, Row, Spreadsheet, SpreadsheetError};
use tempfile::TempDir;

use crate::bulk::APPENDED;
use crate::program::{Program, certq, wait_until};
use crate::register::{Register, UNKNOWN, VALID, WITHDRAWN, ZHANG, ZHANG_ID};
use stub::{Act, Stub};

const KEY: &str = "certq_0123abcd_secret";

/// An employer's folder.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn list(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).unwrap();
        name.to_owned()
    }

    /// A list of so many rows, the name by place.
    fn long_list(&self, rows: usize, name: impl Fn(usize) -> &'static str) -> String {
        let row = |row| format!("{row},N{row:021},{},甲部\n", name(row));
        let rows: String = (0..rows).map(row).collect();
        self.list("名单.csv", format!("序号,证书编号,姓名,部门\n{rows}"))
    }

    fn command(&self, list: &str, url: &str, more: &[&str]) -> Command {
        let mut command = certq(&["verify", list, "--server", url]);
        command.args(more).current_dir(self.folder.path());
        command
    }

    fn run(&self, list: &str, url: &str, more: &[&str]) -> Output {
        self.command(list, url, more).output().unwrap()
    }

    /// With a key, so a thousand rows at a time.
    fn run_with_key(&self, list: &str, url: &str, more: &[&str]) -> Output {
        let mut command = self.command(list, url, more);
        command.env("CERTQ_API_KEY", KEY).output().unwrap()
    }

    fn spawn_with_key(&self, list: &str, url: &str) -> Child {
        let mut command = self.command(list, url, &[]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("CERTQ_API_KEY", KEY).spawn().unwrap()
    }

    /// The rows of a file, as a spreadsheet shows them.
    fn table(&self, name: &str) -> Vec<Vec<String>> {
        let limits = Limits {
            file_bytes: 1 << 25,
            inflated_bytes: 1 << 28,
            part_bytes: 1 << 25,
            strings: 1_000_000,
        };
        let bytes = Cursor::new(fs::read(self.path(name)).unwrap());
        let mut sheet = Spreadsheet::open(bytes, Path::new(name), &limits).unwrap();
        let (mut rows, mut width) = (Vec::new(), 0);
        let each = |row: Row| {
            width = width.max(row.used());
            rows.push((0..width).map(|at| row.printed(at).to_owned()).collect());
            Ok::<(), SpreadsheetError>(())
        };
        sheet.rows(each).unwrap();
        rows
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// What is shown after a run that went on from an earlier one, and says so.
#[track_caller]
fn expect_gone_on(output: &Output, code: i32, rows: usize) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    let told = format!("certq: 接着核验：前{rows}行是2");
    assert!(said.starts_with(&told), "{said}");
    let silent = Output {
        stderr: Vec::new(),
        ..output.clone()
    };
    expect(&silent, code)
}

#[track_caller]
fn expect(output: &Output, code: i32) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    let shown = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        !said.contains(KEY) && !shown.contains(KEY),
        "the key is shown"
    );
    if code < 2 {
        assert_eq!(said, "", "nothing is said without a terminal");
        return shown;
    }
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[track_caller]
fn expect_parts(output: &Output, code: i32, parts: &[&str]) {
    let said = expect(output, code);
    for part in parts {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[test]
fn the_real_server_answers_a_list_of_every_kind() {
    let register = Register::published();
    let program = Program::ready(&register);
    let (desk, url) = (Desk::new(), format!("http://{}", program.public));
    let valid = format!("证书编号,姓名\n{}", format!("{VALID},{ZHANG}\n").repeat(45));
    let shown = expect(&desk.run(&desk.list("a.csv", &valid), &url, &[]), 0);
    assert!(
        shown.starts_with("共45行：一致有效45；数据截至2026-11-24"),
        "{shown}"
    );
    assert!(shown.contains("结果在a-核验结果.csv"), "{shown}");
    let table = desk.table("a-核验结果.csv");
    assert_eq!(table.len(), 46);
    assert_eq!(table[0][..2], ["证书编号", "姓名"]);
    assert_eq!(table[0][2..], APPENDED);
    assert_eq!(table[45][..4], [VALID, ZHANG, "一致有效", "match"]);

    let mixed = format!(
        "部门,姓名,身份证号,证书编号,备注\n\
         甲,{ZHANG},{ZHANG_ID},{VALID},=1+1\n\
         乙,{ZHANG},,{WITHDRAWN},\"两行\n备注\"\n\
         丙,李四,,{VALID},@x\n\
         丁,,,,什么也没有\n\
         戊,{ZHANG},1.1010519491231E+17,,-\n\
         己,{ZHANG},,{UNKNOWN},,多出来的\n"
    );
    let (bytes, _, lossy) = encoding_rs::GB18030.encode(&mixed);
    assert!(!lossy);
    let shown = expect(&desk.run(&desk.list("b.csv", &bytes), &url, &["--json"]), 1);
    let summary: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(summary["out"], "b-核验结果.csv");
    let counts = [
        "rows",
        "match",
        "withdrawn",
        "no_match",
        "invalid",
        "unavailable",
    ];
    assert_eq!(
        counts.map(|name| summary[name].as_u64().unwrap()),
        [6, 1, 1, 1, 3, 0]
    );
    let table = desk.table("b-核验结果.csv");
    let results: Vec<_> = table[1..].iter().map(|row| row[6..8].join(" ")).collect();
    assert_eq!(
        results,
        [
            "一致有效 match",
            "一致但已撤销 match",
            "信息不一致或未查到 no_match",
            "格式错误 two_factors_required",
            "格式错误 id_truncated",
            "格式错误 row_ragged",
        ]
    );
    let remarks: Vec<_> = table[1..].iter().map(|row| row[4].as_str()).collect();
    assert_eq!(
        remarks,
        ["'=1+1", "两行\n备注", "'@x", "什么也没有", "'-", ""]
    );
    assert_eq!(table[6][5], "多出来的");
    assert_eq!(
        desk.files(),
        ["a-核验结果.csv", "a.csv", "b-核验结果.csv", "b.csv"]
    );
}

#[test]
fn a_workbook_in_and_out_keeps_its_cells_as_text() {
    let register = Register::published();
    let program = Program::ready(&register);
    let (desk, url) = (Desk::new(), format!("http://{}", program.public));
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    for (column, text) in (0..).zip(["工号", "证书编号", "姓名", "证件号码", "备注"])
    {
        sheet.write_string(0, column, text).unwrap();
    }
    sheet.write_number(1, 0, 17).unwrap();
    sheet.write_string(1, 1, VALID).unwrap();
    sheet.write_string(1, 2, ZHANG).unwrap();
    sheet.write_string(1, 4, "=1+1").unwrap();
    sheet.write_string(1, 6, "旁注").unwrap();
    sheet.write_number(2, 0, 18).unwrap();
    sheet.write_string(2, 2, ZHANG).unwrap();
    sheet.write_number(2, 3, 110_105_194_912_310_020.0).unwrap();
    workbook.save(desk.path("名单.xlsx")).unwrap();
    expect(&desk.run("名单.xlsx", &url, &[]), 1);
    let table = desk.table("名单-核验结果.xlsx");
    assert_eq!(table[0][7..], APPENDED);
    assert_eq!(table[1][..5], ["17", VALID, ZHANG, "", "=1+1"]);
    assert_eq!(table[1][5..8], ["", "旁注", "一致有效"]);
    assert_eq!(table[2][7..9], ["格式错误", "id_truncated"]);
    let sheet = {
        let file = fs::File::open(desk.path("名单-核验结果.xlsx")).unwrap();
        let mut archive = zip::ZipArchive::new(file).unwrap();
        let part = archive.by_name("xl/worksheets/sheet1.xml").unwrap();
        std::io::read_to_string(part).unwrap()
    };
    assert!(!sheet.contains("<f>"), "a formula");

    expect(&desk.run("名单.xlsx", &url, &["--out", "结果.csv"]), 1);
    let csv = fs::read_to_string(desk.path("结果.csv")).unwrap();
    assert!(csv.starts_with("\u{feff}工号,证书编号,"), "{csv}");
    assert!(csv.contains("\r\n17,") && csv.contains(",'=1+1,"), "{csv}");
    let mode = fs::metadata(desk.path("结果.csv")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn only_what_is_needed_is_sent_and_five_thousand_rows_come_back_in_order() {
    let (desk, stub) = (Desk::new(), Stub::doing([]));
    let list = desk.long_list(5_000, |row| if row == 4_321 { "无" } else { "张" });
    let shown = expect(&desk.run_with_key(&list, &stub.url, &[]), 1);
    assert!(
        shown.starts_with("共5000行：一致有效4999，信息不一致或未查到1；"),
        "{shown}"
    );
    let asked = stub.asked();
    assert_eq!(asked.len(), 5);
    for request in &asked {
        assert_eq!(request.rows.len(), 1_000);
        let columns = ["certificate_number", "name", "id_number", "id_type"];
        assert_eq!(request.columns, columns);
        assert!(request.head.starts_with("POST /v1/bulk HTTP/1.1\r\n"));
        let head = request.head.to_lowercase();
        assert!(head.contains("accept: text/csv\r\n"), "{head}");
        assert!(
            head.contains(&format!("authorization: bearer {KEY}\r\n")),
            "{head}"
        );
        assert!(request.rows.iter().flatten().all(|cell| cell != "甲部"));
    }
    let table = desk.table("名单-核验结果.csv");
    assert_eq!(table.len(), 5_001);
    for (place, row) in table[1..].iter().enumerate() {
        assert_eq!(row[0], place.to_string());
        assert_eq!(row[6], format!("答{}", row[1]));
        assert_eq!(row[5] == "no_match", place == 4_321);
    }
    assert_eq!(desk.files(), ["名单-核验结果.csv", "名单.csv"]);

    let anonymous = Stub::doing([]);
    let list = desk.long_list(41, |_| "张");
    expect(&desk.run(&list, &anonymous.url, &[]), 0);
    let sizes: Vec<_> = anonymous
        .asked()
        .iter()
        .map(|asked| asked.rows.len())
        .collect();
    assert_eq!(sizes, [20, 20, 1]);
    assert!(
        !anonymous.asked()[0]
            .head
            .to_lowercase()
            .contains("authorization")
    );
}

#[test]
fn a_killed_or_interrupted_run_goes_on_where_it_was() {
    for signal in [Signal::KILL, Signal::INT, Signal::TERM] {
        let (desk, stub) = (
            Desk::new(),
            Stub::doing([Act::Answer, Act::Answer, Act::Hang]),
        );
        let list = desk.long_list(3_500, |row| if row == 1_000 { "撤" } else { "张" });
        let child = desk.spawn_with_key(&list, &stub.url);
        wait_until("the third request hangs", || stub.asked().len() == 3);
        let part = desk.path("名单.csv-核验进度.part");
        assert_eq!(fs::metadata(&part).unwrap().mode() & 0o7777, 0o600);
        assert!(!fs::read_to_string(&part).unwrap().contains('张'));
        let second = desk.run_with_key(&list, &stub.url, &[]);
        expect_parts(&second, 75, &["另一个certq正在核验"]);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(signal.as_raw()));
        let said = String::from_utf8(output.stderr).unwrap();
        let tells = signal != Signal::KILL;
        assert_eq!(said.contains("一天之内再次运行即可继续"), tells, "{said}");

        let shown = expect_gone_on(&desk.run_with_key(&list, &stub.url, &[]), 1, 2_000);
        assert!(shown.contains("一致有效3499，一致但已撤销1"), "{shown}");
        let sizes: Vec<_> = stub.asked().iter().map(|asked| asked.rows.len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 1_000, 1_000, 500]);
        assert_eq!(stub.asked()[3].rows[0][0], format!("N{:021}", 2_000));
        let table = desk.table("名单-核验结果.csv");
        assert!(
            table[1..]
                .iter()
                .all(|row| row[6] == format!("答{}", row[1]))
        );
        assert_eq!(desk.files(), ["名单-核验结果.csv", "名单.csv"]);
    }
}

#[test]
fn another_list_or_another_server_begins_anew() {
    let (desk, first) = (Desk::new(), Stub::doing([Act::Answer, Act::Close]));
    let list = desk.long_list(2_000, |_| "张");
    let failed = desk.run_with_key(&list, &first.url, &["--tries", "1"]);
    expect_parts(&failed, 74, &["连接失败", "名单.csv-核验进度.part"]);
    let second = Stub::doing([Act::Answer, Act::Close]);
    expect(
        &desk.run_with_key(&list, &second.url, &["--tries", "1"]),
        74,
    );
    assert_eq!(second.asked().len(), 2);
    desk.long_list(2_000, |_| "无");
    expect(&desk.run_with_key(&list, &second.url, &[]), 1);
    assert_eq!(second.asked().len(), 4);
    assert_eq!(desk.table("名单-核验结果.csv")[1][4], "信息不一致或未查到");
}

#[test]
fn what_passes_is_waited_for() {
    let busy = Act::Refuse(429, Some(2), "rate_limited", "请求太频繁");
    let full = Act::Refuse(503, None, "overloaded", "服务器忙");
    let acts = [
        busy,
        full,
        Act::Cut(20_000),
        Act::LoseARow,
        Act::Swap,
        Act::Close,
    ];
    // In two lists, because pauses double.
    for acts in acts.chunks(3) {
        let (desk, stub) = (Desk::new(), Stub::doing(acts.to_vec()));
        let list = desk.long_list(1_500, |_| "张");
        expect(&desk.run_with_key(&list, &stub.url, &[]), 0);
        assert!(stub.is_done());
        let asked = stub.asked();
        assert_eq!(asked.len(), 5, "three in vain, two answered");
        let pauses: Vec<u64> = asked
            .windows(2)
            .map(|it| (it[1].at - it[0].at).as_secs())
            .collect();
        let first = if matches!(acts[0], Act::Refuse(..)) {
            2
        } else {
            1
        };
        assert_eq!(pauses, [first, 2, 4, 0], "{acts:?}");
        let table = desk.table("名单-核验结果.csv");
        assert_eq!(table.len(), 1_501);
        assert!(
            table[1..]
                .iter()
                .all(|row| row[6] == format!("答{}", row[1]))
        );
    }
}

#[test]
fn rows_beyond_a_quota_are_asked_for_again() {
    let over = Act::Refuse(429, Some(1), "quota_exceeded", "今天的行数已用完");
    let (desk, stub) = (Desk::new(), Stub::doing([Act::Limit(700), over]));
    let list = desk.long_list(1_000, |_| "张");
    expect(&desk.run_with_key(&list, &stub.url, &[]), 0);
    let sizes: Vec<_> = stub.asked().iter().map(|asked| asked.rows.len()).collect();
    assert_eq!(sizes, [1_000, 300, 300]);

    let tomorrow = Act::Refuse(429, Some(40_000), "quota_exceeded", "今天的行数已用完");
    let stub = Stub::doing([Act::Limit(700), tomorrow]);
    let ended = desk.run_with_key(&list, &stub.url, &[]);
    let parts = [
        "今天的行数已用完",
        "quota_exceeded",
        "40000秒",
        "再次运行即可继续",
    ];
    expect_parts(&ended, 74, &parts);
    expect_gone_on(&desk.run_with_key(&list, &stub.url, &[]), 0, 700);
    assert_eq!(stub.asked()[2].rows.len(), 300);

    let stub = Stub::doing([Act::Limit(0), Act::Limit(0)]);
    let list = desk.long_list(3, |_| "张");
    let shown = expect(&desk.run_with_key(&list, &stub.url, &["--tries", "2"]), 1);
    assert!(shown.contains("暂时无法核验3"), "{shown}");
}

#[test]
fn what_does_not_pass_ends_at_once() {
    let desk = Desk::new();
    let list = desk.long_list(30, |_| "张");
    for (act, code, parts) in [
        (
            Act::Refuse(401, None, "key_unknown", "API密钥无效"),
            64,
            &["API密钥无效", "key_unknown", "--key-file"][..],
        ),
        (
            Act::Refuse(400, None, "encoding", "编码有误"),
            65,
            &["编码有误"],
        ),
        (
            Act::Refuse(413, None, "too_many_rows", "行数过多"),
            65,
            &["行数过多"],
        ),
        (
            Act::Refuse(404, None, "", ""),
            64,
            &["HTTP 404", "--server"],
        ),
        (
            Act::Redirect("http://127.0.0.1:9/".to_owned()),
            64,
            &["HTTP 307", "--server"],
        ),
    ] {
        let stub = Stub::doing([act]);
        expect_parts(&desk.run(&list, &stub.url, &[]), code, parts);
        assert_eq!(stub.asked().len(), 1);
    }
    assert_eq!(desk.files(), ["名单.csv", "名单.csv-核验进度.part"]);
}

#[test]
fn wrong_usage_and_bad_lists_send_nothing() {
    let (desk, stub) = (Desk::new(), Stub::doing([]));
    let list = desk.long_list(3, |_| "张");
    for url in [
        "http://certq.example.cn",
        "http://192.0.2.1:80",
        "x",
        "ftp://127.0.0.1",
    ] {
        expect_parts(&desk.run(&list, url, &[]), 64, &["--server"]);
    }
    for (more, part) in [
        (["--out", "x.pdf"], ".csv或.xlsx"),
        (["--out", "名单.csv"], "不能覆盖"),
        (["--key-file", "missing"], "无法读取密钥文件"),
        (["--tries", "0"], "--tries"),
    ] {
        expect_parts(&desk.run(&list, &stub.url, &more), 64, &[part]);
    }
    desk.list("key", KEY);
    fs::set_permissions(desk.path("key"), fs::Permissions::from_mode(0o644)).unwrap();
    let open = desk.run(&list, &stub.url, &["--key-file", "key"]);
    expect_parts(&open, 64, &["chmod 0600"]);
    for (bytes, part) in [
        (&b""[..], "文件是空的"),
        (b"\xff\xff\n", "编码有误"),
        ("部门,姓名\n甲,张三\n".as_bytes(), "三列中至少要有两列"),
        (b"PK\x03\x04", "bad.csv"),
    ] {
        let bad = desk.list("bad.csv", bytes);
        expect_parts(&desk.run(&bad, &stub.url, &[]), 65, &[part]);
    }
    expect_parts(
        &desk.run("missing.csv", &stub.url, &[]),
        65,
        &["文件不存在"],
    );
    assert!(stub.asked().is_empty());
    assert_eq!(desk.files(), ["bad.csv", "key", "名单.csv"]);
}

#[test]
fn a_header_without_rows_is_a_list_of_nothing() {
    let (desk, stub) = (Desk::new(), Stub::doing([]));
    let list = desk.list("空.csv", "证书编号,姓名\n");
    let shown = expect(&desk.run(&list, &stub.url, &[]), 0);
    assert_eq!(shown, "共0行\n结果在空-核验结果.csv\n");
    assert_eq!(desk.table("空-核验结果.csv").len(), 1);
    assert!(stub.asked().is_empty());
}

/// Six questions about one person, each of them another one, so that each is charged.
fn distinct_questions() -> String {
    let asked = [
        format!("{VALID},{ZHANG},"),
        format!("{VALID},,{ZHANG_ID}"),
        format!("{VALID},{ZHANG},{ZHANG_ID}"),
        format!(",{ZHANG},{ZHANG_ID}"),
        format!("{WITHDRAWN},{ZHANG},"),
        format!("{WITHDRAWN},,{ZHANG_ID}"),
    ];
    format!("证书编号,姓名,证件号码\n{}\n", asked.join("\n"))
}

#[test]
fn the_real_server_knows_a_key_and_ends_its_quota() {
    let register = Register::published();
    register.configure("[bulk]\nkeys_file = \"keys/api-keys.json\"");
    let file = register.path("keys/api-keys.json");
    let make = ["keys", "create", "--keys-file", &file.to_string_lossy()];
    let more = ["--name", "甲公司", "--rows-per-day", "4"];
    let made = certq(&make).args(more).output().unwrap();
    let made = String::from_utf8(made.stdout).unwrap();
    let key = made.split_whitespace().last().unwrap();
    let program = Program::ready(&register);
    let (desk, url) = (Desk::new(), format!("http://{}", program.public));

    let list = desk.list(
        "长.csv",
        format!(
            "证书编号,姓名\n{}",
            format!("{VALID},{ZHANG}\n").repeat(2_500)
        ),
    );
    let unknown = desk.run_with_key(&list, &url, &[]);
    expect_parts(&unknown, 64, &["HTTP 401 key_unknown", "CERTQ_API_KEY"]);
    desk.list("key", key);
    fs::set_permissions(desk.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let with_key = ["--key-file", "key"];
    // Rows that repeat are charged once, in each of the three requests.
    let shown = expect(&desk.run(&list, &url, &with_key), 0);
    assert!(shown.starts_with("共2500行：一致有效2500；"), "{shown}");

    let list = desk.list("多.csv", distinct_questions());
    let ended = desk.run(&list, &url, &with_key);
    expect_parts(
        &ended,
        74,
        &["quota_exceeded", "秒后再试", "再次运行即可继续"],
    );
    let part = fs::read_to_string(desk.path("多.csv-核验进度.part")).unwrap();
    assert_eq!(part.matches("一致有效").count(), 1, "{part}");
    assert!(!program.said().contains(key) && !program.said().contains("甲公司"));
}
