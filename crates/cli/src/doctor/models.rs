//! Model servers: asked what they have, which carries nothing of a conversation.

use std::collections::BTreeSet;

use models::{Found, Models};

use super::{Finding, State};
use crate::home::Home;
use crate::settings::Settings;

/// The most models that are asked for.
const MAX_ASKED: usize = 32;

/// Asks for each model that the settings or an agent name.
pub(super) async fn look(home: &Home, settings: &Settings, names: &BTreeSet<String>) -> Vec<Finding> {
    let models = match Models::new(settings.model_servers(home)) {
        Ok(models) => models,
        Err(error) => {
            return vec![Finding::of(
                "model",
                State::Missing,
                error.to_string(),
                "mend `[[models.server]]` in bulkhead.toml",
            )];
        }
    };
    let mut findings = Vec::new();
    for name in names.iter().take(MAX_ASKED) {
        findings.push(match models.find(name).await {
            Ok(found) => answers(name, &found),
            Err(error) => {
                let mend = "start that server, or name another under `[models]` in bulkhead.toml or as `Model:` in SOUL.md";
                Finding::of("model", State::Missing, format!("`{name}`: {error}"), mend)
            }
        });
    }
    findings
}

fn answers(name: &str, found: &Found) -> Finding {
    if found.url.is_empty() {
        let message = format!("`{name}` is a script that plays a model");
        return Finding::of("model", State::Warning, message, "name a model server for work that counts");
    }
    let leaves = if found.local { "on this machine" } else { "which LEAVES this machine" };
    let window = if found.context_known { "" } else { ", which is a guess" };
    Finding::ok(
        "model",
        format!(
            "`{name}` is `{}` of `{}` at {}, {leaves}; {} tokens{window}",
            found.model, found.server, found.url, found.context_tokens
        ),
    )
}
