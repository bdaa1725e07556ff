//! Drives one turn: sessions, approvals, recovery, kill.
