//! A command before it runs: all that an approval is for, and how far it may reach.

use std::path::PathBuf;

use serde_json::{Map, Value};
use vocab::{Action, Layer, Resource, Verb};

use crate::judge::{Answers, Case};
use crate::permit::{Bounds, Run};
use crate::programs::{Found, Programs};
use crate::reach::Reach;
use crate::resolve::path::is_within;
use crate::resolve::shown;

/// A folder of the jail's own, empty at every start and gone with it.
const SCRATCH: &str = "/tmp";

/// Puts into the action what follows from it, so that who approves it sees it and the approval is for it: the folder
/// that it starts in, and everything that it may read and write.
pub(crate) fn spell_out(action: &mut Action, reach: &Reach, workspace: &str) {
    let paths = |paths: &[PathBuf]| -> Value {
        paths.iter().filter_map(|path| path.to_str()).map(|path| Value::String(path.to_owned())).collect()
    };
    let folder = if reach.holds(workspace) { workspace } else { SCRATCH };
    action.args.entry("folder").or_insert_with(|| Value::String(folder.to_owned()));
    action.args.insert("reads".to_owned(), paths(&reach.read));
    action.args.insert("writes".to_owned(), paths(&reach.write));
}

/// How far a command may reach. What does not fit together denies.
pub(crate) fn bounds(
    case: &Case<'_>,
    program: Option<Found>,
    reach: Reach,
    programs: &dyn Programs,
    answers: &mut Answers,
) -> Bounds {
    let (Some(tool), Some(Found { path, file })) = (case.tool, program) else { return Bounds::None };
    let own = file.to_string_lossy();
    if reach.writes(&own) {
        let message = format!(
            "`{}` lies where this agent may write, so the agent would decide what it is",
            shown(&own)
        );
        answers.deny(Layer::Policy, "command:writable", message);
    }
    let folder = case.action.text("folder").unwrap_or(SCRATCH).to_owned();
    if folder != SCRATCH && !reach.holds(&folder) {
        let why = reach.left_out.iter().find(|left| is_within(&folder, &left.path.to_string_lossy()));
        let why = why.map_or_else(
            || format!("agent and asker may not both read or write it; `{SCRATCH}` is always there"),
            |left| left.why.message.clone(),
        );
        let message = format!("a command cannot start in `{}`: {why}", shown(&folder));
        answers.deny(Layer::Policy, "command:folder", message);
    }
    let granted = &tool.grant.commands;
    let mut all = vec![path.clone()];
    for found in granted.names.iter().filter(|name| runs(case, name)).filter_map(|n| programs.find(n).ok()) {
        let writable = found.file.to_str().is_none_or(|file| reach.writes(file));
        if !writable && !all.contains(&found.path) {
            all.push(found.path);
        }
    }
    Bounds::Command(Box::new(Run {
        program: path,
        file,
        programs: all,
        folder: folder.into(),
        reach,
        cpu: granted.cpu,
        memory_bytes: granted.memory.unwrap_or(case.compartment.charter.limits.memory),
        time: granted.time,
    }))
}

/// Whether another granted command could be run as well, without a person's word.
fn runs(case: &Case<'_>, name: &str) -> bool {
    let resource = Resource::Command(name.to_owned());
    let action = Action { verb: Verb::CommandRun, resource, args: Map::new() };
    Case { action: &action, approved: false, ..*case }.refusal().is_none()
}
