//! `## Skills`: what the agent can do, and to what. A skill that is not listed does not exist for it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use vocab::{AgentName, Verb};

use crate::cedar::{Target, permit};
use crate::charter::{Channel, Commands, Place, SkillGrant, Table, Tables};
use crate::diagnostic::{Findings, Spot, quoted};
use crate::grants::{self, Form, SKILLS, Skill};
use crate::launchers::{Launches, launches};
use crate::limits::{
    DEFAULT_COMMAND_CPU, DEFAULT_COMMAND_TIME, DEFAULT_MAX_BYTES, DEFAULT_MAX_ROWS, MAX_GRANT_VALUES,
    MAX_SKILLS, MAX_VALUE_BYTES,
};
use crate::markdown::{Item, Section, key_value, normal_key};
use crate::nearest::suggest;
use crate::values;

/// Reads `## Skills`. `channels` are those of `## Channels`.
pub(crate) fn read(
    section: Option<&Section>,
    channels: &[Channel],
    place: &Place,
    findings: &mut Findings,
) -> Vec<SkillGrant> {
    let mut skills: Vec<SkillGrant> = Vec::new();
    let Some(section) = section else { return skills };
    for (spot, text) in section.prose() {
        let message = format!("{} is not a list item and grants nothing", quoted(text));
        findings.warn(spot, message, "write `- skill-name: what for`");
    }
    for item in section.items() {
        let Some((skill, purpose)) = head(item, findings) else { continue };
        if skills.iter().any(|other| other.skill == skill.name) {
            let message = format!("the skill `{}` stands here a second time", skill.name);
            findings.error(item.spot, message, "put all its grants under one item");
        } else if skills.len() >= MAX_SKILLS {
            findings.error(item.spot, format!("more than {MAX_SKILLS} skills"), "remove some");
        } else {
            skills.push(grant(skill, purpose, item, channels, place, findings));
        }
    }
    skills
}

/// The skill that an item names, and what for.
fn head(item: &Item, findings: &mut Findings) -> Option<(&'static Skill, String)> {
    let dash = || [" - ", " – ", " — "].into_iter().find_map(|dash| item.text.split_once(dash));
    let (name, purpose) = key_value(&item.text)
        .or_else(|| dash().map(|(name, purpose)| (normal_key(name), purpose.trim().to_owned())))
        .unwrap_or_else(|| (normal_key(&item.text), String::new()));
    let name = name.trim_matches(['*', '`', '-']).to_owned();
    let names = SKILLS.each_ref().map(|skill| skill.name);
    let Some(skill) = SKILLS.iter().find(|skill| skill.name == name) else {
        let message = if name.is_empty() {
            "`- skill-name: what for` was expected and nothing is here".to_owned()
        } else {
            format!("there is no skill {}", quoted(&name))
        };
        findings.error(item.spot, message, suggest(&name, &names));
        return None;
    };
    if purpose.is_empty() {
        let message = format!("the skill `{name}` does not say what for");
        findings.warn(item.spot, message, "write the purpose behind a colon: the model is told it");
    }
    if purpose.len() > MAX_VALUE_BYTES {
        let message = format!("the purpose of `{name}` is longer than {MAX_VALUE_BYTES} bytes");
        findings.error(item.spot, message, "shorten it");
        return None;
    }
    Some((skill, purpose))
}

fn grant(
    skill: &Skill,
    purpose: String,
    item: &Item,
    channels: &[Channel],
    place: &Place,
    findings: &mut Findings,
) -> SkillGrant {
    let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for child in &item.children {
        read_grant(skill, child, place, &mut given, findings);
    }
    if !skill.available {
        let message =
            format!("the skill `{}` is not available in this version; every call is denied", skill.name);
        findings.warn(item.spot, message, "leave it for later, or remove it");
    }
    let default = given.is_empty() && item.children.is_empty();
    if default {
        let message = format!("the skill `{}` has no grants: {}", skill.name, skill.default);
        let names: Vec<&str> = skill.grants.iter().map(|(name, _)| *name).collect();
        findings.warn(item.spot, message, format!("grant more, indented under it: {}", names.join(", ")));
    }
    fill(skill, &mut given, channels, place);
    if skill.name == "message" {
        check_channels(item, &given, channels, findings);
    }
    let tables = tables(&given);
    if skill.name == "sql" && !default {
        check_tables(item, &tables, place, findings);
    }
    let list = |name: &str| given.get(name).cloned().unwrap_or_default();
    check_collections(item, &list("collections"), place, findings);
    let max_bytes = list("max-bytes").first().and_then(|n| n.parse().ok());
    SkillGrant {
        skill: skill.name.to_owned(),
        purpose,
        line: item.spot.line,
        default,
        paths: list("paths").into_iter().map(PathBuf::from).collect(),
        max_bytes: max_bytes.unwrap_or(DEFAULT_MAX_BYTES),
        hosts: list("hosts"),
        commands: commands(&given),
        tables,
        collections: list("collections"),
        available: skill.available,
        grants: given,
    }
}

