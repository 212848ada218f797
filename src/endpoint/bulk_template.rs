//! `GET /bulk/template.xlsx`: an empty list, whose columns keep what is typed as text, and a sheet
//! that explains it.
//!
//! A spreadsheet that takes an identity number for a number loses its last digits for good, which
//! is the reason for this file.

use std::sync::OnceLock;

use bytes::Bytes;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use crate::refusal::Refusal;
use crate::reply::{Media, Reply};

/// Header and width of the columns of the list.
const COLUMNS: [(&str, f64); 4] = [
    ("证书编号", 28.0),
    ("姓名", 14.0),
    ("证件号码", 24.0),
    ("证件类型", 14.0),
];

/// The sheet that explains, a pair a row.
const EXPLAINED: [(&str, &str); 20] = [
    ("怎样填写", ""),
    (
        "第一张表",
        "第一行是表头，请保留；从第二行起每行一人。可以增加自己的列，核验结果会原样保留。",
    ),
    (
        "至少两列",
        "证书编号、姓名、证件号码三项中，每行至少填写两项；填写的各项都一致，才算一致。",
    ),
    (
        "证书编号",
        "证书上“证书编号”一栏，共22位：1位字母加21位数字。",
    ),
    ("姓名", "与证书上的一致。"),
    (
        "证件号码",
        "报名考核时所用证件的号码，必须是文本。本表的列已设为文本；从别处粘贴时请选“只粘贴值”。被存成数字的身份证号末几位会变成0，无法恢复，须重新录入。",
    ),
    ("证件类型", "居民身份证可不填。其他证件填名称或两位代码。"),
    (
        "行数",
        "不用API密钥一次最多20行；使用API密钥一次最多100000行。",
    ),
    ("", ""),
    ("结果的含义", ""),
    ("一致有效", "登记信息与所填一致，证书有效。"),
    (
        "一致但已撤销",
        "登记信息与所填一致，但证书已被撤销，不再有效；“说明”一列有原因。",
    ),
    (
        "信息不一致或未查到",
        "所填各项不能对应到同一本证书。不等于证书是假的：请逐字核对，或与评价机构、审核机构联系。",
    ),
    (
        "格式错误",
        "这一行没有核验；“说明”一列写明哪里不对，改正后再核验。",
    ),
    (
        "暂时无法核验",
        "系统一时不能回答，或超出额度；不表示证书无效，请稍后重试。",
    ),
    ("", ""),
    ("注意", ""),
    (
        "同意",
        "核验前应取得持证人同意；请同时核对证书原件和持证人的身份证件。",
    ),
    ("保存", "名单和结果含有个人信息，用完请删除。"),
    ("时效", "结果只说明“数据截至”一列所写时间的登记情况。"),
];

/// The workbook, made once.
///
/// # Errors
///
/// [`Refusal::Internal`] when it cannot be made.
pub fn answer() -> Result<Reply, Refusal> {
    static MADE: OnceLock<Option<Bytes>> = OnceLock::new();
    let made = MADE.get_or_init(|| make().ok()).clone();
    let bytes = made.ok_or(Refusal::Internal)?;
    Ok(Reply::ok(Media::Xlsx, bytes).attachment("certq-template.xlsx"))
}

fn make() -> Result<Bytes, XlsxError> {
    let mut workbook = Workbook::new();
    // The same program gives the same bytes: no clock in a workbook.
    let made = ExcelDateTime::from_ymd(2026, 1, 1)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
    fill_in(workbook.add_worksheet())?;
    explain(workbook.add_worksheet())?;
    Ok(workbook.save_to_buffer()?.into())
}

fn fill_in(sheet: &mut Worksheet) -> Result<(), XlsxError> {
    let text = Format::new().set_num_format("@");
    let head = text.clone().set_bold();
    sheet.set_name("名单")?.set_freeze_panes(1, 0)?;
    for (column, (name, width)) in (0..).zip(COLUMNS) {
        // The format of a column is that of all its rows.
        sheet.set_column_format(column, &text)?;
        sheet.set_column_width(column, width)?;
        sheet.write_string_with_format(0, column, name, &head)?;
    }
    Ok(())
}

fn explain(sheet: &mut Worksheet) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    let wrapped = Format::new().set_text_wrap();
    sheet.set_name("说明")?;
    sheet.set_column_width(0, 22.0)?;
    sheet.set_column_width(1, 90.0)?;
    for (row, (name, text)) in (0..).zip(EXPLAINED) {
        sheet.write_string_with_format(row, 0, name, &bold)?;
        sheet.write_string_with_format(row, 1, text, &wrapped)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_every_time() {
        assert_eq!(make().unwrap(), make().unwrap());
    }
}
