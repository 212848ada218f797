//! `certq verify` after a run that was stopped, or a server that was slow for a moment.

use super::stub::{Act, Stub};
use std::fs::{self, File};

use super::{Desk, expect, expect_gone_on, expect_parts};

#[test]
fn another_output_goes_on_where_the_first_was() {
    let (desk, stub) = (Desk::new(), Stub::doing([Act::Answer, Act::Close]));
    let list = desk.long_list(2_000, |_| "张");
    let failed = desk.run_with_key(&list, &stub.url, &["--tries", "1"]);
    expect_parts(&failed, 74, &["名单.csv-核验进度.part", "--out可以不同"]);
    let elsewhere = ["--out", "别处.xlsx"];
    expect_gone_on(&desk.run_with_key(&list, &stub.url, &elsewhere), 0, 1_000);
    let asked = stub.asked();
    assert_eq!(asked.len(), 3, "the first thousand are asked for once");
    assert_eq!(asked[2].rows[0][0], format!("N{:021}", 1_000));
    assert_eq!(desk.table("别处.xlsx").len(), 2_001);
    assert_eq!(desk.files(), ["别处.xlsx", "名单.csv"]);
}

#[test]
fn answers_that_are_older_than_a_day_are_asked_for_again() {
    let (desk, stub) = (Desk::new(), Stub::doing([Act::Answer, Act::Close]));
    let list = desk.long_list(2_000, |_| "张");
    expect(&desk.run_with_key(&list, &stub.url, &["--tries", "1"]), 74);
    let part = desk.path("名单.csv-核验进度.part");
    let kept = fs::read_to_string(&part).unwrap();
    let (before, began) = kept.split_once("\"began\":").unwrap();
    let digits = began.find('}').unwrap();
    let old = began[..digits].parse::<i64>().unwrap() - 86_500;
    let aged = format!("{before}\"began\":{old}{}", &began[digits..]);
    fs::write(&part, aged).unwrap();
    let output = desk.run_with_key(&list, &stub.url, &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(0), 1));
    assert!(said.contains("已超过一天，不再使用；从头核验"), "{said}");
    assert_eq!(stub.asked().len(), 4, "all are asked for again");
}

#[test]
fn a_list_in_a_folder_that_takes_no_file_goes_on_beside_its_output() {
    let (desk, stub) = (Desk::new(), Stub::doing([Act::Answer, Act::Close]));
    let name = desk.long_list(2_000, |_| "张");
    // Not even root can make a file in /proc/self/fd.
    let run = |more: &[&str]| {
        let mut command = desk.command("/proc/self/fd/0", &stub.url, more);
        command.env("CERTQ_API_KEY", super::KEY);
        command.stdin(File::open(desk.path(&name)).unwrap());
        command.output().unwrap()
    };
    let out = ["--out", "结果.csv", "--tries", "1"];
    expect_parts(&run(&out), 74, &["结果.csv-核验进度.part", "和--out不变"]);
    expect_gone_on(&run(&out), 0, 1_000);
    assert_eq!(stub.asked().len(), 3);
    assert_eq!(desk.table("结果.csv").len(), 2_001);
    assert_eq!(desk.files(), ["名单.csv", "结果.csv"]);
}

#[test]
fn a_list_that_arrived_too_slowly_is_sent_again() {
    let slow = Act::Refuse(408, None, "body_timeout", "未在规定时间内传完");
    let (desk, stub) = (Desk::new(), Stub::doing([slow]));
    let list = desk.long_list(3, |_| "张");
    expect(&desk.run_with_key(&list, &stub.url, &[]), 0);
    assert_eq!(stub.asked().len(), 2);
}
