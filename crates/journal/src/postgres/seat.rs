//! PostgreSQL's writer at its desk: what it does when something came, when nothing did, and when a caller commits.

use std::mem;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::writer::{SPIN, Writer};
use crate::desk::{Rest, Turns, Writes};
use crate::group::Group;
use crate::queue::{Item, Patience, Wake};
use crate::writer::FOLLOW_DELAY;

/// How long the writer has nothing to do before it looks whether the database is there.
const IDLE_DELAY: Duration = Duration::from_secs(5);

/// The writer and what it has in hand.
pub(super) struct Seat {
    /// Drives the connection, on whichever thread commits.
    runtime: Runtime,
    writer: Writer,
    group: Group,
    turns: Turns,
    /// When the database was heard of last.
    heard: Instant,
    /// The thread has just answered somebody, who may come again.
    answered: bool,
}

impl Seat {
    pub(super) fn new(runtime: Runtime, writer: Writer) -> Self {
        let (group, turns) = (Group::default(), Turns::default());
        Self { runtime, writer, group, turns, heard: Instant::now(), answered: false }
    }

    fn commit(&mut self) {
        let begun = Instant::now();
        self.writer.commit(&self.runtime, &mut self.group);
        self.turns.done_since(begun);
        self.heard = Instant::now();
    }

    /// Commits what nobody waits for when it is time, and asks now and then whether the database is there.
    fn idle(&mut self) {
        let resting = self.writer.resting();
        if resting.is_some_and(|left| !left.is_zero()) {
            return;
        }
        if self.group.is_due(FOLLOW_DELAY) || (resting.is_some() && !self.group.is_empty()) {
            self.commit();
        } else if self.group.is_empty() && (resting.is_some() || self.heard.elapsed() >= IDLE_DELAY) {
            self.writer.look(&self.runtime, &mut self.group);
            self.heard = Instant::now();
        }
    }
}

impl Writes for Seat {
    fn patience(&mut self) -> Patience {
        let spin = if mem::take(&mut self.answered) { SPIN } else { Duration::ZERO };
        let sleep = match (self.writer.resting(), self.group.begun) {
            (Some(left), _) => left,
            (None, Some(begun)) => FOLLOW_DELAY.saturating_sub(begun.elapsed()),
            (None, None) if self.turns.are_callers() => FOLLOW_DELAY,
            (None, None) => IDLE_DELAY.saturating_sub(self.heard.elapsed()),
        };
        Patience { spin, sleep: Some(sleep) }
    }

    fn items(&mut self) -> &mut Vec<Item> {
        &mut self.group.items
    }

    fn work(&mut self, wake: Wake) {
        let came_by = self.turns.thread_comes();
        let failing = self.writer.resting().is_some();
        match wake {
            Wake::Work if came_by || self.group.is_due(FOLLOW_DELAY) || failing => {
                self.writer.gather(&mut self.group);
                self.commit();
                self.answered = !came_by;
            }
            Wake::Work => {
                self.group.begun.get_or_insert_with(Instant::now);
            }
            Wake::Idle => self.idle(),
            Wake::Closed => {
                if !self.group.is_empty() {
                    self.commit();
                }
                self.runtime.block_on(self.writer.leave());
            }
        }
        self.writer.bring_aside(&self.runtime, &mut self.group);
    }

    fn may_be_led(&self) -> bool {
        self.writer.is_well() && self.turns.are_brief(&self.group)
    }

    fn lead(&mut self) -> Rest {
        // A runtime cannot be entered within another's task unless that gives its thread away.
        tokio::task::block_in_place(|| self.commit());
        self.turns.led();
        if self.writer.is_well() { Rest::Nothing } else { Rest::Something }
    }
}
