//! Searching what was said in a person's own conversations, the newest first.
//!
//! The record is gone through from its end back, by the blocks in which the person occurs, and what was said is held against
//! the words here: so both databases mean the same by a capital letter, and there is no index that a commit would have to
//! write and an erasure to clean. Each search goes a bounded way and says how far it came.

use std::collections::{BTreeMap, VecDeque};

use journal::Event;
use journal::read::{Query, Reader, Record};
use serde::Deserialize;
use serde_json::json;
use vocab::{AgentName, Person, SessionId, Timestamp};

use crate::agents::heard_in;
use crate::content::{MAX_SEARCHED, MAX_SEARCHED_BYTES, MAX_TEXT_BYTES, of_look};
use crate::gateway::Gateway;
use crate::session;
use crate::view::{Passage, Recalled};
use crate::{Refusal, RefusalKind};

/// The most passages that one search gives.
pub const MAX_RECALLED: usize = 100;

/// How many it gives when nobody says.
const USUALLY_RECALLED: usize = 20;

/// The most words that are searched for at once.
const MAX_WORDS: usize = 16;

/// The records that are read at once.
const AT_ONCE: u32 = 256;

/// How much is shown before and behind a word, in characters.
const SHOWN_BEFORE: usize = 60;
const SHOWN_BEHIND: usize = 140;

/// What somebody searches their own conversations for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// Words, all of which are in what was said, whatever the case of their letters.
    pub text: String,
    /// In conversations with this agent alone.
    #[serde(default)]
    pub agent: Option<AgentName>,
    /// Where the last search ended.
    #[serde(default)]
    pub after: Option<u64>,
    /// At most so many; never more than [`MAX_RECALLED`].
    #[serde(default)]
    pub limit: Option<u32>,
}

/// How far a search came.
#[derive(Default)]
struct Found {
    hits: Vec<Hit>,
    through: usize,
    after: Option<u64>,
    until: Option<Timestamp>,
}

struct Hit {
    record: Record,
    session: SessionId,
    by: &'static str,
    passage: Around,
}

/// A word, and what stands around it.
#[derive(Debug, PartialEq, Eq)]
struct Around {
    before: String,
    word: String,
    after: String,
}

