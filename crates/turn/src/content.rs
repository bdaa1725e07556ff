//! Who reads content: a right of its own, and each look on the record before it is answered.
//!
//! Content is what people and models said, arguments, results, sentences: everything of a record that is not on the
//! chain. A person reads what they said and heard themselves. Anything else takes a group's `content` right for the
//! agent, which being an administrator does not imply, and clearance for the record's labels. Looks that are refused are
//! on the record, too.

use std::sync::Arc;

use journal::read::{Query, Reader, Record};
use journal::{Draft, Event, Facts, Ground, Kind};
use monitor::Monitor;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vocab::{Decision, Labels, Layer, Person, PersonId, Resource, Verb};

use crate::agents::heard_in;
use crate::gateway::Gateway;
use crate::{Refusal, RefusalKind};

mod search;

pub(crate) use search::MAX_SEARCHED_BYTES;
pub use search::{Found, MAX_FOUND, MAX_SEARCHED, MAX_TEXT_BYTES};

/// The most records of which one look reads the content.
pub const MAX_LOOK: usize = 256;

/// The content of one record, as somebody may see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Which record.
    pub seq: u64,
    /// The record, to whoever may read its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// Its content, as it was written; null when there is none, it was erased or it may not be read.
    pub content: Value,
    /// It had content and it is no longer there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
    /// Why it may not be read, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Why somebody may not read some content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    layer: Layer,
    policy: &'static str,
    pub(crate) why: String,
}

/// Somebody who reads, and what their right to it depends on.
#[derive(Clone)]
pub(crate) struct Eyes {
    monitor: Arc<Monitor>,
    by: Person,
    solo: Option<PersonId>,
}

impl Eyes {
    /// Whether they may read the content of `record`; true when it is what they said or heard themselves.
    ///
    /// # Errors
    /// Why they may not.
    pub(crate) fn may_read(&self, record: &Record) -> Result<bool, Unread> {
        if record.person.as_ref() == Some(&self.by.id) && heard_in(record).is_some() {
            return Ok(true);
        }
        self.may_read_of(record.agent.as_ref(), record.labels.as_ref()).map(|()| false)
    }

    /// Whether they may read content of `agent` with these labels.
    ///
    /// # Errors
    /// Why they may not.
    pub(crate) fn may_read_of(
        &self,
        agent: Option<&vocab::AgentName>,
        labels: Option<&Labels>,
    ) -> Result<(), Unread> {
        let id = &self.by.id;
        let solo = self.solo.as_ref() == Some(id);
        if !solo && !self.monitor.may_read_content(&self.by, agent) {
            let whose =
                agent.map_or_else(|| "that belongs to no agent".to_owned(), |agent| format!("of `{agent}`"));
            let why = format!(
                "`{id}` may not read content {whose}; a group's `content` in bulkhead.toml grants it"
            );
            return Err(Unread { layer: Layer::Rights, policy: "rights:content", why });
        }
        self.cleared_for(labels.unwrap_or(&Labels::default()))
    }

    /// Whether they may read what was read for them, now: by their right to it and their clearance as they are.
    ///
    /// # Errors
    /// Why they may not.
    pub(crate) fn may_read_own(
        &self,
        verb: Verb,
        resource: &Resource,
        labels: &Labels,
    ) -> Result<(), Unread> {
        if !self.monitor.holds(&self.by, verb, resource) {
            let id = &self.by.id;
            let why = format!(
                "`{id}` has no right to `{resource}` any more: what was heard of it stands in the conversation"
            );
            return Err(Unread { layer: Layer::Rights, policy: "rights:content", why });
        }
        self.cleared_for(labels)
    }

    fn cleared_for(&self, labels: &Labels) -> Result<(), Unread> {
        let id = &self.by.id;
        let ordinary = Labels::default();
        // By the settings as they are now: a clearance that was lowered counts.
        let clearance = self.monitor.person(id).map_or(&ordinary, |person| &person.clearance);
        if labels.within(clearance) {
            return Ok(());
        }
        let why = format!("this carries `{labels}`, and `{id}` is cleared for `{clearance}`");
        Err(Unread { layer: Layer::Flow, policy: "flow:content", why })
    }
}

impl Gateway {
    pub(crate) fn eyes(&self, by: &Person) -> Result<Eyes, Refusal> {
        Ok(Eyes { monitor: self.monitor()?, by: by.clone(), solo: self.config.solo.clone() })
    }

