//! What happened in a conversation on the way to its answers, from the record: each action with its verdict and what came of it,
//! as whoever followed was told; and the passage that one of them read.
//!
//! Both are looks at content, at one's own conversation or by the right to it, and durable before they are answered.

use std::collections::{BTreeMap, BTreeSet};

use journal::read::{Query, Reader, Record};
use journal::{Draft, Event, Facts, Kind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vocab::{
    Action, ApprovalId, Body, Decision, Labels, Outcome, Person, ProposalId, Reason, Resource, SessionId,
    Status, Timestamp, TurnId, Verb,
};

use crate::event::ApprovalState;
use crate::gateway::Gateway;
use crate::perform::heard;
use crate::session::{self, SessionRow};
use crate::state::summary;
use crate::{Refusal, RefusalKind, branch, looking};

/// The most records that one page of steps is made of.
pub const MAX_STEPS: u32 = 500;

/// The most characters of a passage.
pub const MAX_PASSAGE_CHARS: usize = 20_000;

/// The most records of one action that are looked at for its passage: an action is judged twice at most, and ends once.
const MAX_ENDS: u32 = 16;

/// Some of what happened in a conversation, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Steps {
    /// What happened.
    pub steps: Vec<Step>,
    /// Where to go on towards the beginning; none at it.
    pub before: Option<u64>,
}

/// One thing that happened. In JSON a flat object with `type`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// The record that has it: its place in the conversation.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// In which turn.
    pub turn: TurnId,
    /// What.
    #[serde(flatten)]
    pub what: Happened,
}

/// What happened, as its event told it. Where the words have been erased, they are missing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Happened {
    /// The agent proposed an action. Of model calls and replies the arguments are left out.
    Proposal {
        /// Which proposal.
        proposal: ProposalId,
        /// Its canonical action.
        action: Action,
    },
    /// It was judged.
    Verdict {
        /// Which proposal.
        proposal: ProposalId,
        /// The answer.
        decision: Decision,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// Its effect ended.
    Outcome {
        /// Which proposal.
        proposal: ProposalId,
        /// How.
        status: Status,
        /// The labels of what came back.
        labels: Labels,
        /// What came back, shortened; empty when it is above `internal`.
        summary: String,
    },
    /// A part of a reply was delivered while the model was still making the rest.
    Part {
        /// Which proposal.
        proposal: ProposalId,
        /// The words; none where they have been erased.
        text: String,
    },
    /// An action that waited for a person no longer did.
    Approval {
        /// Which approval.
        approval: ApprovalId,
        /// How it stood from then on.
        state: ApprovalState,
    },
    /// The turn ended without an answer.
    Error {
        /// Why, in one sentence.
        message: String,
    },
    /// The turn was over.
    End,
}

/// What an action read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Passage {
    /// Which action.
    pub proposal: ProposalId,
    /// What it was.
    pub verb: Verb,
    /// From where.
    pub resource: Resource,
    /// The labels of what was read.
    pub labels: Labels,
    /// The words, up to [`MAX_PASSAGE_CHARS`]; none where they have been erased.
    pub text: Option<String>,
    /// Whether there was more.
    pub cut: bool,
}

impl Gateway {
    /// What happened in a conversation before the record `before`, the newest of it: of at most `limit` records, and never of more
    /// than [`MAX_STEPS`]. It is this person's own, or one whose content they may read. The look is durable before this answers.
    ///
    /// # Errors
    /// When there is none that this person may read, or the record cannot be read or written.
    pub async fn steps(
        &self,
        by: &Person,
        id: &SessionId,
        before: Option<u64>,
        limit: Option<u32>,
    ) -> Result<Steps, Refusal> {
        let (row, own) = self.readable(by, id).await?;
        let limit = limit.filter(|limit| *limit > 0).unwrap_or(MAX_STEPS).min(MAX_STEPS);
        let line = branch::line(&self.journal, id, &row)?;
        let look = move |reader: &Reader| {
            let (records, before) = page(reader, line, before, limit)?;
            Ok(Steps { steps: steps(reader, records)?, before })
        };
        let found = self.looking(look).await?;
        self.record(look_at(by, id, &row, found.steps.len() as u64, own), Vec::new()).await?;
        Ok(found)
    }

