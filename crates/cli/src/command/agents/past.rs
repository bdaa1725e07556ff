//! What an agent's SOUL.md was: its versions, what they differ in, and an earlier one brought back.

use serde_json::{Value, json};
use turn::{Soul, SoulDiff, SoulVersion, SoulVersions};
use vocab::{AgentName, Ambient as _};

use super::confirmed;
use crate::ambient::Machine;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::terminal::{Keep, Screen, Table, age, diff, visible};

/// The most requests of one list, each of which has as many versions as the gateway gives at once.
const MAX_PAGES: usize = 16;

pub(super) async fn versions(screen: Screen, client: &Client, name: &AgentName) -> Result<Exit, Failure> {
    let mut all: Vec<SoulVersion> = Vec::new();
    let mut path = format!("agents/{name}/soul/versions");
    for _ in 0..MAX_PAGES {
        let page: SoulVersions = client.get(&path).await?;
        all.extend(page.versions);
        let Some(before) = page.before else { break };
        path = format!("agents/{name}/soul/versions?before={before}");
    }
    if screen.json() {
        screen.value(&all)?;
        return Ok(Exit::Done);
    }
    let now = Machine.now();
    let mut table = Table::new(&["NUMBER", "WHEN", "BY", "FROM", "BYTES", "SHA-256"]);
    for version in &all {
        table.row(vec![
            version.number.to_string(),
            age(now, version.time),
            version.by.as_ref().map_or_else(|| "by hand".to_owned(), ToString::to_string),
            version.from.map(|from| from.to_string()).unwrap_or_default(),
            version.bytes.to_string(),
            version.version.to_string(),
        ]);
    }
    if table.is_empty() {
        screen.line(&format!("no version of the SOUL.md of {name} has held yet"))?;
    } else {
        table.print(screen)?;
    }
    Ok(Exit::Done)
}

pub(super) async fn compare(
    screen: Screen,
    client: &Client,
    name: &AgentName,
    from: Option<u64>,
    to: Option<u64>,
) -> Result<Exit, Failure> {
    let named = [("from", from), ("to", to)].into_iter();
    let query: Vec<String> = named.filter_map(|(name, number)| Some(format!("{name}={}", number?))).collect();
    let found: SoulDiff = client.get(&format!("agents/{name}/soul/diff?{}", query.join("&"))).await?;
    if screen.json() {
        screen.value(&found)?;
        return Ok(Exit::Done);
    }
    let to = found.to.map_or_else(|| "what lies there".to_owned(), |to| format!("version {to}"));
    let SoulDiff { from, diff: way, .. } = found;
    if way.is_empty() && !way.cut {
        screen.line(&format!("version {from} of the SOUL.md of {name} is {to}"))?;
        return Ok(Exit::Done);
    }
    screen.line(&format!(
        "SOUL.md of {name}, from version {from} to {to}: {} added, {} removed",
        way.added, way.removed
    ))?;
    diff(screen, &way).iter().try_for_each(|line| screen.line(line))?;
    Ok(Exit::Done)
}

pub(super) async fn roll_back(
    screen: Screen,
    client: &Client,
    name: &AgentName,
    number: u64,
    yes: bool,
) -> Result<Exit, Failure> {
    let there: Soul = client.get(&format!("agents/{name}/soul")).await?;
    if !yes && !confirmed(&format!("make version {number} the SOUL.md of {name}"))? {
        return Ok(Exit::Refused);
    }
    let body = json!({ "number": number, "version": there.version });
    let written: Value = client.post(&format!("agents/{name}/soul/rollback"), &body).await?;
    if screen.json() {
        screen.value(&written)?;
        return Ok(Exit::Done);
    }
    let version = written.get("version").and_then(Value::as_str).unwrap_or_default();
    if version == there.version.to_string() {
        screen.line(&format!("the SOUL.md of {name} is version {number} already"))?;
    } else {
        screen.line(&format!(
            "the SOUL.md of {name} is that of version {number} again: {}",
            visible(version, Keep::Nothing)
        ))?;
    }
    Ok(Exit::Done)
}
