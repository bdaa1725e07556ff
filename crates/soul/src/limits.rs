//! Every bound on a SOUL.md, by name, and the `## Limits` section.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::charter::Limits;
use crate::diagnostic::{Findings, quoted};
use crate::markdown::{Item, Section, key_value};
use crate::nearest::suggest;
use crate::values;

/// The deepest nesting of lists and quotes.
pub const MAX_NESTING: usize = 16;
/// The most rules.
pub const MAX_RULES: usize = 500;
/// The longest rule, in bytes.
pub const MAX_RULE_BYTES: usize = 8 * 1024;
/// The most skills.
pub const MAX_SKILLS: usize = 64;
/// The most channels.
pub const MAX_CHANNELS: usize = 64;
/// The most values of one grant.
pub const MAX_GRANT_VALUES: usize = 256;
/// The longest name, role, purpose, destination or value, in bytes.
pub const MAX_VALUE_BYTES: usize = 1024;
/// What a skill reads, writes or fetches at most in one call when no `max-bytes` is granted.
pub const DEFAULT_MAX_BYTES: u64 = 1024 * 1024;
/// The most that `max-bytes` may grant.
pub const MAX_GRANT_BYTES: u64 = 1024 * 1024 * 1024;
/// Processor time of each process of a command when no `cpu` is granted.
pub const DEFAULT_COMMAND_CPU: Duration = Duration::from_secs(30);
/// Wall time of a command when no `time` is granted.
pub const DEFAULT_COMMAND_TIME: Duration = Duration::from_secs(60);
/// The longest bare name of a command, in bytes (Linux's `NAME_MAX`).
pub const MAX_COMMAND_BYTES: usize = 255;
/// How many rows a query gives back at most when no `max-rows` is granted.
pub const DEFAULT_MAX_ROWS: u32 = 200;
/// The most that `max-rows` may grant.
pub const MAX_GRANT_ROWS: u64 = 100_000;
/// The least memory in which a jailed process starts.
pub const MIN_MEMORY_BYTES: u64 = 32 * 1024 * 1024;
/// The most memory that `memory` may name.
pub const MAX_MEMORY_BYTES: u64 = 64 * 1024 * 1024 * 1024;
/// The most actions a minute or a turn that a limit may name.
pub const MAX_ACTIONS: u32 = 10_000;
/// The most model tokens a day that a limit may name.
pub const MAX_TOKENS_PER_DAY: u64 = 1_000_000_000_000;
/// The shortest time that a duration may name.
pub const MIN_TIME: Duration = Duration::from_secs(1);
/// The longest time that a duration may name.
pub const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);

const NAMES: [&str; 5] =
    ["actions-per-minute", "actions-per-turn", "model-tokens-per-day", "turn-time", "memory"];

/// Reads `## Limits`. What it does not name keeps its default.
pub(crate) fn read(section: Option<&Section>, findings: &mut Findings) -> Limits {
    let mut limits = Limits::default();
    let mut seen = BTreeSet::new();
    let Some(section) = section else { return limits };
    section.refuse_prose(findings, "`- key: value`, such as `- actions-per-minute: 60`");
    for item in section.items() {
        item.refuse_children(findings, "a limit");
        let Some((name, value)) = key_value(&item.text) else {
            let message = format!("`- key: value` was expected, not {}", quoted(&item.text));
            findings.error(item.spot, message, "write it as in `- actions-per-minute: 60`");
            continue;
        };
        if !seen.insert(name.clone()) {
            let message = format!("the limit {} stands here a second time", quoted(&name));
            findings.error(item.spot, message, "keep one of them");
            continue;
        }
        set(&mut limits, &name, &value, item, findings);
    }
    limits
}

fn set(limits: &mut Limits, name: &str, value: &str, item: &Item, findings: &mut Findings) {
    let actions = || values::count(value, 1, u64::from(MAX_ACTIONS));
    let done = match name {
        "actions-per-minute" => actions().map(|n| limits.actions_per_minute = narrow(n)),
        "actions-per-turn" => actions().map(|n| limits.actions_per_turn = narrow(n)),
        "model-tokens-per-day" => {
            values::count(value, 1, MAX_TOKENS_PER_DAY).map(|n| limits.model_tokens_per_day = n)
        }
        "turn-time" => values::duration(value).map(|time| limits.turn_time = time),
        "memory" => {
            values::size(value, MIN_MEMORY_BYTES, MAX_MEMORY_BYTES).map(|bytes| limits.memory = bytes)
        }
        _ => {
            let message = format!("{} is not a limit", quoted(name));
            findings.error(item.spot, message, suggest(name, &NAMES));
            return;
        }
    };
    if let Err(mut fault) = done {
        fault.message = format!("`{name}`: {}", fault.message);
        findings.fault(item.spot, fault);
    }
}

fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(MAX_ACTIONS)
}
