//! SQLite's writer at its desk: what it does when something came, when nothing did, and when a caller commits.

use std::time::{Duration, Instant};

use crate::desk::{Rest, Turns, Writes};
use crate::group::Group;
use crate::queue::{Item, Patience, Wake};
use crate::writer::{FOLLOW_DELAY, RETRY_DELAY, Writer};

/// How long the writer looks for the next entry without sleeping when it has written some that nobody waits for:
/// they are a turn's last outcome, and its next proposal is being judged. To be woken would take longer.
const SPIN: Duration = Duration::from_micros(60);

/// How long the writer has nothing to do before it looks whether a checkpoint is due.
const IDLE_DELAY: Duration = Duration::from_millis(20);

/// The writer and what it has in hand.
pub(crate) struct Seat {
    writer: Writer,
    group: Group,
    turns: Turns,
}

impl Seat {
    pub(crate) fn new(writer: Writer) -> Self {
        Self { writer, group: Group::default(), turns: Turns::default() }
    }

    fn commit(&mut self) {
        let begun = Instant::now();
        self.writer.commit(&mut self.group);
        self.turns.done_since(begun);
    }

    /// Commits what nobody waits for when it is time, and looks after the files.
    fn idle(&mut self) {
        if self.group.is_due(FOLLOW_DELAY) || (self.writer.failing && !self.group.is_empty()) {
            self.commit();
        } else if self.writer.failing {
            self.writer.probe();
        }
        if self.writer.behind || (self.writer.is_worthwhile() && !self.turns.are_callers()) {
            self.writer.checkpoint();
        } else {
            self.writer.keep_log_short();
        }
        self.writer.wipe_again(&self.group);
    }
}

impl Writes for Seat {
    fn patience(&mut self) -> Patience {
        let Self { writer, group, turns } = self;
        if writer.failing || ((writer.behind || writer.traces) && group.is_empty()) {
            return Patience::sleep(Some(RETRY_DELAY));
        }
        if let Some(begun) = group.begun {
            let spin = if turns.are_callers() { Duration::ZERO } else { SPIN };
            return Patience { spin, sleep: Some(FOLLOW_DELAY.saturating_sub(begun.elapsed())) };
        }
        if turns.are_callers() {
            return Patience::sleep(Some(FOLLOW_DELAY));
        }
        Patience::sleep(writer.is_worthwhile().then_some(IDLE_DELAY))
    }

    fn items(&mut self) -> &mut Vec<Item> {
        &mut self.group.items
    }

    fn work(&mut self, wake: Wake) {
        let came_by = self.turns.thread_comes();
        match wake {
            Wake::Work if came_by || self.group.is_due(FOLLOW_DELAY) || self.writer.failing => {
                self.commit();
                self.writer.keep_log_short();
                // Whoever records without a pause does not put it off for ever.
                self.writer.wipe_again(&self.group);
            }
            Wake::Work => self.writer.write_ahead(&mut self.group),
            Wake::Idle => self.idle(),
            Wake::Closed if self.group.is_empty() => {}
            Wake::Closed => self.commit(),
        }
    }

    fn may_be_led(&self) -> bool {
        self.writer.is_well() && self.turns.are_brief(&self.group)
    }

    fn lead(&mut self) -> Rest {
        self.commit();
        self.turns.led();
        if self.writer.is_well() && !self.writer.is_long() { Rest::Nothing } else { Rest::Something }
    }
}
