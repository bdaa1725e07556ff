//! Records on their way out: into a real rsyslog, recording servers and files, and into receivers that do everything
//! wrong.

#[path = "../../crates/journal/tests/support/postgres.rs"]
#[expect(dead_code, reason = "the journal's own tests use more of it")]
mod cluster;
mod courier;
mod disks;
mod gateway;
mod hostile;
mod http;
mod otlp;
mod postgres;
mod rsyslog;
mod stage;
mod syslog;
mod witness;