impl Gateway {
    /// What was said to and by this person in their own conversations and has all of the words, the newest first. What was
    /// erased, held back or said to others is not looked through. The search is durable before this answers, with its words.
    ///
    /// # Errors
    /// When there are no words or too many, or the record cannot be read or written.
    pub async fn recall(&self, by: &Person, wanted: Recall) -> Result<Recalled, Refusal> {
        let words: Vec<String> = wanted.text.split_whitespace().map(str::to_lowercase).collect();
        if words.is_empty() || words.len() > MAX_WORDS || wanted.text.len() > MAX_TEXT_BYTES {
            let message =
                format!("search for 1 to {MAX_WORDS} words, of at most {MAX_TEXT_BYTES} bytes together");
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        let most = match wanted.limit {
            None | Some(0) => USUALLY_RECALLED,
            Some(limit) => usize::try_from(limit).unwrap_or(MAX_RECALLED).min(MAX_RECALLED),
        };
        let query = Query {
            person: Some(by.id.clone()),
            agent: wanted.agent,
            before: wanted.after,
            limit: AT_ONCE,
            ..Query::default()
        };
        let found = self.looking(move |reader| go(reader, query, &words, most)).await?;
        let records: Vec<Record> = found.hits.iter().map(|hit| hit.record.clone()).collect();
        let mut draft = of_look(by, Event::ContentSearched, &records, true);
        draft.facts =
            std::mem::take(&mut draft.facts).with("own", true).with("searched", found.through as u64);
        draft.payload = json!({ "text": wanted.text });
        self.record(draft, Vec::new()).await?;
        let (after, until) = (found.after, found.until.filter(|_| found.after.is_some()));
        Ok(Recalled { items: self.passages(by, found.hits)?, after, until })
    }

    /// The passages, each with its conversation; none of one that is this person's no more.
    fn passages(&self, by: &Person, hits: Vec<Hit>) -> Result<Vec<Passage>, Refusal> {
        let mut titles: BTreeMap<SessionId, Option<(AgentName, Option<String>)>> = BTreeMap::new();
        let mut passages = Vec::new();
        for Hit { record, session, by: said_by, passage } in hits {
            if !titles.contains_key(&session) {
                let row = session::session(&self.journal, &session)?.filter(|row| row.person == by.id);
                let named = match row {
                    Some(row) => Some((row.agent, session::title(&self.journal, &session)?)),
                    None => None,
                };
                titles.insert(session.clone(), named);
            }
            let Some((agent, title)) = titles.get(&session).cloned().flatten() else { continue };
            let Around { before, word, after } = passage;
            let (seq, time, by) = (record.seq, record.time, said_by.to_owned());
            passages.push(Passage { session, agent, title, seq, time, by, before, word, after });
        }
        Ok(passages)
    }
}

/// Goes back through what was said until there is enough or a bound is reached.
fn go(reader: &Reader, mut query: Query, words: &[String], most: usize) -> Result<Found, Refusal> {
    let (mut found, mut bytes) = (Found::default(), 0_usize);
    loop {
        let back = reader.back(&query)?;
        // Fewer than were asked for: the look back itself has come to its bound, or to the beginning.
        let bounded = back.records.len() < AT_ONCE as usize;
        for record in back.records {
            let seq = record.seq;
            found.through = found.through.saturating_add(1);
            found.until = Some(record.time);
            bytes = bytes.saturating_add(look(reader, record, words, &mut found.hits)?);
            if found.hits.len() >= most || bytes >= MAX_SEARCHED_BYTES || found.through >= MAX_SEARCHED {
                found.after = Some(seq);
                return Ok(found);
            }
        }
        found.after = back.before;
        query.before = back.before;
        if bounded || back.before.is_none() {
            return Ok(found);
        }
    }
}

/// Looks at what one record says that was said; how many bytes that is.
fn look(reader: &Reader, record: Record, words: &[String], hits: &mut Vec<Hit>) -> Result<usize, Refusal> {
    let (Some((by, place)), Some(session)) = (heard_in(&record), record.session.clone()) else {
        return Ok(0);
    };
    let content = reader.content(record.seq)?.unwrap_or_default();
    let Some(text) = content.pointer(place).and_then(|text| text.as_str()) else { return Ok(0) };
    if let Some(passage) = around(text, words) {
        hits.push(Hit { record, session, by, passage });
    }
    Ok(text.len())
}

/// The first place of the first word in a text that has all of them. The words are in lower case.
fn around(text: &str, words: &[String]) -> Option<Around> {
    let lower = text.to_lowercase();
    if !words.iter().all(|word| lower.contains(word.as_str())) {
        return None;
    }
    let first = words.first()?;
    let begin = lower.find(first.as_str())?;
    let end = begin.saturating_add(first.len());
    let (mut before, mut word, mut after) = (VecDeque::new(), String::new(), String::new());
    let (mut passed, mut behind, mut cut) = (0_usize, 0_usize, false);
    for c in text.chars() {
        // A letter may have more bytes in lower case, or fewer.
        let from = passed;
        passed = passed.saturating_add(c.to_lowercase().map(char::len_utf8).sum());
        if passed <= begin {
            before.push_back(c);
            if before.len() > SHOWN_BEFORE {
                cut = true;
                before.pop_front();
            }
        } else if from < end {
            word.push(c);
        } else if behind == SHOWN_BEHIND {
            after.push('\u{2026}');
            break;
        } else {
            behind = behind.saturating_add(1);
            after.push(c);
        }
    }
    let before: String = cut.then_some('\u{2026}').into_iter().chain(before).collect();
    Some(Around { before: one_line(&before), word: one_line(&word), after: one_line(&after) })
}

/// A text on one line; what it begins and ends with stays apart from its neighbours.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if !c.is_whitespace() => line.push(c),
            _ if line.ends_with(' ') => {}
            _ => line.push(' '),
        }
    }
    line
}

#[cfg(test)]
mod tests;
