//! Which records a command is about, and those records page by page.

use journal::read::{Query, ReadError, Reader, Record};
use journal::{Event, Kind};
use serde_json::{Value, json};
use vocab::{AgentName, Decision, PersonId, SessionId, Timestamp, Verb};

use super::{when, word};

/// The longest text that is searched for, in bytes.
const MAX_TEXT_BYTES: usize = 1_024;

/// Records that are read at once.
const PAGE: u32 = 1_000;

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// About this agent
    #[arg(long)]
    agent: Option<AgentName>,
    /// About this person
    #[arg(long)]
    person: Option<PersonId>,
    /// In this conversation
    #[arg(long)]
    session: Option<SessionId>,
    /// message, proposal, verdict, outcome, approval, admin, alert or auth
    #[arg(long, value_parser = word::<Kind>)]
    kind: Option<Kind>,
    /// What happened, as `docs/record.md` lists it: agent.killed, soul.changed, content.read ...
    #[arg(long, value_parser = word::<Event>)]
    event: Option<Event>,
    /// permit, ask, deny or kill
    #[arg(long, value_parser = word::<Decision>)]
    decision: Option<Decision>,
    /// Of this action: file.read, web.get, model.call and so on
    #[arg(long, value_name = "VERB", value_parser = word::<Verb>)]
    action: Option<Verb>,
    /// About data with this label: a level or a category
    #[arg(long, value_parser = label)]
    label: Option<String>,
    /// With this text in the resource, an identifier, a reason or an event; with `--content`, in the content
    #[arg(long, value_parser = text)]
    text: Option<String>,
    /// From then on: a date, a time, or how long ago (`7d`, `24h`, `30m`)
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<Timestamp>,
    /// Until then
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<Timestamp>,
    /// After this record
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// At most so many
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    limit: u64,
}

impl Which {
    /// The conditions, each as `name=value`. Of a text that is searched for only that there is one: it may be anything.
    pub(super) fn conditions(&self) -> Vec<String> {
        let text = |text: Option<&dyn std::fmt::Display>| text.map(ToString::to_string);
        let given = [
            ("agent", text(self.agent.as_ref().map(|it| it as _))),
            ("person", text(self.person.as_ref().map(|it| it as _))),
            ("session", text(self.session.as_ref().map(|it| it as _))),
            ("kind", self.kind.map(|it| it.as_str().to_owned())),
            ("event", self.event.map(|it| it.as_str().to_owned())),
            ("decision", self.decision.map(|it| it.as_str().to_owned())),
            ("action", self.action.map(|it| it.as_str().to_owned())),
            ("label", self.label.clone()),
            ("text", self.text.as_ref().map(|_| "given".to_owned())),
            ("since", text(self.since.as_ref().map(|it| it as _))),
            ("until", text(self.until.as_ref().map(|it| it as _))),
            ("after", text(self.after.as_ref().map(|it| it as _))),
            ("limit", (self.limit != u64::MAX).then(|| self.limit.to_string())),
        ];
        given.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect()
    }

    /// The conditions as the gateway takes them for content, and how many records are wanted.
    pub(super) fn wanted(&self) -> (Value, u64) {
        let wanted = json!({
            "text": self.text, "agent": self.agent, "person": self.person, "session": self.session,
            "kind": self.kind, "event": self.event, "decision": self.decision, "action": self.action,
            "label": self.label, "since": self.since, "until": self.until, "after": self.after,
        });
        (wanted, self.limit)
    }

    /// The records, page by page, oldest first.
    pub(super) fn pages(self, reader: &Reader) -> Pages<'_> {
        let query = Query {
            agent: self.agent,
            person: self.person,
            session: self.session,
            kind: self.kind,
            decision: self.decision,
            event: self.event,
            verb: self.action,
            label: self.label,
            text: self.text,
            since: self.since,
            until: self.until,
            after: self.after,
            before: None,
            erasable: false,
            limit: PAGE,
        };
        Pages { reader, query, left: self.limit }
    }
}

/// Pages of records.
pub(super) struct Pages<'a> {
    reader: &'a Reader,
    query: Query,
    left: u64,
}

impl Pages<'_> {
    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Record>>, ReadError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.query.limit = u32::try_from(self.left).unwrap_or(PAGE).min(PAGE);
        let records = self.reader.query(&self.query)?;
        let Some(last) = records.last() else { return Ok(None) };
        self.query.after = Some(last.seq);
        self.left = self.left.saturating_sub(records.len() as u64);
        Ok(Some(records))
    }
}

/// A level or a category.
fn label(text: &str) -> Result<String, String> {
    vocab::Labels::from_names([text]).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// A text to search for.
fn text(text: &str) -> Result<String, String> {
    match text.len() {
        1..=MAX_TEXT_BYTES => Ok(text.to_owned()),
        _ => Err(format!("give 1 to {MAX_TEXT_BYTES} bytes of text")),
    }
}
