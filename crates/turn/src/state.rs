//! A turn in memory while it runs, and the rows that each step changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use journal::{Change, Ground, Kind};
use models::BYTES_PER_TOKEN;
use monitor::{Compartment, Denied, Judgement, Over, Rates, Reach, Standing};
use tokio_util::sync::CancellationToken;
use vocab::{
    Action, Ambient, Answer as ModelAnswer, Body, Decision, Digest, Entry, Intent, Labels, Layer, Level,
    Outcome, Person, Proposal, ProposalId, Reason, Status, Timestamp, TurnId, Verb, Verdict,
};

use crate::call::{self, Salt};
use crate::gateway::{Gateway, TOKENS};
use crate::replaced::Before;
use crate::session::{self, Call, Open, SessionRow, TurnRow};
use crate::slot::{Running, Slot};
use crate::{ApprovalState, Refusal, RefusalKind, What, approvals, records};

/// The most characters of an outcome that an event shows.
const MAX_SUMMARY_CHARS: usize = 240;

/// A turn that runs.
pub(crate) struct Turn {
    pub(crate) id: TurnId,
    pub(crate) row: TurnRow,
    pub(crate) session: SessionRow,
    pub(crate) asker: Person,
    pub(crate) slot: Arc<Slot>,
    pub(crate) compartment: Arc<Compartment>,
    pub(crate) transcript: Vec<Entry>,
    /// What a program has before it: whatever it is told may be in what it can write from then on.
    pub(crate) reach: Option<Reach>,
    /// Cancelled when the agent is stopped; a turn from before a stop stays stopped when the agent is resumed.
    pub(crate) stopped: CancellationToken,
    /// Counts the turn as running; given up when it rests.
    pub(crate) running: Option<Running>,
    /// When it last began to run; `row.elapsed_ms` has what came before.
    began: Timestamp,
    /// Proposals of the agent in the rate window before the present one.
    recent: u32,
    /// The tool call that the present proposal came from.
    call: Option<Call>,
    /// The present proposal's canonical action, and the digest of its content.
    present: Option<(Action, Digest)>,
    /// What became of the present proposal, for a program that asked for it.
    pub(crate) heard: Heard,
    /// How a program ended, for the record of its end.
    pub(crate) over: Option<String>,
    /// What was delivered of answers that were still being made; of those before a wait, all that they said.
    pub(crate) said: String,
    /// How much of that is of the present model call's answer, in bytes.
    pub(crate) heard_bytes: usize,
}

/// What became of a proposal, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) verdict: Option<Verdict>,
    pub(crate) outcome: Option<Outcome>,
}

/// A proposal that waited for a person, with the answer.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) proposal: Proposal,
    pub(crate) answer: Answer,
}

/// What became of the wait.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A person approved exactly this.
    Approved(Yes),
    /// A person said no, or nobody answered; why, in one sentence.
    Denied(String),
}

/// What a person said yes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Yes {
    /// The action, the policies and the labels.
    pub(crate) binding: Digest,
    /// What they saw that would be written over.
    pub(crate) over: Option<Over>,
}

/// What a turn is made of.
pub(crate) struct Made {
    pub(crate) id: TurnId,
    pub(crate) row: TurnRow,
    pub(crate) session: SessionRow,
    pub(crate) asker: Person,
    pub(crate) slot: Arc<Slot>,
    /// Taken before it was asked whether the agent takes messages, so that a stop in between counts.
    pub(crate) stopped: CancellationToken,
    pub(crate) compartment: Arc<Compartment>,
    pub(crate) transcript: Vec<Entry>,
    pub(crate) reach: Option<Reach>,
}

/// The words of a turn's answers so far. Which of them were delivered is not kept while it waits for a person, so that what
/// comes afterwards is judged with all of them.
fn said_in(transcript: &[Entry]) -> String {
    let turn = transcript.rsplit(|entry| matches!(entry, Entry::Person { .. })).next().unwrap_or_default();
    let words = turn.iter().filter_map(|entry| match entry {
        Entry::Answer { answer } => Some(answer.text.as_str()),
        Entry::Person { .. } | Entry::Result { .. } => None,
    });
    words.collect()
}

