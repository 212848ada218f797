//! The form as a template reads it: what was typed, and what is wrong with it.

use std::borrow::Cow;

use certificate::IdentityType;

use super::{Lang, english};

/// What a person typed, as received. Never logged; it goes back into the fields and nowhere else.
#[derive(Clone, Copy, Default)]
pub struct Typed<'a> {
    /// 证书编号.
    pub certificate_number: &'a str,
    /// 姓名.
    pub name: &'a str,
    /// Code of the document type; empty or unknown shows the first one.
    pub id_type: &'a str,
    /// 证件号码.
    pub id_number: &'a str,
}

/// Why a question was refused, in the words of `application/problem+json`.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// The stable code, for example `number_malformed`.
    pub code: &'a str,
    /// The field at fault: `certificate_number`, `name`, `id_type` or `id_number`.
    pub field: Option<&'a str>,
    /// The Chinese sentence; the English one is made here from the code and what was typed.
    pub detail: &'a str,
}

/// The form, ready for `form.html`.
pub(super) struct Form<'a> {
    pub(super) typed: Typed<'a>,
    problem: Option<(Option<&'a str>, Cow<'a, str>)>,
}

/// A choice of the document type list.
pub(super) struct Choice {
    pub(super) code: String,
    pub(super) name: &'static str,
    pub(super) selected: bool,
}

/// The fields that the page has, in its order.
const FIELDS: [&str; 4] = ["certificate_number", "name", "id_type", "id_number"];

impl<'a> Form<'a> {
    pub(super) fn new(lang: Lang, typed: Typed<'a>, refusal: Option<Refusal<'a>>) -> Self {
        let problem = refusal.map(|refusal| {
            let field = refusal.field.filter(|field| FIELDS.contains(field));
            let text = match lang {
                Lang::Zh => Cow::Borrowed(refusal.detail),
                Lang::En => english::refusal(&refusal, &typed),
            };
            (field, text)
        });
        Self { typed, problem }
    }

    /// The sentence that belongs beside this field; empty when the field is not at fault.
    pub(super) fn problem_at(&self, field: &str) -> &str {
        match &self.problem {
            Some((Some(at), text)) if *at == field => text,
            _ => "",
        }
    }

    /// The sentence that belongs to no single field.
    pub(super) fn problem_of_all(&self) -> &str {
        match &self.problem {
            Some((None, text)) => text,
            _ => "",
        }
    }

    /// Whether the page reports a problem anywhere.
    pub(super) fn refused(&self) -> bool {
        self.problem.is_some()
    }

    /// Every type of document, the typed one selected.
    pub(super) fn document_types(&self, lang: Lang) -> Vec<Choice> {
        let typed = IdentityType::parse(self.typed.id_type).unwrap_or(IdentityType::RESIDENT);
        let choice = |kind: IdentityType| Choice {
            name: match lang {
                Lang::Zh => kind.name(),
                Lang::En => english::document_type(&kind.code(), kind.name()),
            },
            selected: kind == typed,
            code: kind.code(),
        };
        IdentityType::all().map(choice).collect()
    }
}

/// Shows nothing: the page layer has no business printing what people type.
impl std::fmt::Debug for Typed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(…)")
    }
}
