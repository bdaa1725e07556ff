//! What the record says of an approval. Its row says what is shown, to whom it belongs and who said yes; before anything
//! comes of that, the records of the proposal and of the decisions have to say the same.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use journal::read::{Reader, Record, Told};
use journal::{Event, Fact, Kind};
use serde_json::Value;
use vocab::{Action, PersonId};

use crate::approvals::{self, ApprovalRow};
use crate::event::ApprovalState;
use crate::gateway::Gateway;
use crate::pattern::PatternView;
use crate::{Refusal, records};

/// What ends an approval that was said yes to.
const ENDS: [Event; 4] =
    [Event::ApprovalDenied, Event::ApprovalExpired, Event::ApprovalCancelled, Event::ApprovalVoid];

/// Looks for what the record says of one approval.
struct Question<'a> {
    reader: &'a Reader,
    row: &'a ApprovalRow,
}

impl Question<'_> {
    /// The records of its conversation, of this kind and these events.
    fn each(
        &self,
        kind: Kind,
        events: Vec<Event>,
        after: u64,
        take: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), Refusal> {
        let session = Some(self.row.view.session.clone());
        self.reader.told(&Told { kind, events, person: None, session, after }, take)?;
        Ok(())
    }

    /// The decisions of these events on it, in order.
    fn decisions(&self, events: Vec<Event>) -> Result<Vec<Record>, Refusal> {
        let mut found = Vec::new();
        self.each(Kind::Approval, events, 0, |record| {
            if record.facts.text("approval") == Some(self.row.view.id.as_str()) {
                found.push(record);
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Whether a proposal with this content is what the row shows, of who it says asked.
    fn is_shown(&self, record: &Record, content: Option<&Value>) -> bool {
        let (view, proposal) = (&self.row.view, &self.row.proposal);
        let Some(action) = record.action.as_ref() else { return false };
        let (Some(verb), Some(resource)) = (action.verb, action.resource.clone()) else { return false };
        let args = content.and_then(|content| content.get("args")?.as_object().cloned());
        let (Some(args), Some(version), Some(labels)) = (args, record.policy_version, &record.labels) else {
            return false;
        };
        let action = Action { verb, resource, args };
        proposal.agent == view.agent
            && proposal.session == view.session
            && proposal.turn == view.turn
            && record.agent.as_ref() == Some(&view.agent)
            && record.turn.as_ref() == Some(&view.turn)
            && record.person.as_ref() == Some(&view.asked_by)
            && view.action == action
            && view.labels == *labels
            && view.digest == monitor::bind(&action, &version, labels)
    }

    /// Whether it was proposed as the row shows it.
    fn proposed(&self) -> Result<Result<(), String>, Refusal> {
        let mut found = Vec::new();
        self.each(Kind::Proposal, Vec::new(), 0, |record| {
            if record.proposal.as_ref() == Some(&self.row.proposal.id) {
                found.push(record);
            }
            ControlFlow::Continue(())
        })?;
        for record in &found {
            if self.is_shown(record, self.reader.committed(record)?.as_ref()) {
                return Ok(Ok(()));
            }
        }
        let seqs: Vec<String> = found.iter().map(|record| record.seq.to_string()).collect();
        let what = if seqs.is_empty() {
            "no record has".to_owned()
        } else {
            format!("record {} has something else than", seqs.join(", "))
        };
        Ok(Err(format!("{what} the action, its person and its labels that the row shows")))
    }

    /// Who said yes to exactly this, while it takes others, too.
    fn supporters(&self) -> Result<BTreeSet<PersonId>, Refusal> {
        let mut people = BTreeSet::new();
        for record in self.decisions(vec![Event::ApprovalSupported])? {
            if self.is_for_this(&record)? {
                people.extend(record.person);
            }
        }
        Ok(people)
    }

    /// Whether a decision is on exactly what the row shows.
    fn is_for_this(&self, record: &Record) -> Result<bool, Refusal> {
        let content = self.reader.committed(record)?;
        Ok(content == Some(self.row.content()) && record.proposal.as_ref() == Some(&self.row.proposal.id))
    }

    /// Whether somebody said yes to it, as the row has it, and nothing has come of that yet.
    fn approved(&self) -> Result<Result<(), String>, Refusal> {
        let view = &self.row.view;
        let mut events = ENDS.to_vec();
        events.push(Event::ApprovalApproved);
        let decisions = self.decisions(events)?;
        let Some(yes) = decisions.iter().find(|record| record.event == Some(Event::ApprovalApproved)) else {
            return Ok(Err("no record says that anybody approved it".to_owned()));
        };
        let seq = yes.seq;
        if let Some(end) = decisions.iter().find(|record| record.event != Some(Event::ApprovalApproved)) {
            return Ok(Err(format!("record {} says that it is over", end.seq)));
        }
        let mut by: Vec<String> = match yes.facts.get("with") {
            Some(Fact::List(with)) => with.clone(),
            _ => Vec::new(),
        };
        by.extend(yes.person.as_ref().map(ToString::to_string));
        let own = yes.person.as_ref() == Some(&view.asked_by);
        let said = yes.facts.get("self_approved") == Some(&Fact::Flag(true));
        if !view.approved_by.iter().map(PersonId::as_str).eq(by.iter().map(String::as_str)) || own && !said {
            return Ok(Err(format!("record {seq} says that {} approved it", by.join(" and "))));
        }
        if !self.is_for_this(yes)? {
            return Ok(Err(format!("record {seq} approves something else")));
        }
        let mut judged = None;
        self.each(Kind::Verdict, Vec::new(), seq, |record| {
            if record.proposal.as_ref() != Some(&self.row.proposal.id) {
                return ControlFlow::Continue(());
            }
            judged = Some(record.seq);
            ControlFlow::Break(())
        })?;
        Ok(judged.map_or(Ok(()), |judged| Err(format!("record {judged} says that the yes was used"))))
    }
}

impl Gateway {
    /// Whether the record has what the row of an approval says that something comes of now: what was proposed, by whom and,
    /// where it is approved, who said yes to exactly that.
    pub(crate) async fn bears_out(&self, row: &ApprovalRow) -> Result<Result<(), String>, Refusal> {
        let row = row.clone();
        self.look(move |reader| {
            let question = Question { reader, row: &row };
            let proposed = question.proposed()?;
            if proposed.is_err() || row.view.state != ApprovalState::Approved {
                return Ok(proposed);
            }
            question.approved()
        })
        .await
    }

    /// Demands that somebody's yes is for what was proposed, and leaves those who said yes before of whom the record knows.
    ///
    /// # Errors
    /// When the record has something else than the row, which is an alert.
    pub(crate) async fn demand_borne_out(&self, row: &mut ApprovalRow) -> Result<(), Refusal> {
        let asked = row.clone();
        let (proposed, supporters) = self
            .look(move |reader| {
                let question = Question { reader, row: &asked };
                let some = !asked.view.approved_by.is_empty();
                Ok((question.proposed()?, if some { question.supporters()? } else { BTreeSet::new() }))
            })
            .await?;
        if let Err(why) = proposed {
            return Err(self.disbelieve(approvals::OPEN, row.view.id.as_str(), &why).await?);
        }
        let stray = row.view.approved_by.iter().find(|person| !supporters.contains(person));
        if let Some(stray) = stray {
            let why = format!("no record says that `{stray}` said yes");
            self.disbelieve(approvals::OPEN, row.view.id.as_str(), &why).await?;
            row.view.approved_by.retain(|person| supporters.contains(person));
        }
        Ok(())
    }

    /// Says that a row is not what the record says; what whoever wanted something of it is told.
    pub(crate) async fn disbelieve(&self, what: &str, key: &str, why: &str) -> Result<Refusal, Refusal> {
        let why = format!(
            "the row of the {what} `{key}` is not what the record says: {why}; nothing comes of it. Find out who writes to the database"
        );
        tracing::error!("{why}");
        self.record(records::unfounded(what, key, &why), Vec::new()).await?;
        Ok(Refusal::new(crate::RefusalKind::Conflict, why))
    }

    /// Whether the record has this yes to the same again, and not its end.
    pub(crate) async fn repeats_by_record(&self, view: &PatternView) -> Result<Result<(), String>, Refusal> {
        let view = view.clone();
        self.look(move |reader| pattern(reader, &view)).await
    }
}

fn pattern(reader: &Reader, view: &PatternView) -> Result<Result<(), String>, Refusal> {
    let wanted = Told {
        kind: Kind::Approval,
        events: vec![Event::PatternApproved],
        person: Some(view.approved_by.clone()),
        session: None,
        after: 0,
    };
    let mut found = None;
    let is_of = |record: &Record| record.facts.text("approval") == Some(view.id.as_str());
    let after = reader.told(&wanted, |record| {
        if !is_of(&record) {
            return ControlFlow::Continue(());
        }
        found = Some(record);
        ControlFlow::Break(())
    })?;
    let Some(yes) = found else {
        return Ok(Err(format!("no record says that `{}` said yes to it", view.approved_by)));
    };
    let action = yes.action.as_ref();
    let same = yes.agent.as_ref() == Some(&view.agent)
        && yes.facts.text("asked_by") == Some(view.asked_by.as_str())
        && yes.facts.text("expires") == Some(view.expires.to_string().as_str())
        && action.and_then(|action| action.verb) == Some(view.verb)
        && action.and_then(|action| action.resource.as_ref()) == Some(&view.resource)
        && reader.committed(&yes)? == Some(records::of_approval(&view.digest, None));
    if !same {
        return Ok(Err(format!("record {} is for something else", yes.seq)));
    }
    let mut ended = None;
    let ends = Told { events: vec![Event::PatternEnded], person: None, after, ..wanted };
    reader.told(&ends, |record| {
        if !is_of(&record) {
            return ControlFlow::Continue(());
        }
        ended = Some(record.seq);
        ControlFlow::Break(())
    })?;
    Ok(ended.map_or(Ok(()), |seq| Err(format!("record {seq} says that it is over"))))
}
