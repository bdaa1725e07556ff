//! Cancelling what waits for a person, together with the record of why.

use std::collections::BTreeSet;

use journal::{Change, Draft, Event, Facts, Kind};
use vocab::{AgentName, TurnId};

use crate::approvals::ApprovalRow;
use crate::event::ApprovalState;
use crate::gateway::Gateway;
use crate::view::ApprovalView;
use crate::{Refusal, records};

/// The most approvals, and about how many bytes of them, that are cancelled in one entry of the journal: well
/// below what an entry may hold.
const MAX_TOGETHER: usize = 64;
const MAX_BYTES_TOGETHER: usize = 4 * 1024 * 1024;

impl Gateway {
    /// Cancels what waits for a person, ends patterns, and records `last`, with the rows that change with it, all or nothing.
    /// Where more waits than one entry holds, the rest is cancelled behind it. `last` is recorded even when
    /// what waits cannot be read.
    pub(crate) async fn cancel_pending(
        &self,
        agent: Option<&AgentName>,
        why: &str,
        last: Option<(Vec<Draft>, Vec<Change>)>,
    ) -> Result<(), Refusal> {
        let _deciding = self.deciding.lock().await;
        let (rows, unread) = match self.pending(agent) {
            Ok(rows) => (rows, Ok(())),
            Err(refusal) => (Vec::new(), Err(refusal)),
        };
        let (mut last, mut state) = last.unwrap_or_default();
        if let Some((drafts, changes)) =
            self.end_patterns(None, why, |view| agent.is_none_or(|agent| view.agent == *agent))
        {
            last.extend(drafts);
            state.extend(changes);
        }
        self.cancel_rows(rows, why, last, state).await?;
        unread
    }

    /// Cancels what a run left waiting when its gateway ended.
    pub(crate) async fn cancel_of_turn(&self, turn: &TurnId, why: &str) -> Result<(), Refusal> {
        let _deciding = self.deciding.lock().await;
        let mut rows = self.pending(None)?;
        rows.retain(|row| row.view.turn == *turn);
        self.cancel_rows(rows, why, Vec::new(), Vec::new()).await
    }

    /// Cancels what of these turns waits for somebody, and records of each that it was stopped, as many at a time as fit.
    pub(crate) async fn cancel_stopped(
        &self,
        why: &str,
        stopped: Vec<(TurnId, Draft)>,
    ) -> Result<(), Refusal> {
        let _deciding = self.deciding.lock().await;
        let mut rows = self.pending(None)?;
        for some in stopped.chunks(MAX_TOGETHER) {
            let of_these = |row: &mut ApprovalRow| some.iter().any(|(turn, _)| row.view.turn == *turn);
            let theirs = rows.extract_if(.., of_these).collect();
            let drafts = some.iter().map(|(_, draft)| draft.clone()).collect();
            self.cancel_rows(theirs, why, drafts, Vec::new()).await?;
        }
        // Somebody may have decided in a turn's favour after it was ended, and so have taken it up again.
        stopped.iter().for_each(|(turn, _)| self.end_turn(turn, why));
        Ok(())
    }

    async fn cancel_rows(
        &self,
        mut rows: Vec<ApprovalRow>,
        why: &str,
        mut last: Vec<Draft>,
        state: Vec<Change>,
    ) -> Result<(), Refusal> {
        // A turn whose approval was given runs already, and ends itself.
        let waits = |row: &&ApprovalRow| row.view.state == ApprovalState::Waiting;
        let turns: BTreeSet<TurnId> = rows.iter().filter(waits).map(|row| row.view.turn.clone()).collect();
        rows.iter_mut().for_each(|row| row.view.state = ApprovalState::Cancelled);
        let mut batch = Batch { drafts: Vec::new(), state, bytes: 0 };
        for row in &rows {
            let changes = row.changes()?;
            if batch.is_full(&changes) {
                self.put_down(&mut batch, std::mem::take(&mut last)).await?;
            }
            batch.add(cancelled(&row.view, why), changes);
        }
        self.put_down(&mut batch, std::mem::take(&mut last)).await?;
        for ApprovalRow { view, .. } in &rows {
            self.waiting.settle(view);
            self.tell_approval(view);
            // So does a run, with all that it holds.
            if turns.contains(&view.turn) && !self.runs.lock().contains_key(&view.turn) {
                self.end_row(&view.turn, why, Vec::new()).await?;
            }
        }
        Ok(())
    }

    /// Records a batch, with `last` behind it.
    async fn put_down(&self, batch: &mut Batch, last: Vec<Draft>) -> Result<(), Refusal> {
        let Batch { mut drafts, state, .. } = std::mem::take(batch);
        drafts.extend(last);
        if drafts.is_empty() {
            return Ok(());
        }
        let subject = records::subject_of(&drafts)?;
        drop(self.journal.append(journal::Entry { subject, records: drafts, state }).await?);
        Ok(())
    }
}

/// What goes into one entry.
#[derive(Default)]
struct Batch {
    drafts: Vec<Draft>,
    state: Vec<Change>,
    bytes: usize,
}

impl Batch {
    fn is_full(&self, more: &[Change]) -> bool {
        let begun = !self.drafts.is_empty();
        begun
            && (self.drafts.len() >= MAX_TOGETHER
                || self.bytes.saturating_add(size(more)) > MAX_BYTES_TOGETHER)
    }

    fn add(&mut self, draft: Draft, changes: Vec<Change>) {
        self.bytes = self.bytes.saturating_add(size(&changes));
        self.drafts.push(draft);
        self.state.extend(changes);
    }
}

fn size(changes: &[Change]) -> usize {
    changes.iter().map(Change::value_bytes).sum()
}

fn cancelled(view: &ApprovalView, why: &str) -> Draft {
    let facts = Facts::new().with("approval", view.id.as_str());
    let mut draft = records::of_agent(Kind::Approval, Event::ApprovalCancelled, None, &view.agent, facts);
    draft.payload = records::of_approval(&view.digest, Some(why));
    draft.session = Some(view.session.clone());
    draft.turn = Some(view.turn.clone());
    draft.verb = Some(view.action.verb);
    draft.resource = Some(view.action.resource.clone());
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: usize) -> Vec<Change> {
        vec![Change::put("k", "k", &"x".repeat(bytes)).unwrap()]
    }

    #[test]
    fn a_batch_stays_below_what_an_entry_holds_and_takes_one_row_of_any_size() {
        let mut batch = Batch::default();
        assert!(!batch.is_full(&rows(2 * MAX_BYTES_TOGETHER)));
        batch.add(Draft::new(Kind::Approval), rows(MAX_BYTES_TOGETHER / 2));
        assert!(!batch.is_full(&rows(1)) && batch.is_full(&rows(MAX_BYTES_TOGETHER)));
        for _ in 1..MAX_TOGETHER {
            batch.add(Draft::new(Kind::Approval), rows(1));
        }
        assert!(batch.is_full(&rows(1)));
    }
}
