//! What a client is told when a request is refused: a status, a stable code, a Chinese sentence.
//!
//! A refusal holds no text that the client sent and nothing about the machine; the sentence says
//! what to do. It knows no JSON and no HTML: `render` and the pages give it its form.

use std::borrow::Cow;

use certificate::holder::NameError;
use certificate::identity::IdentityError;
use certificate::number::NumberError;
use hyper::StatusCode;
use snapshot::Damaged;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The body is not the JSON object that was asked for.
    MalformedJson(JsonFault),
    /// Fewer than two factors.
    TwoFactorsRequired,
    /// Name and identity number alone, where the operator has switched that off.
    NumberRequired,
    /// Not a certificate number.
    Number(NumberError),
    /// Not an identity number of the document type.
    Identity(IdentityError),
    /// Not a document type of the list.
    IdentityType,
    /// Not a name.
    Name(NameError),
    /// `Certq-Min-Epoch` asks for an epoch far ahead, or is no number.
    EpochInFuture,
    /// `Certq-Min-Epoch` asks for an epoch that is not here yet.
    EpochNotReached,
    /// Nothing is at this path.
    NotFound,
    /// The path takes other methods.
    MethodNotAllowed {
        /// The value of `Allow`.
        allow: &'static str,
    },
    /// The API key is none of ours, or was revoked.
    KeyUnknown,
    /// Requests came too fast, or too many at once.
    RateLimited {
        /// When to ask again.
        retry_after_s: u32,
    },
    /// The day's rows are used up, or the key is paused.
    QuotaExceeded {
        /// When to ask again.
        retry_after_s: u32,
    },
    /// A list has more rows than its sender may send at once.
    TooManyRows {
        /// What is allowed.
        limit_rows: usize,
    },
    /// A spreadsheet is damaged, encrypted, or none.
    FileUnreadable,
    /// A spreadsheet is in no encoding that can be read, or asked for in one that cannot hold it.
    Encoding,
    /// A spreadsheet lacks the columns that are needed.
    ColumnMissing,
    /// A spreadsheet, or what is packed in it, is larger than allowed.
    FileTooLarge,
    /// Too much is under way.
    Overloaded,
    /// The body did not arrive within its deadline.
    BodyTooSlow,
    /// The body is longer than allowed.
    BodyTooLarge {
        /// What is allowed, in bytes.
        limit_bytes: usize,
    },
    /// The body's media type, its charset or its encoding is not the one needed.
    MediaType {
        /// The one needed.
        needed: &'static str,
    },
    /// There is no valid generation.
    CannotAnswer,
    /// The data that would answer are damaged; for the client the same as
    /// [`CannotAnswer`](Self::CannotAnswer), for the operator an alarm.
    Damaged(Damaged),
    /// A defect of ours.
    Internal,
}