impl Turn {
    pub(crate) fn new(made: Made, now: Timestamp) -> Self {
        let Made { id, row, session, asker, slot, stopped, compartment, transcript, reach } = made;
        let said = said_in(&transcript);
        let running = Some(Running::new(Arc::clone(&slot)));
        Self {
            id,
            row,
            session,
            asker,
            slot,
            compartment,
            transcript,
            reach,
            stopped,
            running,
            began: now,
            recent: 0,
            call: None,
            present: None,
            heard: Heard::default(),
            over: None,
            said,
            heard_bytes: 0,
        }
    }

    /// Takes up the policies as they are now: a right that was taken away is gone for turns that run, too.
    pub(crate) fn refresh(&mut self) -> Result<(), Refusal> {
        let gone = || {
            let name = &self.slot.name;
            let message = format!(
                "the SOUL.md of `{name}` or the settings no longer hold; `bulkhead check {name}` says why"
            );
            Refusal::new(RefusalKind::Invalid, message)
        };
        self.compartment = self.slot.current().ok_or_else(gone)?;
        Ok(())
    }

    /// Gives an intent its place in the turn.
    pub(crate) fn number(&mut self, intent: Intent, ambient: &dyn Ambient) -> Proposal {
        self.recent = self.slot.count(ambient.now());
        self.row.proposals = self.row.proposals.saturating_add(1);
        let proposal = Proposal {
            id: ProposalId::from_random(ambient.random()),
            agent: self.row.agent.clone(),
            session: self.row.session.clone(),
            turn: self.id.clone(),
            ordinal: self.row.proposals,
            intent,
        };
        self.take_up(&proposal);
        proposal
    }

    /// Gives a part of a reply its number, which is that of the reply to come. The agent did not choose to act, so that it
    /// counts as no action of its own; how many parts there may be is bounded.
    pub(crate) fn number_part(&self, intent: Intent, ambient: &dyn Ambient) -> Proposal {
        Proposal {
            id: ProposalId::from_random(ambient.random()),
            agent: self.row.agent.clone(),
            session: self.row.session.clone(),
            turn: self.id.clone(),
            ordinal: self.row.proposals.saturating_add(1),
            intent,
        }
    }

    /// Makes `proposal` the present one.
    pub(crate) fn take_up(&mut self, proposal: &Proposal) {
        self.call = match &proposal.intent {
            Intent::SkillCall { call_id, skill, .. } => {
                Some(Call { id: call_id.clone(), skill: skill.clone() })
            }
            Intent::ModelCall { .. }
            | Intent::Reply { .. }
            | Intent::ReplyPart { .. }
            | Intent::ProgramCall { .. }
            | Intent::ProgramAnswer { .. } => None,
        };
    }

    fn elapsed(&self, now: Timestamp) -> Duration {
        let running = now.duration_since(self.began).unsigned_abs();
        Duration::from_millis(self.row.elapsed_ms).saturating_add(running)
    }

    /// Stops the clock of the turn while it waits for a person.
    pub(crate) fn pause(&mut self, now: Timestamp) {
        self.row.elapsed_ms = u64::try_from(self.elapsed(now).as_millis()).unwrap_or(u64::MAX);
        self.began = now;
    }

    /// Starts the clock again after [`Turn::pause`].
    pub(crate) const fn go_on(&mut self, now: Timestamp) {
        self.began = now;
    }

    /// How long the turn may still run.
    pub(crate) fn time_left(&self, now: Timestamp) -> Duration {
        self.compartment.charter().limits.turn_time.saturating_sub(self.elapsed(now))
    }

