//! `## Identity`: who the agent is.

use std::collections::BTreeSet;

use vocab::AgentName;

use crate::diagnostic::{Findings, Spot, quoted};
use crate::limits::MAX_VALUE_BYTES;
use crate::markdown::{Item, Section, key_value};
use crate::values::bare;

/// The longest model name, in bytes.
const MAX_MODEL_BYTES: usize = 128;

/// Who the agent is.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    pub(crate) name: Option<AgentName>,
    pub(crate) display_name: String,
    pub(crate) role: String,
    pub(crate) model: Option<String>,
    /// Everything else, for the prompt.
    pub(crate) rest: Vec<String>,
}

/// Reads `## Identity`.
pub(crate) fn read(section: Option<&Section>, findings: &mut Findings) -> Identity {
    let mut identity = Identity::default();
    let Some(section) = section else {
        findings.error(
            Spot::START,
            "the section `## Identity` is missing",
            "add `## Identity` with `- Name: ...` and `- Role: ...`",
        );
        return identity;
    };
    let mut seen = BTreeSet::new();
    for item in section.items() {
        match key_value(&item.text) {
            Some((key, value)) if ["name", "role", "model"].contains(&key.as_str()) => {
                if seen.insert(key.clone()) {
                    take(&mut identity, &key, bare(&value), item, findings);
                } else {
                    let message = format!("{} stands here a second time", quoted(&item.text));
                    findings.error(item.spot, message, "keep one of them");
                }
            }
            _ => identity.rest.push(format!("- {}", item.whole)),
        }
    }
    for (spot, text) in section.prose() {
        findings.warn(spot, "this text is kept for the model and enforces nothing", "write `- Key: value`");
        identity.rest.push(text.to_owned());
    }
    for (key, form) in [("name", "- Name: Echo"), ("role", "- Role: Blog Content Writer")] {
        if !seen.contains(key) {
            let title = if key == "name" { "Name" } else { "Role" };
            let message = format!("`## Identity` has no `{title}`");
            findings.error(section.spot, message, format!("add a line such as `{form}`"));
        }
    }
    identity
}

fn take(identity: &mut Identity, key: &str, value: &str, item: &Item, findings: &mut Findings) {
    item.refuse_children(findings, "an identity line");
    if value.is_empty() {
        let message = format!("{} has no value", quoted(&item.text));
        return findings.error(item.spot, message, "write the value behind the colon");
    }
    if value.len() > MAX_VALUE_BYTES {
        let message = format!("{} is longer than {MAX_VALUE_BYTES} bytes", quoted(value));
        return findings.error(item.spot, message, "shorten it");
    }
    match key {
        "name" => match AgentName::from_title(value) {
            Ok(name) => {
                identity.name = Some(name);
                value.clone_into(&mut identity.display_name);
            }
            Err(error) => findings.error(
                item.spot,
                error.to_string(),
                "choose a short plain name, such as `Echo`; blanks become `-`",
            ),
        },
        "role" => value.clone_into(&mut identity.role),
        _ => {
            let fits = |c: char| c.is_ascii_alphanumeric() || "._:/@+-".contains(c);
            if value.len() <= MAX_MODEL_BYTES && value.chars().all(fits) {
                identity.model = Some(value.to_owned());
            } else {
                let message = format!("a model name was expected, not {}", quoted(value));
                findings.error(item.spot, message, "write SERVER/MODEL, such as `ollama/llama3`");
            }
        }
    }
}
