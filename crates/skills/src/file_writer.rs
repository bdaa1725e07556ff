//! The file writer: a text into a file beneath a granted place, whole or not at all.

use monitor::{Bounds, Over};
use serde_json::Value;
use vocab::Action;

use crate::bench::{Bench, Desk};
use crate::file_reader::place;
use crate::plain::one_line;
use crate::told::{Failure, Told};
use crate::wire::{FromWorker, MAX_SEEN_TEXT_BYTES, Sight, ToWorker};

/// Writes what `action` says.
pub(crate) async fn write(bench: &mut Bench, action: &Action, bounds: &Bounds, over: Option<Over>) -> Told {
    let place = place(action, bounds)?;
    let content = action.text("content").ok_or_else(|| Failure::misfit(action))?.to_owned();
    let request = ToWorker::Write { place, content, append: appends(action), over };
    let desk = if over.is_some() { Desk::Changes } else { Desk::Files };
    answered(action, bench.ask(desk, &request).await?)
}

/// What is told of a worker's answer.
pub(crate) fn answered(action: &Action, answer: FromWorker) -> Told {
    let append = appends(action);
    match answer {
        FromWorker::Written { size, created } => {
            let what = match (created, append) {
                (true, _) => "made",
                (false, true) => "added to",
                (false, false) => "replaced",
            };
            Ok(format!("[file {}, {what}, {size} bytes now]", one_line(action.resource.name())))
        }
        _ => Err(Failure::misfit_answer()),
    }
}

/// What `action` would replace, if anything is there.
pub(crate) async fn look(
    bench: &mut Bench,
    action: &Action,
    bounds: &Bounds,
) -> Result<Option<Sight>, Failure> {
    let place = place(action, bounds)?;
    seen(bench.ask(Desk::Changes, &ToWorker::Look { place }).await?)
}

fn appends(action: &Action) -> bool {
    action.args.get("append").and_then(Value::as_bool).unwrap_or_default()
}

/// What is taken of a worker's answer to a look.
pub(crate) fn seen(answer: FromWorker) -> Result<Option<Sight>, Failure> {
    match answer {
        // What it says is taken as hostile, like all that a worker says.
        FromWorker::Seen { there: Some(sight) }
            if sight.text.as_ref().is_some_and(|text| text.len() > MAX_SEEN_TEXT_BYTES) =>
        {
            Err(Failure::misfit_answer())
        }
        FromWorker::Seen { there } => Ok(there),
        _ => Err(Failure::misfit_answer()),
    }
}
