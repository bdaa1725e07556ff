//! Whether an owner may have new processes: a door that closes at once, for everyone who is on the way too.

use std::sync::atomic::{AtomicU64, Ordering};

/// A door. It is open while its count is even; every closing and opening counts, so that a ticket that was
/// taken before a closing is never good again, not even after the door has been opened anew.
#[derive(Debug, Default)]
pub(crate) struct Admission(AtomicU64);

/// The right to come in, as of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

fn is_open(count: u64) -> bool {
    count.is_multiple_of(2)
}

impl Admission {
    fn turn(&self, open: bool) {
        let next = |count: u64| if is_open(count) == open { count } else { count.wrapping_add(1) };
        self.0.update(Ordering::SeqCst, Ordering::SeqCst, next);
    }

    /// Closes the door. Every ticket that is out becomes worthless before this returns.
    pub(crate) fn close(&self) {
        self.turn(false);
    }

    /// Opens the door for those who ask from now on.
    pub(crate) fn open(&self) {
        self.turn(true);
    }

    /// A ticket, while the door is open.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        let count = self.0.load(Ordering::SeqCst);
        is_open(count).then_some(Ticket(count))
    }

    /// Whether the door has been open ever since the ticket was taken.
    pub(crate) fn admits(&self, ticket: Ticket) -> bool {
        self.0.load(Ordering::SeqCst) == ticket.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_does_not_outlive_a_closing() {
        let door = Admission::default();
        let early = door.ticket().unwrap();
        assert!(door.admits(early));
        door.close();
        door.close();
        assert_eq!(door.ticket(), None);
        assert!(!door.admits(early));
        door.open();
        door.open();
        assert!(!door.admits(early));
        assert!(door.admits(door.ticket().unwrap()));
    }
}
