//! Exports: where records and checkpoints go, and whether they get there.

use std::path::Path;

use export::{Standing, Target};
use rustix::fs::statfs;
use serde_json::Value;

use super::{Finding, State, chat, witnesses};
use crate::settings::Settings;

/// File systems that are somebody else's machine: NFS, SMB in its two forms, CephFS, AFS and 9P.
const REMOTE: [u64; 6] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x00c3_6400, 0x5346_414f, 0x0102_1997];

/// Where the settings send records, and where checkpoints.
pub(super) fn named(settings: &Settings) -> Vec<Finding> {
    let mut found: Vec<Finding> = settings.exports().filter_map(|target| carried("export", target)).collect();
    if found.is_empty() {
        found.push(Finding::ok("export", "records go nowhere: the settings have no `[[export]]`"));
    }
    found.extend(checkpoints(settings));
    found
}

fn carried(check: &str, target: &Target) -> Option<Finding> {
    let to = target.to().ok()?;
    let leaves = if to.is_local() { "on this machine" } else { "which LEAVES this machine" };
    Some(Finding::ok(check, format!("`{}` goes to {to}, {leaves}", target.name)))
}

/// Where checkpoints go, and whether one of the places is off this machine.
fn checkpoints(settings: &Settings) -> Vec<Finding> {
    let couriers = settings.couriers();
    let mut away = couriers.iter().any(|target| target.to().is_ok_and(|to| !to.is_local()));
    let mut found: Vec<Finding> =
        couriers.iter().filter_map(|target| carried("checkpoint", target)).collect();
    for target in settings.witnesses().iter().map(|witness| &witness.target) {
        away |= target.to().is_ok_and(|to| !to.is_local());
        found.extend(carried("witness", target));
    }
    for path in settings.checkpoint_files() {
        let remote = is_remote(path);
        away |= remote;
        let on = if remote { "on a file system of another machine" } else { "on this machine" };
        found.push(Finding::ok("checkpoint", format!("checkpoints go to `{}`, {on}", path.display())));
    }
    if !away {
        found.push(Finding::of(
            "checkpoint",
            State::Warning,
            "no place off this machine takes checkpoints: whoever has this machine can cut off what came after the last one that somebody took away, or build the record anew, and nobody can tell",
            "name a place as `[[checkpoint.publish]]` of bulkhead.toml: a `file` on an auditor's mount, a `url`, or a `syslog` server; or a witness as `[checkpoint.witness.NAME]`",
        ));
    }
    found
}

/// Whether what is in the folder of `path` is on another machine, as far as the kernel says.
fn is_remote(path: &Path) -> bool {
    let folder = path.ancestors().skip(1).find(|folder| folder.exists());
    let kind = folder.and_then(|folder| statfs(folder).ok()).map(|found| found.f_type);
    kind.and_then(|kind| u64::try_from(kind).ok()).is_some_and(|kind| REMOTE.contains(&(kind & 0xffff_ffff)))
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
    let contradicted = standings.iter().filter_map(|standing| {
        let message = witnesses::contradicts(&standing.name, standing.contradiction.as_deref()?);
        Some(Finding::of("witness", State::Unsafe, message, witnesses::MEND))
    });
    let contradicted: Vec<Finding> = contradicted.collect();
    let failing = standings.into_iter().filter_map(|standing| {
        let error = standing.last_error.filter(|error| standing.contradiction.as_ref() != Some(error))?;
        if standing.format == chat::CHECK {
            return Some(chat::failing(&standing.name, &error));
        }
        let check = if standing.format == "witness" { "witness" } else { "export" };
        let message = format!("`{}` is {} records behind: {error}", standing.name, standing.behind);
        let state = if standing.late { State::Missing } else { State::Warning };
        Some(Finding::of(check, state, message, "mend the receiver; what waits is then sent by itself"))
    });
    let unpublished = status.get("unpublished").and_then(Value::as_array).into_iter().flatten();
    let unpublished = unpublished.filter_map(Value::as_str).map(|fault| {
        let mend = "look at that place; what it lacks is put there by itself when it is as it should be";
        Finding::of("checkpoint", State::Missing, fault, mend)
    });
    contradicted.into_iter().chain(failing).chain(refusing).chain(unpublished).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of checkpoints where the settings publish them so.
    fn said(publish: &str) -> Vec<(State, String)> {
        let settings = Settings::parse(Path::new("b.toml"), publish).unwrap();
        let found = named(&settings).into_iter().filter(|finding| finding.check == "checkpoint");
        found.map(|finding| (finding.state, finding.message)).collect()
    }

    #[test]
    fn that_no_checkpoint_leaves_the_machine_is_a_warning_and_every_place_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("later/checkpoint");
        let file = format!("[[checkpoint.publish]]\nfile = \"{}\"\n", file.display());
        let near = "[[checkpoint.publish]]\nsyslog = \"tcp://127.0.0.1:514\"\n";
        let away = "[[checkpoint.publish]]\nurl = \"https://witness.example/\"\n";
        for (publish, places) in [(String::new(), 0), (file.clone(), 1), (format!("{file}{near}"), 2)] {
            let found = said(&publish);
            assert_eq!(found.len(), places + 1, "{found:?}");
            let (state, message) = found.last().unwrap();
            assert_eq!(*state, State::Warning);
            assert!(message.contains("no place off this machine"), "{message}");
            let here = |(state, message): &(State, String)| {
                *state == State::Ok && message.contains("on this machine")
            };
            assert!(found.iter().take(places).all(here), "{found:?}");
        }
        let found = said(&format!("{file}{away}"));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|(state, _)| *state == State::Ok), "{found:?}");
        assert!(found.iter().any(|(_, message)| message.contains("LEAVES")), "{found:?}");
    }
}
