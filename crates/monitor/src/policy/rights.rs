//! The rights of groups as Cedar permits, so that the asker's layer is judged by the same engine, is
//! validated by the same schema, and a reason can name the right that it rests on.
//!
//! | setting | permits its members |
//! |---|---|
//! | `agents = ["echo"]` | replies of `echo`; reading and writing in `echo`'s workspace |
//! | `read`, `write` | reading, writing at and beneath a path |
//! | `hosts` | fetching pages of a host; `*.example.org` covers all hosts beneath `example.org` |
//! | `channels` | posting to a channel; `board:*` covers all of that kind |
//! | `commands` | running a command, by exactly the name or path that is written |
//! | `tables` | reading a table; a database's name covers all its tables |
//! | `collections` | searching a collection and reading its documents |
//! | `models` | calling a model; a server's name covers all its models |
//!
//! `"*"` is all of a kind; for `agents`, every agent and every workspace, but not the agents' own folders.
//! `approve` and `content` are no actions of an agent and have no policy here.

use std::fmt::Write as _;

use vocab::{Group, Verb};

use super::text::literal;
use super::words::{ANY_AGENT, Words};

/// All of a kind.
pub(crate) const ALL: &str = "*";

/// The Cedar text of all groups' rights, one permit for each thing named.
pub(crate) fn compile(groups: &[Group], words: &Words) -> String {
    let mut text = String::new();
    for group in groups {
        let rights = &group.rights;
        for agent in &rights.agents {
            agent_permits(&mut text, &group.name, agent, words);
        }
        let kinds = [
            ("read", &[Verb::FileRead][..], "Path", &rights.read),
            ("write", &[Verb::FileWrite], "Path", &rights.write),
            ("hosts", &[Verb::WebGet], "Host", &rights.hosts),
            ("channels", &[Verb::MessagePost], "Channel", &rights.channels),
            ("models", &[Verb::ModelCall], "Model", &rights.models),
            ("commands", &[Verb::CommandRun], "Command", &rights.commands),
            ("tables", &[Verb::TableRead], "Table", &rights.tables),
            ("collections", &[Verb::DocumentsSearch, Verb::DocumentsRead], "Collection", &rights.collections),
        ];
        for (kind, verbs, entity, names) in kinds {
            let actions: Vec<String> =
                verbs.iter().map(|verb| format!("Action::{}", literal(verb.as_str()))).collect();
            let action = format!("action in [{}]", actions.join(", "));
            for name in names {
                let scope = if name == ALL {
                    "resource".to_owned()
                } else {
                    format!("resource in {entity}::{}", literal(name))
                };
                let id = format!("rights:{}:{kind}:{name}", group.name);
                permit(&mut text, &id, &group.name, &action, &scope);
                text.push_str(";\n");
            }
        }
    }
    text
}

fn agent_permits(text: &mut String, group: &str, agent: &str, words: &Words) {
    let id = |what: &str| format!("rights:{group}:agents:{agent}:{what}");
    // The scope by group is what files the policy; the condition is what decides.
    let members = format!("resource in Group::{}", literal(group));
    permit(text, &id("reply"), group, "action == Action::\"reply\"", &members);
    let which =
        if agent == ALL { String::new() } else { format!(" && context.agent == Agent::{}", literal(agent)) };
    text.push_str(&format!("\nwhen {{ resource == principal{which} }};\n"));
    let workspace = if agent == ALL { words.workspace(ANY_AGENT) } else { words.workspace(agent) };
    let scope = format!("resource in Path::{}", literal(&workspace));
    let both = "action in [Action::\"file.read\", Action::\"file.write\"]";
    permit(text, &id("workspace"), group, both, &scope);
    text.push_str(";\n");
}

fn permit(text: &mut String, id: &str, group: &str, action: &str, resource: &str) {
    let written = write!(
        text,
        "@id({})\npermit (principal in Group::{}, {action}, {resource})",
        literal(id),
        literal(group)
    );
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}