/// What is wrong with a JSON body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JsonFault {
    /// Not JSON at all, or not UTF-8, or something after the end.
    Syntax,
    /// JSON, but no object.
    NotAnObject,
    /// A field that is not of the list.
    UnknownField,
    /// A field that stands twice.
    DuplicateField(&'static str),
    /// A field whose value is no string.
    NotAString(&'static str),
}

/// After how many seconds a client may ask again when the server cannot answer now.
const RETRY_AFTER_S: u32 = 5;

/// The outcome of a look-up that met damaged data.
pub const DAMAGED: &str = "damaged";

impl Refusal {
    /// Every [`code`](Self::code), for metrics and the description of the interface.
    pub const CODES: [&str; 24] = [
        "malformed_json",
        "two_factors_required",
        "number_malformed",
        "id_malformed",
        "id_check_failed",
        "name_malformed",
        "epoch_in_future",
        "epoch_not_reached",
        "key_unknown",
        "rate_limited",
        "quota_exceeded",
        "too_many_rows",
        "file_unreadable",
        "encoding",
        "column_missing",
        "file_too_large",
        "overloaded",
        "not_found",
        "method_not_allowed",
        "body_timeout",
        "body_too_large",
        "unsupported_media_type",
        "cannot_answer",
        "internal_error",
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::MalformedJson(_) => "malformed_json",
            Self::TwoFactorsRequired | Self::NumberRequired => "two_factors_required",
            Self::Number(_) => "number_malformed",
            Self::Identity(IdentityError::Malformed) | Self::IdentityType => "id_malformed",
            Self::Identity(IdentityError::CheckFailed) => "id_check_failed",
            Self::Name(_) => "name_malformed",
            Self::EpochInFuture => "epoch_in_future",
            Self::EpochNotReached => "epoch_not_reached",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::KeyUnknown => "key_unknown",
            Self::RateLimited { .. } => "rate_limited",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::TooManyRows { .. } => "too_many_rows",
            Self::FileUnreadable => "file_unreadable",
            Self::Encoding => "encoding",
            Self::ColumnMissing => "column_missing",
            Self::FileTooLarge => "file_too_large",
            Self::Overloaded => "overloaded",
            Self::BodyTooSlow => "body_timeout",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::MediaType { .. } => "unsupported_media_type",
            Self::CannotAnswer | Self::Damaged(_) => "cannot_answer",
            Self::Internal => "internal_error",
        }
    }

    /// The name in logs and metrics: the code, but damage is told from the lack of a generation.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Damaged(_) => DAMAGED,
            other => other.code(),
        }
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } | Self::TooManyRows { .. } | Self::FileTooLarge => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::KeyUnknown => StatusCode::UNAUTHORIZED,
            Self::RateLimited { .. } | Self::QuotaExceeded { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::MediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::CannotAnswer | Self::Damaged(_) | Self::EpochNotReached | Self::Overloaded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The field at fault, where it is one.
    pub fn field(self) -> Option<&'static str> {
        match self {
            Self::Number(_) | Self::NumberRequired => Some("certificate_number"),
            Self::Identity(_) => Some("id_number"),
            Self::IdentityType => Some("id_type"),
            Self::Name(_) => Some("name"),
            Self::MalformedJson(
                JsonFault::DuplicateField(field) | JsonFault::NotAString(field),
            ) => Some(field),
            _ => None,
        }
    }

    /// What the operator must hear of.
    pub fn alarm(self) -> Option<Damaged> {
        match self {
            Self::Damaged(damaged) => Some(damaged),
            _ => None,
        }
    }

    /// When to ask again, in seconds, where asking again can help.
    pub fn retry_after_s(self) -> Option<u32> {
        match self {
            Self::CannotAnswer | Self::Damaged(_) | Self::EpochNotReached | Self::Overloaded => {
                Some(RETRY_AFTER_S)
            }
            Self::RateLimited { retry_after_s } | Self::QuotaExceeded { retry_after_s } => {
                Some(retry_after_s)
            }
            _ => None,
        }
    }

    /// The value of `Allow` for a wrong method.
    pub fn allow(self) -> Option<&'static str> {
        match self {
            Self::MethodNotAllowed { allow } => Some(allow),
            _ => None,
        }
    }

    /// What is wrong and what to do, for people, in Chinese.
    pub fn detail(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::MalformedJson(fault) => return fault.detail(),
            Self::Number(error) => return Cow::Owned(error.to_string()),
            Self::Identity(error) => return Cow::Owned(error.to_string()),
            Self::Name(error) => return Cow::Owned(error.to_string()),
            Self::MethodNotAllowed { allow } => {
                return Cow::Owned(format!("该地址只接受以下方法：{allow}"));
            }
            Self::BodyTooLarge { limit_bytes } => {
                return Cow::Owned(format!("请求内容过长，最多{limit_bytes}字节"));
            }
            Self::MediaType { needed } => {
                return Cow::Owned(format!(
                    "请求的Content-Type应为{needed}，字符集为UTF-8，且不压缩"
                ));
            }
            Self::TooManyRows { limit_rows } => {
                return Cow::Owned(format!(
                    "一次最多核验{limit_rows}行；请分几次上传，或使用有更高额度的API密钥"
                ));
            }
            Self::RateLimited { .. } => "请求过于频繁，请稍后重试",
            Self::QuotaExceeded { .. } => "今天的核验额度已用完，明天恢复",
            Self::KeyUnknown => "API密钥无效或已停用，请与发放密钥的单位联系",
            Self::FileUnreadable => "文件已损坏、加密，或不是CSV、XLSX文件",
            Self::Encoding => "文件编码有误：既不是完整的UTF-8，也不是GB18030",
            Self::ColumnMissing => "表头中缺少证书编号、姓名、证件号码三列中的两列",
            Self::FileTooLarge => "文件过大，请分成几个文件",
            Self::Overloaded => "系统繁忙，请稍后重试",
            Self::TwoFactorsRequired => "证书编号、姓名、证件号码三项中请至少填写两项",
            Self::NumberRequired => "本系统未开放仅凭姓名和证件号码查询，请填写证书编号",
            Self::IdentityType => "证件类型不在代码表中，居民身份证为01",
            Self::EpochInFuture => "Certq-Min-Epoch应为不超过当前版次1000以上的整数",
            Self::EpochNotReached => "本机尚未取得所要求版次的数据，请稍后重试",
            Self::NotFound => "没有这个地址，请检查网址",
            Self::BodyTooSlow => "请求内容未在规定时间内传完，请重试",
            Self::CannotAnswer | Self::Damaged(_) => {
                "系统暂时无法核验，请稍后重试；这不表示证书无效"
            }
            Self::Internal => "系统内部错误，请稍后重试；这不表示证书无效",
        })
    }
}

