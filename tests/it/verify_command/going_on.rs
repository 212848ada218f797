//! `certq verify` after a run that was stopped, or a server that was slow for a moment.

use super::stub::{Act, Stub};
use super::{Desk, expect, expect_parts};

#[test]
fn another_output_goes_on_where_the_first_was() {
    let (desk, stub) = (Desk::new(), Stub::doing([Act::Answer, Act::Close]));
    let list = desk.long_list(2_000, |_| "张");
    let failed = desk.run_with_key(&list, &stub.url, &["--tries", "1"]);
    expect_parts(&failed, 74, &["名单.csv-核验进度.part", "--out可以更改"]);
    let elsewhere = ["--out", "别处.xlsx"];
    expect(&desk.run_with_key(&list, &stub.url, &elsewhere), 0);
    let asked = stub.asked();
    assert_eq!(asked.len(), 3, "the first thousand are asked for once");
    assert_eq!(asked[2].rows[0][0], format!("N{:021}", 1_000));
    assert_eq!(desk.table("别处.xlsx").len(), 2_001);
    assert_eq!(desk.files(), ["别处.xlsx", "名单.csv"]);
}

#[test]
fn a_list_that_arrived_too_slowly_is_sent_again() {
    let slow = Act::Refuse(408, None, "body_timeout", "未在规定时间内传完");
    let (desk, stub) = (Desk::new(), Stub::doing([slow]));
    let list = desk.long_list(3, |_| "张");
    expect(&desk.run_with_key(&list, &stub.url, &[]), 0);
    assert_eq!(stub.asked().len(), 2);
}
