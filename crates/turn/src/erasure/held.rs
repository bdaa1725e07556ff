//! Which holds there are, by the record: each that a record puts there and none takes off. A row of state keeps the reason
//! at hand and has to say the same; while one does not, nothing is erased.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use journal::read::{Reader, Record, Told};
use journal::{Event, Facts, Kind};
use serde_json::Value;
use vocab::{AgentName, HoldId, PersonId, SessionId, Timestamp};

use super::hold::{HOLD, Hold, HoldScope};
use crate::gateway::Gateway;
use crate::{Refusal, RefusalKind, records};

/// How often rows and record are read again because another gateway changed them in between.
const MAX_LOOKS: u32 = 4;

/// A hold as its record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) of: HoldScope,
    by: PersonId,
    since: Timestamp,
    seq: u64,
}

/// What is known of the record: it only grows, so it is gone through once and then from where that ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    upto: u64,
    holds: BTreeMap<HoldId, Recorded>,
    /// What was said of rows that differ, so that it is said once.
    said: Option<String>,
}

/// The rows by their names; none where one does not fit its form.
type Rows = BTreeMap<String, Option<Hold>>;

/// A row that differs, and how.
struct Differs {
    key: String,
    why: String,
}

impl Held {
    /// Goes on through the record.
    fn go_on(&mut self, reader: &Reader) -> Result<(), Refusal> {
        let events = vec![Event::HoldAdded, Event::HoldRemoved];
        let wanted = Told { kind: Kind::Admin, events, person: None, session: None, after: self.upto };
        let mut odd = None;
        let upto = reader.told(&wanted, |record| {
            if self.take(&record).is_some() {
                return ControlFlow::Continue(());
            }
            odd = Some(record.seq);
            ControlFlow::Break(())
        })?;
        if let Some(seq) = odd {
            let message = format!(
                "record {seq} is about a hold in a form that this version does not know, so nothing is erased; use the version that wrote it"
            );
            return Err(Refusal::new(RefusalKind::Unavailable, message));
        }
        self.upto = upto;
        Ok(())
    }

    fn take(&mut self, record: &Record) -> Option<()> {
        let id = HoldId::new(record.facts.text("hold")?).ok()?;
        if record.event == Some(Event::HoldRemoved) {
            self.holds.remove(&id);
            return Some(());
        }
        let hold = Recorded {
            of: HoldScope::from_facts(&record.facts)?,
            by: record.person.clone()?,
            since: record.time,
            seq: record.seq,
        };
        self.holds.insert(id, hold);
        Some(())
    }

    /// The first row that does not say what the record does.
    fn differs(&self, rows: &Rows) -> Option<Differs> {
        let way = "hold it anew with `bulkhead audit hold add` and take this one off with `bulkhead audit hold remove`";
        for (id, hold) in &self.holds {
            let why = match rows.get(id.as_str()) {
                Some(Some(row)) if row.of == hold.of => continue,
                Some(_) => "is of something else in its row",
                None => "has no row any more",
            };
            let why = format!("the hold `{id}` of record {} {why}; {way}", hold.seq);
            return Some(Differs { key: id.to_string(), why });
        }
        let stray = rows.keys().find(|key| !self.holds.keys().any(|id| id.as_str() == key.as_str()))?;
        let why = format!(
            "no record puts the hold `{stray}` there that a row has; take it off with `bulkhead audit hold remove`, or have the database's administrator delete the row `{HOLD}` `{stray}`"
        );
        Some(Differs { key: stray.clone(), why })
    }
}

impl HoldScope {
    /// What a record's facts say is held.
    fn from_facts(facts: &Facts) -> Option<Self> {
        let time = |name: &str| match facts.text(name) {
            Some(text) => text.parse::<Timestamp>().map(Some).ok(),
            None => Some(None),
        };
        Some(Self {
            person: facts.text("person").map(PersonId::new).transpose().ok()?,
            session: facts.text("session").map(SessionId::new).transpose().ok()?,
            agent: facts.text("agent").map(AgentName::new).transpose().ok()?,
            label: facts.text("label").map(str::to_owned),
            since: time("since")?,
            until: time("until")?,
        })
    }
}