    /// What an action of a conversation read. Of one's own, as far as one may read it now: whoever lost the right or the
    /// clearance since has what they heard, and no more. The look is durable before this answers.
    ///
    /// # Errors
    /// When there is no such action that this person may see, it read nothing, they may not read that, or the record cannot be
    /// read or written.
    pub async fn passage(
        &self,
        by: &Person,
        id: &SessionId,
        proposal: &ProposalId,
    ) -> Result<Passage, Refusal> {
        let (row, own) = self.readable(by, id).await?;
        let none = || {
            let message = format!("no action `{proposal}` of the conversation `{id}` has read anything");
            Refusal::new(RefusalKind::NotFound, message)
        };
        let (line, wanted) = (branch::line(&self.journal, id, &row)?, proposal.clone());
        let find = move |reader: &Reader| {
            for (session, end) in line {
                let (session, before) = (Some(session), end.map(|end| end.saturating_add(1)));
                let (kind, text) = (Some(Kind::Outcome), Some(wanted.to_string()));
                let query = Query { session, kind, text, before, limit: MAX_ENDS, ..Query::default() };
                let mut ends = reader.query(&query)?.into_iter();
                let end = ends.find(|end| end.proposal.as_ref() == Some(&wanted) && has_read(end));
                if end.is_some() {
                    return Ok(end);
                }
            }
            Ok(None)
        };
        let end = self.looking(find).await?.ok_or_else(none)?;
        let action = end.action.as_ref();
        let (Some(verb), Some(resource)) =
            (action.and_then(|action| action.verb), action.and_then(|action| action.resource.clone()))
        else {
            return Err(none());
        };
        let labels = end.labels.clone().unwrap_or_default();
        let eyes = self.eyes(by)?;
        let may = match own {
            true => eyes.may_read_own(verb, &resource, &labels),
            false => eyes.may_read_of(Some(&row.agent), Some(&labels)),
        };
        if let Err(why) = may {
            self.refuse_conversation(by, id, &row.agent, &why).await?;
            return Err(Refusal::new(RefusalKind::Forbidden, why.why));
        }
        let seq = end.seq;
        let content = self.looking(move |reader| Ok(reader.content(seq)?)).await?;
        let whole = content.as_ref().and_then(|content| content.pointer("/body/text")?.as_str());
        let text: Option<String> = whole.map(|whole| whole.chars().take(MAX_PASSAGE_CHARS).collect());
        let cut = whole.is_some_and(|whole| text.as_ref().is_some_and(|text| text.len() < whole.len()));
        let mut draft = look_at(by, id, &row, 1, own);
        draft.facts = draft.facts.with("records", seq.to_string());
        draft.labels = Some(labels.clone());
        self.record(draft, Vec::new()).await?;
        Ok(Passage { proposal: proposal.clone(), verb, resource, labels, text, cut })
    }

    /// A conversation that `by` may read, and whether it is their own.
    ///
    /// # Errors
    /// When there is none: somebody else's is not told apart from none.
    pub(crate) async fn readable(&self, by: &Person, id: &SessionId) -> Result<(SessionRow, bool), Refusal> {
        let none = || Refusal::new(RefusalKind::NotFound, format!("`{}` has no conversation `{id}`", by.id));
        let row = session::session(&self.journal, id)?.ok_or_else(none)?;
        let own = row.person == by.id;
        if !own && let Err(why) = self.eyes(by)?.may_read_of(Some(&row.agent), Some(&row.labels)) {
            self.refuse_conversation(by, id, &row.agent, &why).await?;
            return Err(none());
        }
        Ok((row, own))
    }
}

/// The record of a look at a conversation.
pub(crate) fn look_at(by: &Person, id: &SessionId, row: &SessionRow, count: u64, own: bool) -> Draft {
    let facts = Facts::new().with("count", count);
    let facts = if own { facts.with("own", true) } else { facts };
    let mut draft = Draft::of_event(Kind::Admin, Event::ContentRead, facts);
    draft.person = Some(by.id.clone());
    draft.session = Some(id.clone());
    draft.agent = Some(row.agent.clone());
    draft.labels = Some(row.labels.clone());
    draft
}