    /// What the present proposal is judged by.
    pub(crate) fn standing<'a>(
        &'a self,
        gateway: &Gateway,
        marks: &'a BTreeMap<String, Labels>,
        approved: Option<&'a Digest>,
    ) -> Standing<'a> {
        let now = gateway.ambient.now();
        let rates = Rates {
            last_minute: self.recent,
            in_turn: self.row.proposals.saturating_sub(1),
            tokens_today: self.slot.tokens(now),
            turn_elapsed: self.elapsed(now),
        };
        let labels = &self.session.labels;
        let programs = &skills::Machine;
        Standing { asker: &self.asker, labels, marks, said: "", rates, approved, programs, now }
    }

    /// The tokens of a model call by its server's count; of one that was given up when words of it had been delivered, by
    /// estimate, since whoever stopped it has them.
    fn tokens_of(&self, outcome: &Outcome) -> Option<u64> {
        if let Body::Answer { answer } = &outcome.body {
            return Some(answer.prompt_tokens.saturating_add(answer.completion_tokens));
        }
        let (action, _) = self.present.as_ref()?;
        if action.verb != Verb::ModelCall || self.heard_bytes == 0 {
            return None;
        }
        let prompt = serde_json::to_vec(&action.args).map_or(0, |prompt| prompt.len());
        u64::try_from(prompt.saturating_add(self.heard_bytes).div_ceil(BYTES_PER_TOKEN)).ok()
    }

    /// What a part of a reply is judged by: what the reply would be, and the words that were delivered in this turn so far,
    /// those before a call of a skill included.
    pub(crate) fn standing_of_part<'a>(
        &'a self,
        gateway: &Gateway,
        marks: &'a BTreeMap<String, Labels>,
    ) -> Standing<'a> {
        let standing = self.standing(gateway, marks, None);
        // As they would stand were the reply proposed now: what others had the agent do since the model was asked counts.
        let last_minute = self.slot.counted(standing.now);
        let rates = Rates { last_minute, in_turn: self.row.proposals, ..standing.rates };
        Standing { said: &self.said, rates, ..standing }
    }

    /// The action as events show it, before it is judged. A reply's words are not shown until it is delivered;
    /// a model call's are the conversation over again, and stay in the record.
    pub(crate) fn shown(action: &Action) -> Action {
        let mut shown = action.clone();
        if shown.verb == Verb::ModelCall {
            let count = |name: &str| action.args.get(name).and_then(|v| v.as_array()).map_or(0, Vec::len);
            shown.args = [("messages", count("messages")), ("tools", count("tools"))]
                .into_iter()
                .map(|(name, count)| (name.to_owned(), count.into()))
                .collect();
        }
        if matches!(shown.verb, Verb::Reply | Verb::ReplyPart) {
            let characters = action.text("text").map_or(0, |text| text.chars().count());
            shown.args = [("characters".to_owned(), characters.into())].into_iter().collect();
        }
        shown
    }

    /// The rows that change together with the verdict, before any effect.
    pub(crate) fn before(
        &mut self,
        gateway: &Gateway,
        judgement: &Judgement,
        approved: bool,
        replaced: Option<Before>,
    ) -> Result<Vec<Change>, Refusal> {
        let (proposal, action) = (judgement.proposal(), judgement.action());
        let mut changes = Vec::new();
        let decision = judgement.verdict().decision;
        if let Some(waited) = self.row.waiting.take() {
            let state = if approved && decision == Decision::Permit {
                ApprovalState::Used
            } else {
                ApprovalState::Void
            };
            changes.extend(approvals::change_state(&gateway.journal, &waited, state)?);
        }
        match decision {
            Decision::Permit => {
                let open = Open { proposal: proposal.id.clone(), verb: action.verb, call: self.call.clone() };
                self.row.open = Some(open);
                for (path, labels) in judgement.marks() {
                    changes.extend(gateway.mark(path, labels)?);
                }
            }
            Decision::Ask => {
                let now = gateway.ambient.now();
                self.pause(now);
                let (id, held) = approvals::hold(gateway, self, judgement, replaced)?;
                self.row.waiting = Some(id);
                changes.extend(held);
            }
            Decision::Deny | Decision::Kill => {}
        }
        self.present = Some((action.clone(), judgement.content_digest()));
        self.heard = Heard { verdict: Some(judgement.verdict().clone()), outcome: None };
        changes.push(session::put_turn(&self.id, &self.row)?);
        Ok(changes)
    }

    /// The action that was judged last.
    pub(crate) fn present(&self) -> Option<&Action> {
        self.present.as_ref().map(|(action, _)| action)
    }

    /// Takes up what lies before a program by now: what was labelled or written there since it began counts as read, and
    /// what it can write carries that, too. The rows that change.
    pub(crate) fn catch_up(&mut self, gateway: &Gateway) -> Result<Vec<Change>, Refusal> {
        let Some(reach) = &self.reach else { return Ok(Vec::new()) };
        let before = reach.labels_now(&self.compartment, &gateway.marks());
        let labels = self.session.labels.join(&before);
        if labels == self.session.labels {
            return Ok(Vec::new());
        }
        let mut changes = gateway.mark_all(&reach.write, &labels)?;
        self.session.labels = labels;
        changes.push(session::put_session(&self.row.session, &self.session)?);
        Ok(changes)
    }

    /// The marks of what a command may have written, when by its end it had more before it than when it began,
    /// and of what a program can write that is about to be told more.
    pub(crate) fn marks_after(&self, gateway: &Gateway, outcome: &Outcome) -> Result<Vec<Change>, Refusal> {
        let command = self.present().filter(|action| action.verb == Verb::CommandRun);
        let written = command.and_then(|action| action.args.get("writes")?.as_array()).into_iter().flatten();
        let mut changes = Vec::new();
        for path in written.filter_map(|path| path.as_str()) {
            changes.extend(gateway.mark(path, &outcome.labels)?);
        }
        if let (Some(reach), Status::Done) = (&self.reach, outcome.status) {
            changes.extend(gateway.mark_all(&reach.write, &self.session.labels.join(&outcome.labels))?);
        }
        Ok(changes)
    }

    /// Screens what came back.
    pub(crate) fn admit(&self, gateway: &Gateway, outcome: Outcome) -> (Outcome, Vec<Reason>) {
        let Some((action, _)) = &self.present else { return (outcome, Vec::new()) };
        let (outcome, mut reasons) = monitor::admit(&self.compartment, &self.asker, action, outcome);
        let Some(why) = self.unwritable(gateway, &outcome) else { return (outcome, reasons) };
        let text = format!("withheld: {}", why.message);
        reasons.insert(0, why);
        let body = Body::Text { text };
        (Outcome { status: Status::Withheld, labels: Labels::public(), body, ..outcome }, reasons)
    }

    /// Whether the answer that the model is making may be seen, by what it will be admitted by when it is whole.
    pub(crate) fn admits_answer(&self, gateway: &Gateway) -> bool {
        let Some(open) = self.row.open.as_ref().filter(|open| open.verb == Verb::ModelCall) else {
            return false;
        };
        let labels = self.session.labels.clone();
        let answer =
            Outcome { proposal: open.proposal.clone(), status: Status::Done, labels, body: Body::Nothing };
        self.admit(gateway, answer).1.is_empty()
    }

    /// Why a program may not be told this: it could write it, without asking, where it may not be written.
    fn unwritable(&self, gateway: &Gateway, outcome: &Outcome) -> Option<Reason> {
        let before = self.reach.as_ref().filter(|_| outcome.status == Status::Done)?;
        let told = self.session.labels.join(&outcome.labels);
        if told == self.session.labels {
            return None;
        }
        let denies = before.denies(&self.compartment, &self.asker, &told);
        if let Some(why) = denies.into_iter().next() {
            return Some(why);
        }
        let now = monitor::reach(&self.compartment, &self.asker, &told, &gateway.marks());
        let gone = before.write.iter().find(|path| !now.write.contains(path))?;
        let left_out =
            now.left_out.into_iter().find(|left| left.path == *gone && left.verb == Verb::FileWrite);
        left_out.map(|left| left.why)
    }

    /// The record of an outcome with the rows that change, and why the conversation has no room for it, if so.
    pub(crate) fn after(
        &mut self,
        gateway: &Gateway,
        outcome: &Outcome,
        reasons: &[Reason],
        entry: Option<&Entry>,
    ) -> Result<(journal::Entry, Option<String>), Refusal> {
        self.row.open = None;
        if outcome.status == Status::Done {
            self.session.labels = self.session.labels.join(&outcome.labels);
        }
        let mut state = Vec::new();
        let mut full = None;
        if self.row.program {
            self.heard.outcome = Some(outcome.clone());
        }
        match self.kept(entry).map(|entry| session::grow(&self.row.session, &mut self.session, entry)) {
            Some(Ok(change)) => state.push(change),
            Some(Err(refusal)) => full = Some(refusal.message),
            None => {}
        }
        if let Some(used) = self.tokens_of(outcome) {
            state.push(records::put(
                TOKENS,
                self.row.agent.as_str(),
                &self.slot.use_tokens(gateway.ambient.now(), used),
            )?);
        }
        state.push(session::put_session(&self.row.session, &self.session)?);
        state.push(session::put_turn(&self.id, &self.row)?);
        let mut draft = records::of_turn(Kind::Outcome, &self.id, &self.row);
        draft.proposal = Some(outcome.proposal.clone());
        let mut salt = None;
        if let Some((action, digest)) = &self.present {
            draft.verb = Some(action.verb);
            draft.resource = Some(action.resource.clone());
            if action.verb == Verb::ModelCall {
                let fresh = salt.insert(fresh_salt(gateway.ambient.as_ref()));
                draft.call = Some(Box::new(call::about(action, digest, &outcome.body, fresh)));
            }
        }
        draft.status = Some(outcome.status);
        draft.labels = Some(outcome.labels.clone());
        draft.reasons = reasons.iter().map(|r| Ground { layer: r.layer, policy: r.policy.clone() }).collect();
        let salt = salt.map(Digest::from_bytes);
        draft.written = Some(records::write(&records::Came { body: &outcome.body, reasons, salt })?);
        // Nobody waits for the receipt, so it need not tell this content from another.
        let subject = Digest::of(outcome.proposal.as_str().as_bytes());
        Ok((journal::Entry { subject, records: vec![draft], state }, full))
    }

    /// The rows of a transcript that grew by `entry` without an effect.
    pub(crate) fn grown(&mut self, entry: &Entry) -> Result<journal::Entry, Refusal> {
        let grown = match self.kept(Some(entry)) {
            Some(entry) => Some(session::grow(&self.row.session, &mut self.session, entry)?),
            None => None,
        };
        let mut rows = self.rows()?;
        rows.state.extend(grown);
        Ok(rows)
    }

    /// The rows of the turn as it stands, without a record.
    pub(crate) fn rows(&self) -> Result<journal::Entry, Refusal> {
        let state = vec![
            session::put_session(&self.row.session, &self.session)?,
            session::put_turn(&self.id, &self.row)?,
        ];
        Ok(journal::Entry { subject: Digest::of(self.id.as_str().as_bytes()), records: Vec::new(), state })
    }

    /// What is kept of a transcript's new entry: nothing where a program keeps the conversation itself.
    const fn kept<'a>(&self, entry: Option<&'a Entry>) -> Option<&'a Entry> {
        if self.row.program { None } else { entry }
    }

    /// What an outcome adds to the transcript; nothing for a reply, or a model call without an answer.
    pub(crate) fn entry_of(&self, outcome: &Outcome) -> Option<Entry> {
        match (&self.call, &outcome.body) {
            (None, Body::Answer { answer }) if outcome.status == Status::Done => {
                Some(Entry::Answer { answer: ModelAnswer { model: String::new(), ..answer.clone() } })
            }
            (Some(call), body) => {
                let text = match body {
                    Body::Text { text } | Body::Fault { text, .. } => text.clone(),
                    Body::Nothing | Body::Answer { .. } => outcome.status.as_str().to_owned(),
                };
                Some(session::result(call, outcome.status, text))
            }
            (None, _) => None,
        }
    }

    /// What a denied skill call adds to the transcript.
    pub(crate) fn denial(&self, why: &str) -> Option<Entry> {
        self.call.as_ref().map(|call| session::result(call, Status::Denied, format!("DENIED: {why}")))
    }

    /// The event that tells of an outcome, without content above `internal`.
    pub(crate) fn told(&self, outcome: &Outcome) -> What {
        What::Outcome {
            proposal: outcome.proposal.clone(),
            status: outcome.status,
            labels: outcome.labels.clone(),
            summary: summary(outcome),
        }
    }

    /// The text that SOUL.md has people see when something is outside the agent's scope.
    pub(crate) fn refusal_text(&self, denied: &Denied) -> Option<String> {
        let scope = denied.reasons.iter().any(|reason| reason.layer == Layer::Policy);
        self.compartment.charter().refusal.clone().filter(|_| scope)
    }
}

/// What came back, shortened; nothing of what is above `internal`.
pub(crate) fn summary(outcome: &Outcome) -> String {
    match &outcome.body {
        _ if outcome.labels.level() > Level::Internal || outcome.labels.categories().next().is_some() => {
            String::new()
        }
        Body::Text { text } | Body::Fault { text, .. } => text.chars().take(MAX_SUMMARY_CHARS).collect(),
        Body::Answer { answer } if answer.tool_calls.is_empty() => {
            format!("{} characters", answer.text.chars().count())
        }
        Body::Answer { answer } => {
            let names: Vec<&str> = answer.tool_calls.iter().map(|call| call.name.as_str()).take(8).collect();
            format!("wants {}", names.join(", ")).chars().take(MAX_SUMMARY_CHARS).collect()
        }
        Body::Nothing => String::new(),
    }
}

/// The salt of a record's digests.
fn fresh_salt(ambient: &dyn Ambient) -> Salt {
    ambient.salt()
}
