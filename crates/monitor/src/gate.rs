//! The gate of one agent: whether permits made for it still count.
//!
//! A permit remembers the gate's generation from the moment of judgement. Stopping the agent or replacing
//! its policies moves the gate on, and every permit from before is worthless, wherever it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Set while the agent is stopped; the bits above it count generations.
const CLOSED: u64 = 1;
/// One generation.
const STEP: u64 = 2;

/// The gate of one agent. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<AtomicU64>);

/// A generation of a gate, as it was when a judgement began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Gate {
    /// An open gate.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    /// Stops the agent: nothing is permitted, and permits made before are void for good.
    pub fn close(&self) {
        self.step(|state| (state | CLOSED).wrapping_add(STEP));
    }

    /// Lets the agent act again. Permits from before it was closed stay void.
    pub fn open(&self) {
        self.step(|state| state & !CLOSED);
    }

    /// Voids every permit made before, because the policies behind them were replaced.
    pub fn advance(&self) {
        self.step(|state| state.wrapping_add(STEP));
    }

    /// Whether the agent may act at all.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.generation().is_open()
    }

    /// Where the gate stands now.
    pub(crate) fn generation(&self) -> Generation {
        Generation(self.0.load(Ordering::SeqCst))
    }

    fn step(&self, next: impl Fn(u64) -> u64) {
        let mut state = self.0.load(Ordering::SeqCst);
        while let Err(found) = self.0.compare_exchange(state, next(state), Ordering::SeqCst, Ordering::SeqCst)
        {
            state = found;
        }
    }
}

impl Generation {
    pub(crate) const fn is_open(self) -> bool {
        self.0 & CLOSED == 0
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_a_stop_or_a_change_never_comes_back() {
        let gate = Gate::new();
        let first = gate.generation();
        gate.close();
        assert!(!gate.is_open());
        gate.close();
        gate.open();
        assert!(gate.is_open());
        assert_ne!(gate.generation(), first);
        let second = gate.generation();
        gate.clone().advance();
        assert!(gate.is_open());
        assert_ne!(gate.generation(), second);
    }
}