impl JsonFault {
    fn detail(self) -> Cow<'static, str> {
        match self {
            Self::Syntax => Cow::Borrowed("请求内容不是UTF-8编码的合法JSON"),
            Self::NotAnObject => Cow::Borrowed("请求内容应为一个JSON对象"),
            Self::UnknownField => Cow::Borrowed(
                "请求中有未知字段，可用字段为certificate_number、name、id_number、id_type",
            ),
            Self::DuplicateField(field) => Cow::Owned(format!("字段{field}重复出现")),
            Self::NotAString(field) => Cow::Owned(format!("字段{field}的值应为字符串")),
        }
    }
}

#[cfg(test)]
mod tests {
    use snapshot::{BlobKind, Fault};

    use super::*;

    #[test]
    fn every_refusal_has_a_listed_code_and_a_chinese_sentence() {
        let refusals = [
            Refusal::MalformedJson(JsonFault::Syntax),
            Refusal::MalformedJson(JsonFault::DuplicateField("name")),
            Refusal::TwoFactorsRequired,
            Refusal::NumberRequired,
            Refusal::Number(NumberError::Class),
            Refusal::Identity(IdentityError::Malformed),
            Refusal::Identity(IdentityError::CheckFailed),
            Refusal::IdentityType,
            Refusal::Name(NameError::Empty),
            Refusal::EpochInFuture,
            Refusal::EpochNotReached,
            Refusal::NotFound,
            Refusal::MethodNotAllowed { allow: "GET" },
            Refusal::KeyUnknown,
            Refusal::RateLimited { retry_after_s: 1 },
            Refusal::QuotaExceeded { retry_after_s: 1 },
            Refusal::TooManyRows { limit_rows: 20 },
            Refusal::FileUnreadable,
            Refusal::Encoding,
            Refusal::ColumnMissing,
            Refusal::FileTooLarge,
            Refusal::Overloaded,
            Refusal::BodyTooSlow,
            Refusal::BodyTooLarge { limit_bytes: 4096 },
            Refusal::MediaType {
                needed: "application/json",
            },
            Refusal::CannotAnswer,
            Refusal::Damaged(Damaged {
                blob: BlobKind::Rows,
                offset: 16,
                fault: Fault::Checksum,
            }),
            Refusal::Internal,
        ];
        for refusal in refusals {
            let code = refusal.code();
            assert!(Refusal::CODES.contains(&code), "{code}");
            assert!(
                refusal
                    .detail()
                    .chars()
                    .any(|c| ('\u{4E00}'..'\u{9FFF}').contains(&c))
            );
            assert!(refusal.status().is_client_error() || refusal.status().is_server_error());
        }
        for code in Refusal::CODES {
            assert!(
                refusals.iter().any(|refusal| refusal.code() == code),
                "{code}"
            );
        }
    }
}
