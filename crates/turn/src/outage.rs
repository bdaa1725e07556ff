//! What is said when the record cannot be written, or what goes on cannot be read in it. Nothing is done then, since every action waits for its record; this
//! tells whoever looks: in the gateway's log and in each agent's HEARTBEAT.md at once, in the record as soon as it takes
//! something again.

use std::sync::Arc;
use std::time::Duration;

use journal::{Draft, Event, Facts, Kind};
use serde_json::json;
use vocab::Timestamp;

use crate::gateway::Gateway;

/// How often the record's health is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Since when the record cannot be written, and what was said then.
struct Outage {
    since: Timestamp,
    why: String,
}

impl Gateway {
    /// Watches the record until the gateway stops. Asks it for nothing, so that it cannot be kept waiting by it.
    pub(crate) fn watch_the_record(self: &Arc<Self>) {
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut outage = None;
            let mut tick = tokio::time::interval(LOOK_EVERY);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                tokio::select! {
                    () = gateway.stop.cancelled() => return,
                    _ = tick.tick() => {}
                }
                outage = match (outage, gateway.journal.healthy()) {
                    (None, Err(why)) => Some(gateway.record_lost(why)),
                    (Some(outage), Ok(())) => gateway.record_back(outage),
                    (outage, _) => outage,
                };
            }
        });
    }

    fn record_lost(&self, why: String) -> Outage {
        tracing::error!("nothing is done until the record can be written and read: {why}");
        for slot in self.known_slots() {
            self.hearts.record_lost(&slot.name, &why);
        }
        Outage { since: self.ambient.now(), why }
    }

    /// Tells the record of its outage; the outage goes on for as long as it cannot be told.
    fn record_back(&self, outage: Outage) -> Option<Outage> {
        let until = self.ambient.now();
        let facts = Facts::new().with("since", outage.since.to_string()).with("until", until.to_string());
        let mut alert = Draft::of_event(Kind::Alert, Event::RecordFailed, facts);
        alert.payload = json!({ "why": outage.why });
        if let Err(refusal) = self.note(vec![alert], Vec::new()) {
            tracing::error!("the record does not take the word of its own outage: {refusal}");
            return Some(outage);
        }
        tracing::warn!("the record can be written and read again; it could not since {}", outage.since);
        for slot in self.known_slots() {
            self.hearts.record_back(&slot.name);
        }
        None
    }
}
