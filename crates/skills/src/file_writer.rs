//! The file writer: a text into a file beneath a granted place, whole or not at all.

use monitor::Bounds;
use serde_json::Value;
use vocab::Action;

use crate::bench::{Bench, Desk};
use crate::file_reader::place;
use crate::plain::one_line;
use crate::told::{Failure, Told};
use crate::wire::{FromWorker, ToWorker};

/// Writes what `action` says.
pub(crate) async fn write(bench: &mut Bench, action: &Action, bounds: &Bounds) -> Told {
    let place = place(action, bounds)?;
    let content = action.text("content").ok_or_else(|| Failure::misfit(action))?.to_owned();
    let append = action.args.get("append").and_then(Value::as_bool).unwrap_or_default();
    let request = ToWorker::Write { place, content, append };
    match bench.ask(Desk::Files, &request).await? {
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
