//! SOUL.md to Charter: parse, compile to grants and policies; HEARTBEAT.md.