fn commands(given: &BTreeMap<String, Vec<String>>) -> Commands {
    let first = |name: &str| given.get(name).and_then(|values| values.first());
    // The values are in the form that `grants::value` gives.
    let time = |name: &str| {
        first(name).and_then(|text| text.strip_suffix(" s")?.parse().ok()).map(Duration::from_secs)
    };
    Commands {
        names: given.get("commands").cloned().unwrap_or_default(),
        cpu: time("cpu").unwrap_or(DEFAULT_COMMAND_CPU),
        memory: first("memory").and_then(|bytes| bytes.parse().ok()),
        time: time("time").unwrap_or(DEFAULT_COMMAND_TIME),
    }
}

fn tables(given: &BTreeMap<String, Vec<String>>) -> Tables {
    let first = |name: &str| given.get(name).and_then(|values| values.first());
    let table = |value: &String| {
        let (name, columns) = grants::parted(value);
        Table { name, columns }
    };
    Tables {
        database: first("database").cloned(),
        tables: given.get("tables").into_iter().flatten().map(table).collect(),
        max_rows: first("max-rows").and_then(|rows| rows.parse().ok()).unwrap_or(DEFAULT_MAX_ROWS),
    }
}

/// Points out a grant of `sql` that reads nothing, and refuses one that says two things of a table.
fn check_tables(item: &Item, tables: &Tables, place: &Place, findings: &mut Findings) {
    for (nth, table) in tables.tables.iter().enumerate() {
        if tables.tables.iter().take(nth).any(|other| other.name == table.name) {
            let message = format!("`tables`: {} stands here a second time", quoted(&table.name));
            findings.error(
                item.spot,
                message,
                "name all its columns in one place, as in `orders(id, total)`",
            );
        }
    }
    match &tables.database {
        None => {
            let message = "the skill `sql` has no `database`, so it reads no table";
            findings.warn(
                item.spot,
                message,
                "add `- database: NAME`, a name of `[databases.NAME]` in bulkhead.toml",
            );
        }
        Some(database) if !place.databases.contains(database) => {
            let message = format!("the settings have no database `{database}`; every query is denied");
            findings.warn(
                item.spot,
                message,
                format!("add `[databases.{database}]` with its `path` to bulkhead.toml"),
            );
        }
        Some(_) if tables.tables.is_empty() => {
            let message = "the skill `sql` has no `tables`, so it reads no table";
            findings.warn(item.spot, message, "add `- tables: ` with the tables that are needed");
        }
        Some(_) => {}
    }
}

/// Points out a grant of `documents` that reads nothing.
fn check_collections(item: &Item, collections: &[String], place: &Place, findings: &mut Findings) {
    for name in collections.iter().filter(|name| !place.collections.contains(*name)) {
        let message = format!("the settings have no collection `{name}`; every search of it is denied");
        let help = format!("add `[collections.{name}]` with its `folder` to bulkhead.toml");
        findings.warn(item.spot, message, help);
    }
}

/// The narrowest useful grants, where none of their kind was written.
fn fill(skill: &Skill, given: &mut BTreeMap<String, Vec<String>>, channels: &[Channel], place: &Place) {
    let (name, values) = match skill.name {
        "file-reader" | "file-writer" => {
            ("paths", vec![place.workspace.components().collect::<PathBuf>().to_string_lossy().into_owned()])
        }
        "message" => ("channels", channels.iter().map(Channel::resource_name).collect()),
        "browser" => ("hosts", Vec::new()),
        "exec" => ("commands", Vec::new()),
        "sql" => ("tables", Vec::new()),
        "documents" => ("collections", Vec::new()),
        _ => return,
    };
    given.entry(name.to_owned()).or_insert(values);
}

