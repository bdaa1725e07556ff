//! Stopping one turn, and nothing else of its agent.

use std::time::Duration;

use journal::{Event, Facts, Kind};
use monitor::Act;
use vocab::{Person, TurnId};

use crate::gateway::Gateway;
use crate::session::TurnRow;
use crate::view::StoppedTurn;
use crate::{Refusal, RefusalKind, records, session};

/// How long whoever stops a turn waits for its end: longer than an outcome may be late.
const MAX_ENDING: Duration = Duration::from_secs(5);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(10);

impl Gateway {
    /// Stops a turn that runs or waits: nothing that it wants begins any more, its processes end, what of it waits for a
    /// person is cancelled. It is this person's own, or, unless `own_only`, they may stop its agent. It is stopped even when the record
    /// cannot be written; the error then says so.
    ///
    /// # Errors
    /// When there is no such turn that still goes on and that this person may stop, or the record cannot be written.
    pub async fn stop_turn(&self, by: &Person, id: &TurnId, own_only: bool) -> Result<StoppedTurn, Refusal> {
        let none = || {
            let message = format!("`{}` has no turn `{id}` that is still going on", by.id);
            Refusal::new(RefusalKind::NotFound, message)
        };
        let row = session::turn(&self.journal, id)?.ok_or_else(none)?;
        let own = row.person == by.id;
        if !own && (own_only || !self.allows(by, Act::AgentStop, Some(&row.agent))) {
            let facts = Facts::new().with("what", "stop somebody else's turn").with("turn", id.as_str());
            self.refused_right(by, facts);
            // Somebody else's turn is not told apart from none.
            return Err(none());
        }
        let why = format!("this turn was stopped by `{}`", by.id);
        let facts = Facts::new().with("own", own);
        let (session, agent) = (row.session.clone(), row.agent.clone());
        self.stop_turns(Some(by), &[(id.clone(), row)], &why, &facts).await?;
        let over = self.are_over(std::slice::from_ref(id)).await?;
        Ok(StoppedTurn { turn: id.clone(), session, agent, over })
    }

    /// Stops turns: all of them at once, then with a record of each.
    ///
    /// # Errors
    /// When the record cannot be written; they are stopped all the same.
    pub(crate) async fn stop_turns(
        &self,
        by: Option<&Person>,
        turns: &[(TurnId, TurnRow)],
        why: &str,
        facts: &Facts,
    ) -> Result<(), Refusal> {
        turns.iter().for_each(|(id, _)| self.end_turn(id, why));
        let stopped = |(id, row): &(TurnId, TurnRow)| {
            let mut draft = records::of_agent(Kind::Admin, Event::TurnStopped, by, &row.agent, facts.clone());
            draft.session = Some(row.session.clone());
            draft.turn = Some(id.clone());
            (id.clone(), draft)
        };
        let told = self.cancel_stopped(why, turns.iter().map(stopped).collect()).await;
        told.map_err(|refusal| {
            let which: Vec<&str> = turns.iter().map(|(id, _)| id.as_str()).collect();
            let message = format!("`{}` is stopped, but: {}", which.join("`, `"), refusal.message);
            Refusal::new(refusal.kind, message)
        })
    }

    /// Waits, not for long, until turns that were stopped are over; whether they are.
    pub(crate) async fn are_over(&self, turns: &[TurnId]) -> Result<bool, Refusal> {
        let until = tokio::time::Instant::now() + MAX_ENDING;
        for id in turns {
            while session::turn(&self.journal, id)?.is_some() {
                if tokio::time::Instant::now() >= until {
                    return Ok(false);
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(true)
    }
}
