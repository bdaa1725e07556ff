//! The rehearsal model: a script instead of a model, for demos, tests and red teaming.
//!
//! In: a scenario file and the call. Out: the next turn of the script as an [`Answer`], under the same
//! limits as a server's. Every answer's text begins with [`MARK`], so that nobody takes it for a model's.
//!
//! A script keeps no place of its own: a conversation may go on after a restart, and the same scenario may
//! be played by many at once. The place is worked out from the call's messages. They are walked through
//! in order; each message of the assistant stands for the turn that was played then (the first one, from
//! the place reached, whose `when` is in the message before it), and moves the place behind that turn.
//!
//! ```yaml
//! model: incident              # what it plays, for people; optional
//! turns:
//!   - say: I will look into it.
//!     calls:
//!       - skill: file-reader
//!         arguments: {path: /srv/docs/a.md}
//!       - skill: file-reader
//!         raw: '{"path": '     # arguments exactly as written, however wrong
//!   - when: denied             # passed over unless the last message holds this
//!     say: That was denied.
//!   - expect: Status           # must be in the last message, or the rehearsal says that it went astray
//!     reasoning: not for the person
//!     say: Done.
//!     delay_ms: 200
//!     repeat: true             # on the last turn only: it is played for ever
//! ```

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::io::AsyncReadExt as _;
use vocab::{Answer, Role};

use crate::assembly::Assembly;
use crate::error::ModelError;
use crate::plain::{MAX_QUOTED_CHARS, plain};
use crate::server::REHEARSAL;
use crate::wire::{Call, CallPart, FunctionPart};

/// What every answer of a rehearsal begins with.
pub const MARK: &str = "[rehearsal]";

/// What a rehearsal is, for whoever asks.
pub(crate) const DESCRIPTION: &str = "rehearsal model: a script, not a real model";

/// The largest scenario file, in bytes.
pub const MAX_SCENARIO_BYTES: usize = 1024 * 1024;

/// The most turns of a scenario.
pub const MAX_TURNS: usize = 1000;

/// How deep a scenario may nest: arguments have structure of their own.
const MAX_DEPTH: usize = 32;

/// The longest that a turn waits, in milliseconds: as long as a model that never answers, for whoever rehearses a stop.
pub const MAX_DELAY_MS: u64 = 600_000;

/// The longest name of a scenario, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// A script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    #[serde(default)]
    model: Option<String>,
    turns: Vec<Turn>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    #[serde(default)]
    when: Option<String>,
    #[serde(default)]
    expect: Option<String>,
    #[serde(default)]
    say: String,
    #[serde(default)]
    reasoning: String,
    #[serde(default)]
    calls: Vec<ScriptedCall>,
    #[serde(default)]
    delay_ms: u64,
    #[serde(default)]
    repeat: bool,
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptedCall {
    skill: String,
    #[serde(default)]
    arguments: Option<Map<String, Value>>,
    #[serde(default)]
    raw: Option<String>,
}

impl Scenario {
    /// Reads the scenario `name` in `dir`.
    pub(crate) async fn load(dir: &Path, name: &str) -> Result<Self, ModelError> {
        let failed = |why: String| ModelError::Rehearsal {
            name: plain(name, MAX_NAME_BYTES),
            why: plain(&why, MAX_QUOTED_CHARS),
        };
        if !is_name(name) {
            return Err(failed("a scenario's name has a-z, 0-9, `-` and `_` only".to_owned()));
        }
        let path = dir.join(format!("{name}.yaml"));
        let text = read(&path).await.map_err(|why| failed(format!("`{}` {why}", path.display())))?;
        Self::parse(&text).map_err(|why| failed(format!("`{}` {why}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_SCENARIO_BYTES {
            return Err(too_large());
        }
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_aliases: 0, max_anchors: 0, max_documents: 1 },
            with_snippet: false,
        };
        let scenario: Self =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), String> {
        if self.turns.is_empty() || self.turns.len() > MAX_TURNS {
            return Err(format!("must have 1 to {MAX_TURNS} turns, and has {}", self.turns.len()));
        }
        for (number, turn) in (1..).zip(&self.turns) {
            if turn.delay_ms > MAX_DELAY_MS {
                return Err(format!("turn {number}: `delay_ms` is over {MAX_DELAY_MS}"));
            }
            if turn.repeat && number < self.turns.len() {
                return Err(format!("turn {number}: only the last turn can `repeat`"));
            }
            if turn.calls.iter().any(|call| call.arguments.is_some() == call.raw.is_some()) {
                return Err(format!("turn {number}: a call has either `arguments` or `raw`"));
            }
        }
        Ok(())
    }

