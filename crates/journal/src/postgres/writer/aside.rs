//! Erasures that wait for the eraser to come in, while others record.

use std::collections::VecDeque;

use tokio::runtime::Runtime;

use super::{Failure, MAX_ATTEMPTS, Writer, answer, failure};
use crate::group::Group;
use crate::journal::AppendError;
use crate::postgres::door::{Door, Eraser};
use crate::queue::Item;

/// What waits for the eraser.
#[derive(Default)]
pub(super) struct Aside {
    /// Each with how often it was tried. They keep their room in the queue, which bounds them.
    items: VecDeque<(Item, u32)>,
    door: Door,
    /// How often the one was tried that is in hand.
    tried: u32,
}

impl Writer {
    /// Whether `item` has to wait for the eraser.
    pub(super) fn has_to_wait(&mut self, item: &Item) -> bool {
        item.entry.erases() && self.config.as_eraser().is_some() && !self.aside.door.is_open()
    }

    /// Has it wait, and asks for the eraser. One whose eraser was lost again and again is refused.
    pub(super) fn put_aside(&mut self, item: Item) {
        let tried = self.aside.tried;
        if tried > MAX_ATTEMPTS {
            let why = format!("its connection was lost {MAX_ATTEMPTS} times");
            return answer(item, Err(self.without_eraser(why)));
        }
        self.aside.items.push_back((item, tried));
        self.ask_for_eraser();
    }

    fn ask_for_eraser(&mut self) {
        if let Some(config) = self.config.as_eraser() {
            self.aside.door.ask(config, self.instance.clone(), self.queue.clone());
        }
    }

    /// Carries out what waits longest, if the eraser is there. `group` is what the writer has in hand.
    pub(in crate::postgres) fn bring_aside(&mut self, runtime: &Runtime, group: &mut Group) {
        if self.aside.items.is_empty() || !self.aside.door.is_open() || self.failing.is_some() {
            return;
        }
        if let Err(error) = self.settle(runtime, group) {
            return self.fail(group, error);
        }
        let Some((item, tried)) = self.aside.items.pop_front() else { return };
        let mut alone = Group { items: vec![item], ..Group::default() };
        self.aside.tried = tried.saturating_add(1);
        self.commit(runtime, &mut alone);
        // What nobody waits for stays when it failed.
        for item in alone.take().into_iter().rev() {
            self.aside.items.push_front((item, self.aside.tried));
        }
        self.aside.tried = 0;
        if !self.aside.items.is_empty() {
            self.ask_for_eraser();
        }
    }

    /// Refuses what waits: nothing of it was sent.
    pub(super) fn give_up_aside(&mut self) {
        self.aside = Aside::default();
    }

    /// The eraser, where it was let in; none where it has to be asked for. What the server says to the eraser counts only while it
    /// answers this gateway.
    pub(super) async fn eraser(&mut self) -> Result<Option<Eraser>, Failure> {
        let why = match self.aside.door.take() {
            None => return Ok(None),
            Some(Ok(eraser)) => return Ok(Some(eraser)),
            Some(Err(why)) => why,
        };
        match &self.session {
            Some(session) => {
                Err(session.link.run("SELECT 1").await.map_or_else(failure, |()| Failure::Refused(why)))
            }
            None => Err(Failure::Again(why)),
        }
    }

    /// That the eraser was not let in, or not to do it.
    pub(super) fn without_eraser(&self, why: String) -> AppendError {
        let user = self.config.as_eraser().map(|config| config.user().to_owned());
        AppendError::Eraser { user: user.unwrap_or_default(), why }
    }
}