fn read_grant(
    skill: &Skill,
    item: &Item,
    place: &Place,
    given: &mut BTreeMap<String, Vec<String>>,
    findings: &mut Findings,
) {
    let names: Vec<&str> = skill.grants.iter().map(|(name, _)| *name).collect();
    let Some((name, text)) = key_value(&item.text) else {
        let message = format!("`- grant: value` was expected, not {}", quoted(&item.text));
        return findings.error(item.spot, message, suggest(&item.text, &names));
    };
    let Some((_, form)) = skill.grants.iter().find(|(known, _)| *known == name) else {
        let message = format!("the skill `{}` has no grant {}", skill.name, quoted(&name));
        return findings.error(item.spot, message, suggest(&name, &names));
    };
    if given.contains_key(&name) {
        let message = format!("the grant `{name}` stands here a second time");
        return findings.error(item.spot, message, "put all its values behind one, parted by commas");
    }
    let mut raw: Vec<(_, String)> = if text.is_empty() {
        Vec::new()
    } else {
        values::list(&text).into_iter().map(|value| (item.spot, value)).collect()
    };
    for child in &item.children {
        child.refuse_children(findings, "a value");
        raw.push((child.spot, values::bare(&child.text).to_owned()));
    }
    if raw.is_empty() {
        let message = format!("the grant `{name}` has no value");
        return findings.error(item.spot, message, "write it behind the colon, or delete the line");
    }
    if raw.len() > MAX_GRANT_VALUES || (form.single() && raw.len() > 1) {
        let most = if form.single() { 1 } else { MAX_GRANT_VALUES };
        let message = format!("the grant `{name}` takes at most {most} and has {}", raw.len());
        return findings.error(item.spot, message, "remove some");
    }
    let mut values: Vec<String> = Vec::new();
    for (spot, text) in raw {
        match grants::value(*form, &text, &place.workspace) {
            Ok(value) => {
                surprises(*form, &text, &value, spot, findings);
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            Err(mut fault) => {
                fault.message = format!("`{name}`: {}", fault.message);
                findings.fault(spot, fault);
            }
        }
    }
    given.insert(name, values);
}

/// Points out values that are in their form and may not mean what their author thinks.
fn surprises(form: Form, text: &str, value: &str, spot: Spot, findings: &mut Findings) {
    match form {
        Form::Paths if value == "/" => {
            findings.warn(
                spot,
                "the path `/` is everything on this machine",
                "name the folders that are needed",
            );
        }
        Form::Paths if text == "workspace" || text.starts_with("workspace/") => {
            let message = format!("{} is inside the workspace: {}", quoted(text), quoted(value));
            findings.warn(spot, message, "the workspace itself is `.`");
        }
        Form::Commands => match launches(value) {
            Some(Launches::Code) => {
                let message = format!("`{value}` runs whatever code it is given, within the jail");
                findings.warn(spot, message, "grant the programs that are needed instead, if you can");
            }
            Some(Launches::Commands) => {
                let message = format!(
                    "`{value}` starts other programs: granting it grants what it can start within the jail"
                );
                findings.warn(spot, message, "grant those programs by their own names instead, if you can");
            }
            None => {}
        },
        Form::Methods if value != "GET" => {
            let message = format!("the method `{value}` is not available in this version; it grants nothing");
            findings.warn(spot, message, "leave it for later, or remove it");
        }
        _ => {}
    }
}

fn check_channels(
    item: &Item,
    given: &BTreeMap<String, Vec<String>>,
    channels: &[Channel],
    findings: &mut Findings,
) {
    let known: Vec<String> = channels.iter().map(Channel::resource_name).collect();
    if known.is_empty() {
        let message = "the skill `message` has nowhere to post to: `## Channels` names no channel";
        findings.warn(item.spot, message, "add `## Channels` with `- board: forum`");
    }
    for channel in given.get("channels").into_iter().flatten().filter(|channel| !known.contains(channel)) {
        let list: Vec<&str> = known.iter().map(String::as_str).collect();
        let message = format!("`channels`: {} is not in `## Channels`", quoted(channel));
        let help = if list.is_empty() { "add it there".to_owned() } else { suggest(channel, &list) };
        findings.error(item.spot, message, help);
    }
}

/// The permits that a skill's grants give.
pub(crate) fn permits(agent: &AgentName, skill: &SkillGrant) -> Vec<String> {
    if !skill.available {
        return Vec::new();
    }
    let values = |name: &str| skill.grants.get(name).cloned().unwrap_or_default();
    let id = |grant: &str, value: &str| format!("skill:{}:{grant}:{value}", skill.skill);
    let each = |grant: &str, make: &dyn Fn(&str) -> String| -> Vec<String> {
        values(grant).iter().map(|value| make(value)).collect()
    };
    match skill.skill.as_str() {
        "file-reader" => each("paths", &|path| {
            permit(&id("paths", path), agent, &[Verb::FileRead], &Target::In("Path", path))
        }),
        "file-writer" => each("paths", &|path| {
            permit(&id("paths", path), agent, &[Verb::FileWrite], &Target::In("Path", path))
        }),
        // Only GET exists as an action, so methods without it permit nothing.
        "browser"
            if skill.grants.get("methods").is_some_and(|methods| !methods.iter().any(|m| m == "GET")) =>
        {
            Vec::new()
        }
        "browser" => each("hosts", &|host| {
            let target =
                if host.starts_with("*.") { Target::In("Host", host) } else { Target::Is("Host", host) };
            permit(&id("hosts", host), agent, &[Verb::WebGet], &target)
        }),
        "exec" => each("commands", &|command| {
            permit(&id("commands", command), agent, &[Verb::CommandRun], &Target::Is("Command", command))
        }),
        // Of columns no policy speaks: the jailed worker has only those that are granted.
        "sql" => {
            let Some(database) = &skill.tables.database else { return Vec::new() };
            let permits = skill.tables.tables.iter().map(|Table { name, .. }| {
                let table = format!("{database}/{name}");
                permit(&id("tables", &table), agent, &[Verb::TableRead], &Target::Is("Table", &table))
            });
            permits.collect()
        }
        "documents" => each("collections", &|name| {
            let verbs = [Verb::DocumentsSearch, Verb::DocumentsRead];
            permit(&id("collections", name), agent, &verbs, &Target::Is("Collection", name))
        }),
        "message" => each("channels", &|channel| {
            permit(&id("channels", channel), agent, &[Verb::MessagePost], &Target::Is("Channel", channel))
        }),
        _ => Vec::new(),
    }
}