    /// The content of records, in the order of `seqs`; those that are not there are left out. Where the contents are
    /// large, the last ones are left out, too: ask for them again. The look is durable before this answers.
    ///
    /// # Errors
    /// When it is one record and this person may not read it or it is not there, there are too many, or the record
    /// cannot be read or written.
    pub async fn content(&self, by: &Person, seqs: Vec<u64>) -> Result<Vec<Look>, Refusal> {
        if seqs.is_empty() || seqs.len() > MAX_LOOK {
            let message = format!("ask for the content of 1 to {MAX_LOOK} records at once");
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        let alone = seqs.len() == 1;
        let eyes = self.eyes(by)?;
        let look = move |reader: &Reader| {
            let mut looked = Looked::default();
            for seq in seqs {
                if looked.bytes >= journal::read::MAX_PAGE_BYTES {
                    break;
                }
                if let Some(record) = reader.show(seq)? {
                    looked.at(reader, &eyes, record)?;
                }
            }
            Ok(looked)
        };
        let looked = self.looking(look).await?;
        self.record_looks(by, &looked).await?;
        if alone {
            let Some(look) = looked.looks.first() else {
                let message = "there is no such record; `bulkhead audit tail` shows the newest";
                return Err(Refusal::new(RefusalKind::NotFound, message));
            };
            if let Some(why) = &look.refused {
                return Err(Refusal::new(RefusalKind::Forbidden, why.clone()));
            }
        }
        Ok(looked.looks)
    }

    /// Makes a look durable, with what of it was refused.
    async fn record_looks(&self, by: &Person, looked: &Looked) -> Result<(), Refusal> {
        let mut drafts = Vec::new();
        if !looked.read.is_empty() {
            drafts.push(of_look(by, Event::ContentRead, &looked.read, looked.own));
        }
        drafts.extend(self.refused_look(by, &looked.refused));
        self.record_all(drafts).await
    }

    /// The record of a look that was refused; none when it is told in the sum of the person's refusals.
    fn refused_look(&self, by: &Person, refused: &[(Record, Unread)]) -> Option<Draft> {
        let (_, first) = refused.first()?;
        if !self.tells_refusal(by) {
            return None;
        }
        let records: Vec<Record> = refused.iter().map(|(record, _)| record.clone()).collect();
        Some(Draft {
            decision: Some(Decision::Deny),
            ..refusal(of_look(by, Event::ContentRefused, &records, false), first)
        })
    }

    /// Makes records durable that no effect waits for.
    pub(crate) async fn record_all(&self, drafts: Vec<Draft>) -> Result<(), Refusal> {
        if drafts.is_empty() {
            return Ok(());
        }
        let subject = crate::records::subject_of(&drafts)?;
        let entry = journal::Entry { subject, records: drafts, state: Vec::new() };
        drop(self.journal.append(entry).await?);
        Ok(())
    }

    /// Records a look at a conversation that was refused.
    pub(crate) async fn refuse_conversation(
        &self,
        by: &Person,
        id: &vocab::SessionId,
        agent: &vocab::AgentName,
        why: &Unread,
    ) -> Result<(), Refusal> {
        if !self.tells_refusal(by) {
            return Ok(());
        }
        let mut draft = Draft::of_event(Kind::Admin, Event::ContentRefused, Facts::new());
        draft.person = Some(by.id.clone());
        draft.session = Some(id.clone());
        draft.agent = Some(agent.clone());
        draft.decision = Some(Decision::Deny);
        self.record(refusal(draft, why), Vec::new()).await
    }
}

/// What somebody looked at.
#[derive(Default)]
struct Looked {
    looks: Vec<Look>,
    /// What they read, and whether all of it was their own.
    read: Vec<Record>,
    own: bool,
    refused: Vec<(Record, Unread)>,
    bytes: usize,
}

impl Looked {
    fn at(&mut self, reader: &Reader, eyes: &Eyes, record: Record) -> Result<(), Refusal> {
        let (seq, erased) = (record.seq, record.erased);
        match eyes.may_read(&record) {
            Ok(own) => {
                let content = reader.content(seq)?.unwrap_or_default();
                self.bytes = self.bytes.saturating_add(content.to_string().len());
                self.own = own && (self.own || self.read.is_empty());
                self.looks.push(Look { seq, record: Some(record.clone()), content, erased, refused: None });
                self.read.push(record);
            }
            Err(why) => {
                let refused = Some(why.why.clone());
                self.looks.push(Look { seq, record: None, content: Value::Null, erased, refused });
                self.refused.push((record, why));
            }
        }
        Ok(())
    }
}

/// The record of a look at `records`, which names their agent and conversation if all have the same.
pub(crate) fn of_look(by: &Person, event: Event, records: &[Record], own: bool) -> Draft {
    let seqs: Vec<u64> = records.iter().map(|record| record.seq).collect();
    let facts = Facts::new().with("records", ranges(&seqs)).with("count", seqs.len() as u64);
    let mut draft = Draft::of_event(Kind::Admin, event, if own { facts.with("own", true) } else { facts });
    draft.person = Some(by.id.clone());
    draft.agent = same(records, |record| record.agent.as_ref());
    draft.session = same(records, |record| record.session.as_ref());
    let labels = records.iter().filter_map(|record| record.labels.as_ref());
    draft.labels = labels.cloned().reduce(|all, labels| all.join(&labels));
    draft
}

fn refusal(mut draft: Draft, why: &Unread) -> Draft {
    draft.reasons = vec![Ground { layer: why.layer, policy: why.policy.to_owned() }];
    draft.payload = crate::records::why(&why.why);
    draft
}

/// What all records have in common, if it is the same.
fn same<T: PartialEq + Clone>(records: &[Record], of: impl Fn(&Record) -> Option<&T>) -> Option<T> {
    let first = of(records.first()?)?;
    records.iter().all(|record| of(record) == Some(first)).then(|| first.clone())
}

/// Numbers as `3-5,9`, in order.
pub(crate) fn ranges(seqs: &[u64]) -> String {
    let mut sorted = seqs.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let runs = sorted.chunk_by(|one, other| one.saturating_add(1) == *other).filter_map(|run| {
        let (first, last) = (run.first()?, run.last()?);
        Some(if first == last { first.to_string() } else { format!("{first}-{last}") })
    });
    runs.collect::<Vec<_>>().join(",")
}

/// Reads on a thread that may wait for the database.
pub(crate) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(read).await.map_err(|error| {
        Refusal::new(RefusalKind::Unavailable, format!("the record could not be read: {error}"))
    })?
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn numbers_are_told_as_ranges() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[7]), "7");
        assert_eq!(ranges(&[9, 3, 4, 5, 5, u64::MAX]), format!("3-5,9,{}", u64::MAX));
    }
}
