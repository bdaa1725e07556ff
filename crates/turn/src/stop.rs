//! Stopping one turn, and nothing else of its agent.

use std::time::Duration;

use journal::{Event, Facts, Kind};
use monitor::Act;
use vocab::{Person, PersonId, TurnId};

use crate::gateway::Gateway;
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
        self.end_turn(id, &why);
        let facts = Facts::new().with("own", own);
        let mut draft = records::of_agent(Kind::Admin, Event::TurnStopped, Some(by), &row.agent, facts);
        draft.session = Some(row.session.clone());
        draft.turn = Some(id.clone());
        self.cancel_stopped(id, &why, draft).await.map_err(|refusal| {
            Refusal::new(refusal.kind, format!("the turn `{id}` is stopped, but: {}", refusal.message))
        })?;
        let until = tokio::time::Instant::now() + MAX_ENDING;
        let is_over = || session::turn(&self.journal, id).map(|row| row.is_none());
        let mut over = is_over()?;
        while !over && tokio::time::Instant::now() < until {
            tokio::time::sleep(LOOK).await;
            over = is_over()?;
        }
        Ok(StoppedTurn { turn: id.clone(), session: row.session, agent: row.agent, over })
    }

    /// Stops all turns that somebody asked for, by order of an administrator; how many.
    ///
    /// # Errors
    /// When it cannot be read which there are, or one is stopped and that cannot be recorded.
    pub async fn stop_turns_of(&self, by: &Person, whom: &PersonId) -> Result<usize, Refusal> {
        let turns = session::open_turns(&self.journal)?;
        let own: Vec<TurnId> =
            turns.into_iter().filter(|(_, row)| row.person == *whom).map(|(id, _)| id).collect();
        // All end now; that each is over is waited for afterwards.
        own.iter().for_each(|id| self.end_turn(id, &format!("`{whom}` is no longer here")));
        let mut count = 0_usize;
        for id in &own {
            match self.stop_turn(by, id, false).await {
                Ok(_) => count = count.saturating_add(1),
                // It ended by itself meanwhile.
                Err(refusal) if refusal.kind == RefusalKind::NotFound => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(count)
    }
}
