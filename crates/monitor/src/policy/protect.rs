//! The guardrail that keeps agents away from what they are judged by.

use std::path::{Path, PathBuf};

use soul::cedar::literal;

use crate::config::PolicyText;

/// A guardrail that forbids every agent to read or write beneath `paths`, whatever its SOUL.md and whoever asks. What is
/// beneath `agents_dir` is forbidden too, except the agents' workspaces.
#[must_use]
pub fn protecting(paths: &[PathBuf], agents_dir: &Path) -> PolicyText {
    let mut text = String::new();
    let mut forbid = |id: String, path: &Path, unless: String| {
        text.push_str(&format!(
            "@id(\"{id}\")\n@message(\"the gateway's own files are not for agents\")\n\
             forbid (principal, action in [Action::\"file.read\", Action::\"file.write\"], resource in Path::{})\n{unless};\n\n",
            literal(&path.to_string_lossy()),
        ));
    };
    for (number, path) in paths.iter().enumerate() {
        forbid(format!("own-{number}"), path, String::new());
    }
    let workspaces = literal(&agents_dir.join("*/workspace").to_string_lossy());
    forbid("own-agents".to_owned(), agents_dir, format!("unless {{ resource in Path::{workspaces} }}"));
    PolicyText { name: "home.cedar".to_owned(), text }
}
