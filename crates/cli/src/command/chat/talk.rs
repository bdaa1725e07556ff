//! A conversation with an agent: sending, following, and what Ctrl-C leaves behind.

use std::io::Write as _;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use turn::Event;
use vocab::{AgentName, SessionId};

use super::tell::Course;
use crate::client::{Client, Lines};
use crate::failure::{Exit, Failure};
use crate::terminal::{REDUCED, Screen, say};

/// One person's conversation with one agent.
pub(super) struct Talk {
    client: Client,
    screen: Screen,
    agent: AgentName,
    session: Option<SessionId>,
}

impl Talk {
    pub(super) const fn new(
        client: Client,
        screen: Screen,
        agent: AgentName,
        session: Option<SessionId>,
    ) -> Self {
        Self { client, screen, agent, session }
    }

    /// Sends one message and follows its turn to the end.
    pub(super) async fn ask(&mut self, message: &str) -> Result<Exit, Failure> {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
        let body = json!({ "text": message, "session": self.session });
        let path = format!("agents/{}/messages", self.agent);
        let mut course = Course::new(self.screen);
        let mut lines = self.client.follow(&path, &body).await?;
        if lines.reduced() {
            say(REDUCED);
        }
        tokio::select! {
            followed = self.follow(&mut lines, &mut course) => followed?,
            _ = interrupt.recv() => {
                say(&course.left_behind(&self.agent));
                return Ok(Exit::Interrupted);
            }
        }
        course.exit()
    }

    async fn follow(&mut self, lines: &mut Lines, course: &mut Course) -> Result<(), Failure> {
        while let Some(line) = lines.next().await? {
            let misfit = |error: serde_json::Error| {
                Failure::internal(format!(
                    "the gateway sent something that is no event ({error}): is it of another version?"
                ))
            };
            let value: Value = serde_json::from_slice(&line).map_err(misfit)?;
            if self.screen.json() {
                self.screen.value(&value)?;
            }
            if matches!(value.get("type").and_then(Value::as_str), Some("missed" | "ended")) {
                let missed = value.get("message").and_then(Value::as_str).unwrap_or_default();
                say(missed);
                continue;
            }
            let event: Event = serde_json::from_value(value).map_err(misfit)?;
            self.session = Some(event.session.clone());
            course.tell(&event)?;
        }
        Ok(())
    }

    /// Reads messages from the terminal until an empty line or its end.
    pub(super) async fn converse(&mut self) -> Result<Exit, Failure> {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
        say(&format!("a conversation with {}; an empty line or Ctrl-D ends it", self.agent));
        loop {
            prompt()?;
            let typed = tokio::select! {
                typed = tokio::task::spawn_blocking(read_line) => typed
                    .map_err(|error| Failure::internal(format!("the terminal cannot be read: {error}")))??,
                _ = interrupt.recv() => break,
            };
            let message = typed.trim();
            if message.is_empty() {
                break;
            }
            match self.ask(message).await {
                Ok(Exit::Interrupted) => break,
                Ok(_) => {}
                // What one message was refused for, the next need not be.
                Err(failure) if failure.exit == Exit::Refused => say(&failure.sentence),
                Err(failure) => return Err(failure),
            }
        }
        if let Some(session) = &self.session {
            say(&format!("go on with it: bulkhead chat {} --session {session}", self.agent));
        }
        Ok(Exit::Done)
    }
}

fn unheard(error: std::io::Error) -> Failure {
    Failure::internal(format!("signals cannot be heard: {error}"))
}

fn prompt() -> Result<(), Failure> {
    let mut err = std::io::stderr().lock();
    err.write_all(b"> ")
        .and_then(|()| err.flush())
        .map_err(|error| Failure::unreachable(format!("the terminal cannot be written: {error}")))
}

fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::usage(format!("what was typed cannot be read: {error}")))?;
    Ok(line)
}
