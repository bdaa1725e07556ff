//! Records on their way out: into a real rsyslog, recording servers and files, and into receivers that do everything
//! wrong.
//!
//! What an export keeps in the record's database, where it was and that it failed, is tried on both databases. The rest is about
//! receivers, which never see which database it is.

mod courier;
mod disks;
mod gateway;
mod hostile;
mod http;
mod otlp;
mod places;
mod postgres;
mod rsyslog;
mod stage;
mod syslog;
mod udp;
mod witness;
