//! `POST /v1/lookup`: one question as JSON.

use crate::answer;
use crate::live::Current;
use crate::question;
use crate::question::json::Object;
use crate::refusal::Refusal;
use crate::render;
use crate::reply::Reply;

/// Answers the question in `body`. What is wrong with the question is said whether or not there
/// is a snapshot.
///
/// # Errors
///
/// Everything that is wrong with the body, then what is wrong with the snapshot.
pub fn answer(
    current: Result<&Current, Refusal>,
    body: &[u8],
    holder_search: bool,
) -> Result<Reply, Refusal> {
    let object = Object::parse(body).map_err(Refusal::MalformedJson)?;
    let question = question::parse(&object.typed(), holder_search)?;
    let current = current?;
    let answer = answer::answer(current, &question).map_err(Refusal::Damaged)?;
    Ok(render::answer(current, &answer))
}
