//! Records on their way out: into a real rsyslog, recording servers and files, and into receivers that do everything
//! wrong.

mod gateway;
mod hostile;
mod http;
mod otlp;
mod rsyslog;
mod stage;
mod syslog;
mod witness;
