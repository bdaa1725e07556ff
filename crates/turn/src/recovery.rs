//! What a gateway takes up when it starts, and what it keeps doing while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use journal::{Draft, Event, Facts, Kind};
use vocab::Labels;

use crate::event::ApprovalState;
use crate::gateway::{Gateway, MARK};
use crate::{Refusal, approvals, records, session};

/// How often expired approvals are denied and heartbeats are written.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// How many times of that it takes until settings and agents that nobody asks for are looked at.
const LOOK_EVERY: u32 = 30;

/// What happened to a turn that was running when the gateway ended.
const INTERRUPTED: &str = "the gateway ended while this turn was running";

impl Gateway {
    /// Takes up what the last run left: labels of files, turns that wait. A turn that was running is
    /// over; an effect of it without an outcome is recorded as unknown and never tried again.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<(), Refusal> {
        let draft = {
            let facts = Facts::new().with("version", env!("CARGO_PKG_VERSION"));
            let mut draft = Draft::of_event(Kind::Admin, Event::GatewayStarted, facts);
            draft.policy_version = Some(self.monitor()?.version());
            draft
        };
        self.record(draft, Vec::new()).await?;
        self.look_back()?;
        self.journal.flush().await?;
        self.restore_labels()?;
        self.restore_patterns().await?;
        for held in approvals::open(&self.journal)? {
            self.waiting.take_up(&held.view, self.ambient.now());
            self.take_up_chat(&held);
        }
        for (id, row) in session::open_turns(&self.journal)? {
            if row.program {
                // The program ended with the gateway, and nobody is left to use what somebody would approve.
                self.cancel_of_turn(&id, INTERRUPTED).await?;
                self.end_row(&id, INTERRUPTED, Vec::new()).await?;
                continue;
            }
            let Some(waiting) = &row.waiting else {
                self.end_row(&id, INTERRUPTED, Vec::new()).await?;
                continue;
            };
            match approvals::load(&self.journal, waiting)? {
                Some(held) if held.view.state == ApprovalState::Waiting => {
                    self.open.take_up(row.session, id, row.person);
                }
                // Decided, and the gateway ended before the turn was taken up.
                Some(held)
                    if matches!(
                        held.view.state,
                        ApprovalState::Approved | ApprovalState::Denied | ApprovalState::Expired
                    ) =>
                {
                    self.open.take_up(row.session, id, row.person);
                    if let Err(refusal) = self.resume_turn(held).await {
                        tracing::warn!("{refusal}");
                    }
                }
                Some(_) | None => self.end_row(&id, INTERRUPTED, Vec::new()).await?,
            }
        }
        Ok(())
    }

    fn restore_labels(&self) -> Result<(), Refusal> {
        let mut marks = BTreeMap::new();
        for (path, value) in self.journal.states(MARK, "")? {
            let labels: Labels =
                serde_json::from_value(value).map_err(|error| records::misfit(MARK, &path, &error))?;
            marks.insert(path, labels);
        }
        self.restore_marks(marks);
        Ok(())
    }

    /// Lets a change of SOUL.md, settings or guardrails reach turns that are running.
    fn refresh_running(&self) {
        for slot in self.known_slots() {
            if slot.running.load(Ordering::Relaxed) == 0 {
                continue;
            }
            if let Err(refusal) = self.monitor().and_then(|monitor| self.compartment(&slot, &monitor)) {
                tracing::warn!("`{}` is held to nothing new, so it goes no further: {refusal}", slot.name);
                slot.unload();
            }
        }
    }

    /// Starts what goes on for as long as the gateway runs.
    pub(crate) fn keep_house(self: &Arc<Self>) {
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut ticks = 0_u32;
            let mut tick = tokio::time::interval(HOUSEKEEPING);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                tokio::select! {
                    () = gateway.stop.cancelled() => return,
                    _ = tick.tick() => {}
                }
                if let Err(refusal) = gateway.expire(gateway.ambient.now()).await {
                    tracing::error!("expired approvals could not be denied: {refusal}");
                }
                if let Err(refusal) = gateway.end_old_patterns(gateway.ambient.now()).await {
                    tracing::error!("the end of patterns could not be recorded: {refusal}");
                }
                gateway.sum_up_callers(Some(gateway.ambient.now()));
                ticks = ticks.wrapping_add(1);
                if ticks.is_multiple_of(LOOK_EVERY) {
                    gateway.look_for_changes();
                }
                gateway.refresh_running();
                gateway.hearts.flush_due();
            }
        });
    }
}