impl Gateway {
    /// The holds that there are.
    ///
    /// # Errors
    /// When a row says something else than the record, which is an alert; then nothing may be erased.
    pub(super) async fn holds(&self) -> Result<Vec<Hold>, Refusal> {
        for _ in 0..MAX_LOOKS {
            let rows = self.hold_rows()?;
            let held = self.held().await?;
            // Another gateway that came in between has changed both at once.
            if self.hold_rows()? != rows {
                continue;
            }
            let Some(differs) = held.differs(&rows) else {
                self.held.lock().said = None;
                return Ok(rows.into_values().flatten().collect());
            };
            return Err(self.tell_differing(differs).await?);
        }
        let message = "other gateways change holds all the while, so nothing is erased yet";
        Err(Refusal::new(RefusalKind::Unavailable, message))
    }

    /// The holds as they are shown: those of the record, also where their rows are gone, and those that only a row has.
    pub(super) async fn all_holds(&self) -> Result<Vec<Hold>, Refusal> {
        let mut rows = self.hold_rows()?;
        let mut all = Vec::new();
        for (id, recorded) in self.held().await?.holds {
            let row = rows.remove(id.as_str()).flatten().filter(|row| row.of == recorded.of);
            all.push(match row {
                Some(row) => row,
                None => self.hold_by_record(id, recorded).await?,
            });
        }
        all.extend(rows.into_values().flatten());
        Ok(all)
    }

    /// The hold `id` by the record, if it is there.
    pub(super) async fn recorded_hold(&self, id: &HoldId) -> Result<Option<Hold>, Refusal> {
        match self.held().await?.holds.remove(id) {
            Some(recorded) => self.hold_by_record(id.clone(), recorded).await.map(Some),
            None => Ok(None),
        }
    }

    /// How many rows there are.
    pub(super) fn count_holds(&self) -> Result<usize, Refusal> {
        Ok(self.hold_rows()?.len())
    }

    async fn hold_by_record(&self, id: HoldId, recorded: Recorded) -> Result<Hold, Refusal> {
        let seq = recorded.seq;
        let reason = self
            .look(move |reader| {
                let Some(record) = reader.show(seq)? else { return Ok(None) };
                Ok(reader.committed(&record)?.and_then(|content| why(&content)))
            })
            .await?;
        let Recorded { of, by, since, .. } = recorded;
        Ok(Hold { id, of, reason: reason.unwrap_or_default(), by, since })
    }

    async fn held(&self) -> Result<Held, Refusal> {
        let mut held = self.held.lock().clone();
        let held = self.look(move |reader| held.go_on(reader).map(|()| held)).await?;
        let mut known = self.held.lock();
        if held.upto > known.upto {
            (known.upto, known.holds) = (held.upto, held.holds.clone());
        }
        drop(known);
        Ok(held)
    }

    fn hold_rows(&self) -> Result<Rows, Refusal> {
        // A hold that another gateway of this record put there is a hold.
        let rows = self.journal.everyones(HOLD)?;
        Ok(rows.into_iter().map(|(key, value)| (key, serde_json::from_value(value).ok())).collect())
    }

    /// Says once that a row differs; what whoever wanted to erase is told.
    async fn tell_differing(&self, differs: Differs) -> Result<Refusal, Refusal> {
        let why = format!(
            "nothing is erased, because a row of the database is not what the record says: {}",
            differs.why
        );
        let known = self.held.lock().said.as_ref() == Some(&why);
        if !known {
            tracing::error!("{why}");
            self.record(records::unfounded(HOLD, &differs.key, &why), Vec::new()).await?;
            self.held.lock().said = Some(why.clone());
        }
        Ok(Refusal::new(RefusalKind::Conflict, why))
    }
}

/// The reason that a record's content has.
fn why(content: &Value) -> Option<String> {
    Some(content.get("why")?.as_str()?.to_owned())
}