/// The newest records, newest first, before `before` of the conversations that one is told from, and where to go on. Those of a
/// past all come before those that go on from it.
fn page(
    reader: &Reader,
    line: Vec<(SessionId, Option<u64>)>,
    before: Option<u64>,
    limit: u32,
) -> Result<(Vec<Record>, Option<u64>), Refusal> {
    let mut records: Vec<Record> = Vec::new();
    for (session, end) in line.into_iter().rev() {
        let end = end.map(|end| end.saturating_add(1));
        let left = limit.saturating_sub(u32::try_from(records.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return Ok((records, end));
        }
        let before = [before, end].into_iter().flatten().min();
        let query = Query { session: Some(session), before, limit: left, ..Query::default() };
        let mut page = looking::page(reader, query)?;
        records.append(&mut page.records);
        if page.before.is_some() {
            return Ok((records, page.before));
        }
    }
    Ok((records, None))
}

/// Whether a record is the end of something that brought words for an answer.
fn has_read(record: &Record) -> bool {
    let verb = record.action.as_ref().and_then(|action| action.verb);
    let reads = matches!(
        verb,
        Some(
            Verb::FileRead
                | Verb::WebGet
                | Verb::CommandRun
                | Verb::TableRead
                | Verb::DocumentsSearch
                | Verb::DocumentsRead
        )
    );
    record.kind == Kind::Outcome && record.status == Some(Status::Done) && reads
}

/// What records, newest first, say of what happened; oldest first. The content of the newest is read first, as far as it goes.
fn steps(reader: &Reader, mut records: Vec<Record>) -> Result<Vec<Step>, Refusal> {
    let told = |record: &&Record| record.turn.is_some() && has_words(record);
    let seqs: Vec<u64> = records.iter().filter(told).map(|record| record.seq).collect();
    let contents: BTreeMap<u64, Value> = reader.contents(&seqs)?.0.into_iter().collect();
    records.reverse();
    let told_whole = told_whole(reader, &records)?;
    let steps = records.into_iter().flat_map(|record| {
        let happened = match told_whole.contains(&record.seq) {
            true => Vec::new(),
            false => happened(&record, contents.get(&record.seq).unwrap_or(&Value::Null)),
        };
        let (seq, time, turn) = (record.seq, record.time, record.turn);
        happened.into_iter().filter_map(move |what| Some(Step { seq, time, turn: turn.clone()?, what }))
    });
    Ok(steps.collect())
}

fn verb_of(record: &Record) -> Option<Verb> {
    record.action.as_ref().and_then(|action| action.verb)
}

fn is_part(record: &Record) -> bool {
    verb_of(record) == Some(Verb::ReplyPart)
}

/// Whether a record says that a part of a reply was not permitted.
fn is_refused_part(record: &Record) -> bool {
    record.kind == Kind::Verdict && is_part(record) && record.decision != Some(Decision::Permit)
}

/// Of records, oldest first: which say that a part was refused whose reply was judged whole after it, be it after the last of
/// them. What became of that reply says it, too, and like who followed one is told it once.
fn told_whole(reader: &Reader, records: &[Record]) -> Result<BTreeSet<u64>, Refusal> {
    let (mut refused, mut told) = (BTreeMap::new(), BTreeSet::new());
    for record in records {
        let Some(turn) = &record.turn else { continue };
        if is_refused_part(record) {
            refused.insert(turn, record);
        } else if record.event == Some(Event::TurnEnded) {
            refused.remove(turn);
        } else if record.kind == Kind::Proposal
            && let Some(part) = refused.remove(turn)
            && verb_of(record) == Some(Verb::Reply)
        {
            told.insert(part.seq);
        }
    }
    // Where a page ends between the two. One turn goes on at a time in a conversation, so it is the last one.
    let last = records.iter().rev().find_map(|record| Some((record.seq, record.turn.as_ref()?)));
    if let Some((after, turn)) = last
        && let Some(part) = refused.remove(turn)
    {
        let (session, kind) = (part.session.clone(), Some(Kind::Proposal));
        let query = Query { session, kind, after: Some(after), limit: 1, ..Query::default() };
        let next = reader.query(&query)?.pop();
        if next.is_some_and(|next| next.turn == part.turn && verb_of(&next) == Some(Verb::Reply)) {
            told.insert(part.seq);
        }
    }
    Ok(told)
}

/// Whether the content of a record is told. That of a model call is the conversation over again, and of a reply its words.
fn has_words(record: &Record) -> bool {
    let verb = record.action.as_ref().and_then(|action| action.verb);
    match record.kind {
        Kind::Proposal => !matches!(verb, Some(Verb::ModelCall | Verb::Reply | Verb::ReplyPart)),
        Kind::Verdict => verb != Some(Verb::ReplyPart) || is_refused_part(record),
        Kind::Outcome => true,
        Kind::Message => record.event == Some(Event::TurnEnded),
        _ => false,
    }
}

/// What a record tells; of a turn that failed both why and that it was over.
fn happened(record: &Record, content: &Value) -> Vec<Happened> {
    match record.kind {
        Kind::Verdict if is_refused_part(record) => of_refused_part(record, content),
        Kind::Proposal | Kind::Verdict | Kind::Outcome => of_action(record, content).into_iter().collect(),
        Kind::Approval => of_approval(record).into_iter().collect(),
        Kind::Message if record.event == Some(Event::TurnEnded) => {
            let why = content.get("error").and_then(Value::as_str);
            let error = why.map(|why| Happened::Error { message: why.to_owned() });
            error.into_iter().chain([Happened::End]).collect()
        }
        _ => Vec::new(),
    }
}

fn of_action(record: &Record, content: &Value) -> Option<Happened> {
    let proposal = record.proposal.clone()?;
    if is_part(record) {
        // Like who followed, of a part one is told that it came, and nothing where it did not.
        let came = record.kind == Kind::Outcome && record.status == Some(Status::Done);
        let text = content.pointer("/body/text").and_then(Value::as_str).unwrap_or_default().to_owned();
        return came.then_some(Happened::Part { proposal, text });
    }
    match record.kind {
        Kind::Proposal => {
            let action = record.action.clone()?;
            let args = content.get("args").and_then(Value::as_object).cloned().unwrap_or_default();
            let action = Action { verb: action.verb?, resource: action.resource?, args };
            Some(Happened::Proposal { proposal, action })
        }
        Kind::Verdict => Some(Happened::Verdict {
            proposal,
            decision: record.decision?,
            reasons: reasons_of(record, content),
        }),
        Kind::Outcome => {
            let (status, labels) = (record.status?, record.labels.clone().unwrap_or_default());
            let body = content.get("body").cloned().and_then(|body| serde_json::from_value(body).ok());
            let outcome = Outcome { proposal, status, labels, body: body.unwrap_or(Body::Nothing) };
            let summary = summary(&heard(&outcome));
            let Outcome { proposal, status, labels, .. } = outcome;
            Some(Happened::Outcome { proposal, status, labels, summary })
        }
        _ => None,
    }
}

/// What is told of a part that was refused. Its words are not.
fn of_refused_part(record: &Record, content: &Value) -> Vec<Happened> {
    let resource = record.action.as_ref().and_then(|action| action.resource.clone());
    let (Some(proposal), Some(resource), Some(decision)) =
        (record.proposal.clone(), resource, record.decision)
    else {
        return Vec::new();
    };
    let action = Action { verb: Verb::ReplyPart, resource, args: serde_json::Map::new() };
    let reasons = reasons_of(record, content);
    vec![
        Happened::Proposal { proposal: proposal.clone(), action },
        Happened::Verdict { proposal, decision, reasons },
    ]
}

/// The reasons of a verdict, as far as its words are there.
fn reasons_of(record: &Record, content: &Value) -> Vec<Reason> {
    let told = content.get("reasons").cloned().and_then(|told| serde_json::from_value(told).ok());
    told.unwrap_or_else(|| without_words(record))
}

/// The reasons of a record whose sentences are gone.
fn without_words(record: &Record) -> Vec<Reason> {
    let reason = |ground: &journal::Ground| Reason {
        layer: ground.layer,
        policy: ground.policy.clone(),
        message: String::new(),
    };
    record.reasons.iter().map(reason).collect()
}

fn of_approval(record: &Record) -> Option<Happened> {
    let approval = record.facts.text("approval")?.parse().ok()?;
    let state = match record.event? {
        Event::ApprovalApproved => ApprovalState::Approved,
        Event::ApprovalDenied => ApprovalState::Denied,
        Event::ApprovalExpired => ApprovalState::Expired,
        Event::ApprovalCancelled => ApprovalState::Cancelled,
        Event::ApprovalVoid => ApprovalState::Void,
        _ => return None,
    };
    Some(Happened::Approval { approval, state })
}
