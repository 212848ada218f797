//! The ten columns that are appended to a spreadsheet (CONTRACT 4.2), in words.

use std::borrow::Cow;

use snapshot::Status;

use super::verdict::Verdict;
use crate::live::Current;

/// Their headers.
pub(crate) const APPENDED: [&str; 10] = [
    "核验结果",
    "结果代码",
    "说明",
    "证书状态",
    "职业名称",
    "职业技能等级",
    "评价机构",
    "发证日期",
    "全国可查状态",
    "数据截至",
];

/// Their values for one row.
pub(super) fn values<'a>(
    current: &'a Current,
    verdict: &'a Verdict<'_>,
) -> [Cow<'a, str>; APPENDED.len()] {
    let of_certificate = match verdict.shown() {
        None => [const { Cow::Borrowed("") }; 6],
        Some(one) => [
            Cow::Borrowed(match one.status {
                Status::Valid => "有效",
                Status::Withdrawn => "已撤销",
            }),
            Cow::Borrowed(one.occupation.name.as_str()),
            Cow::Owned(one.level_name()),
            Cow::Borrowed(one.institution.name.as_str()),
            Cow::Owned(one.issued_on.to_string()),
            // The exchange is not in this release, so nothing has been reported yet.
            Cow::Borrowed("尚未报送"),
        ],
    };
    let [status, occupation, level, institution, issued_on, national] = of_certificate;
    [
        Cow::Borrowed(result(verdict)),
        Cow::Borrowed(verdict.code().unwrap_or(verdict.outcome())),
        remark(verdict),
        status,
        occupation,
        level,
        institution,
        issued_on,
        national,
        Cow::Borrowed(&current.as_of_minute),
    ]
}

fn result(verdict: &Verdict<'_>) -> &'static str {
    let shown = verdict.shown().map(|one| one.status);
    match (verdict, shown) {
        (_, Some(Status::Valid)) => "一致有效",
        (_, Some(Status::Withdrawn)) => "一致但已撤销",
        (Verdict::Invalid(_), _) => "格式错误",
        (Verdict::CannotAnswer(_) | Verdict::Limited, _) => "暂时无法核验",
        (Verdict::Match(_) | Verdict::NoMatch, _) => "信息不一致或未查到",
    }
}

fn remark<'a>(verdict: &'a Verdict<'_>) -> Cow<'a, str> {
    match verdict {
        Verdict::Match(certificates) => {
            let reason = verdict.shown().and_then(|one| match one.status {
                Status::Valid => None,
                Status::Withdrawn => one.reason,
            });
            match (certificates.len(), reason) {
                (1, None) => Cow::Borrowed(""),
                (1, Some(reason)) => Cow::Owned(format!("撤销原因：{reason}")),
                (count, None) => Cow::Owned(format!("共查到{count}本证书，本行显示其中一本")),
                (count, Some(reason)) => Cow::Owned(format!(
                    "共查到{count}本证书，本行显示其中一本；撤销原因：{reason}"
                )),
            }
        }
        Verdict::NoMatch => Cow::Borrowed("不等于证书是假的，请逐字核对姓名、证书编号和证件号码"),
        Verdict::Invalid(fault) => fault.detail(),
        Verdict::CannotAnswer(_) => Cow::Borrowed("系统暂时无法核验，请稍后重试；这不表示证书无效"),
        Verdict::Limited => Cow::Borrowed("超出核验额度，本行未核验；这不表示证书无效"),
    }
}
