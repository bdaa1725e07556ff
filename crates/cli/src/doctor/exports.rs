//! Exports: where records and checkpoints go, and whether they get there.

use export::Standing;
use serde_json::Value;

use super::{Finding, State};
use crate::settings::Settings;

/// Where the settings send records.
pub(super) fn named(settings: &Settings) -> Vec<Finding> {
    let couriers = settings.couriers();
    let targets: Vec<_> = settings.exports().chain(&couriers).collect();
    if targets.is_empty() {
        return vec![Finding::ok("export", "records go nowhere: the settings have no `[[export]]`")];
    }
    let found = targets.iter().filter_map(|target| {
        let to = target.to().ok()?;
        let leaves = if to.is_local() { "on this machine" } else { "which LEAVES this machine" };
        Some(Finding::ok("export", format!("`{}` goes to {to}, {leaves}", target.name)))
    });
    found.collect()
}

/// How those of the running gateway stand, as its status says it.
pub(super) fn standing(status: &Value) -> Vec<Finding> {
    let standings = status.get("exports").cloned().unwrap_or_default();
    let standings: Vec<Standing> = serde_json::from_value(standings).unwrap_or_default();
    let refusing = standings.iter().filter(|standing| standing.refused > 0).map(|standing| {
        let message = format!("`{}` has refused {} records for good", standing.name, standing.refused);
        Finding::of(
            "export",
            State::Warning,
            message,
            "its own log says why; they are in the record and not sent again",
        )
    });
    let refusing: Vec<Finding> = refusing.collect();
    let failing = standings.into_iter().filter_map(|standing| {
        let error = standing.last_error?;
        let message = format!("`{}` is {} records behind: {error}", standing.name, standing.behind);
        let state = if standing.late { State::Missing } else { State::Warning };
        Some(Finding::of("export", state, message, "mend the receiver; what waits is then sent by itself"))
    });
    failing.chain(refusing).collect()
}