    /// The script's next answer to `call`.
    pub(crate) async fn play(&self, call: &Call) -> Result<Answer, ModelError> {
        let (place, last) = self.place(call);
        let mut assembly = Assembly::new(REHEARSAL);
        match self.next(place, last) {
            None => assembly.text(&self.at_an_end())?,
            Some((_, turn)) => {
                tokio::time::sleep(Duration::from_millis(turn.delay_ms)).await;
                match turn.expect.as_deref().filter(|expected| !last.contains(*expected)) {
                    Some(expected) => assembly.text(&format!(
                        "The script went astray here: it expected `{expected}` in the last message."
                    ))?,
                    None => turn.speak(&mut assembly)?,
                }
            }
        }
        Ok(marked(assembly.whole(call)?))
    }

    /// The place that the conversation has reached, and its last message.
    fn place<'a>(&self, call: &'a Call) -> (usize, &'a str) {
        let mut place = 0;
        let mut last = "";
        for message in &call.messages {
            if message.role == Role::Assistant {
                place = match self.next(place, last) {
                    Some((at, turn)) if turn.repeat => at,
                    Some((at, _)) => at.saturating_add(1),
                    None => self.turns.len(),
                };
            }
            last = &message.content;
        }
        (place, last)
    }

    /// The first turn from `place` on that answers `last`.
    fn next(&self, place: usize, last: &str) -> Option<(usize, &Turn)> {
        let fits = |turn: &Turn| turn.when.as_deref().is_none_or(|when| last.contains(when));
        self.turns.iter().enumerate().skip(place).find(|(_, turn)| fits(turn))
    }

    fn at_an_end(&self) -> String {
        match &self.model {
            Some(model) => {
                format!("The script `{}` has no further turn for this.", plain(model, MAX_NAME_BYTES))
            }
            None => "The script has no further turn for this.".to_owned(),
        }
    }
}

impl Turn {
    fn speak(&self, assembly: &mut Assembly) -> Result<(), ModelError> {
        assembly.reasoning(&self.reasoning)?;
        assembly.text(&self.say)?;
        for (index, call) in (0..).zip(&self.calls) {
            let arguments = match (&call.arguments, &call.raw) {
                (Some(arguments), _) => Value::String(Value::Object(arguments.clone()).to_string()),
                (None, raw) => Value::String(raw.clone().unwrap_or_default()),
            };
            let function = FunctionPart { name: Some(call.skill.clone()), arguments: Some(arguments) };
            assembly.call(CallPart { index: Some(index), id: None, function: Some(function) })?;
        }
        assembly.usage(self.prompt_tokens, self.completion_tokens);
        Ok(())
    }
}

/// `answer` with the mark before its text, whatever the script has it say, and the reason why it stopped.
fn marked(mut answer: Answer) -> Answer {
    answer.text = format!("{MARK} {}", answer.text).trim_end().to_owned();
    answer.finish = if answer.tool_calls.is_empty() { "stop" } else { "tool_calls" }.to_owned();
    answer
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(allowed)
}

async fn read(path: &Path) -> Result<String, String> {
    let about = tokio::fs::metadata(path).await.map_err(|error| format!("cannot be read: {error}"))?;
    if !about.is_file() {
        return Err("is not a file".to_owned());
    }
    let file = tokio::fs::File::open(path).await.map_err(|error| format!("cannot be read: {error}"))?;
    let mut bytes = Vec::new();
    file.take(MAX_SCENARIO_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() > MAX_SCENARIO_BYTES {
        return Err(too_large());
    }
    vocab::text(bytes).map_err(|error| error.to_string())
}

fn too_large() -> String {
    format!("is larger than {MAX_SCENARIO_BYTES} bytes")
}

#[cfg(test)]
mod tests;
