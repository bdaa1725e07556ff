//! A process with exactly these grants, and its end.
