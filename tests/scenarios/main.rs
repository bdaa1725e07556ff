//! What people do with Bulkhead, from end to end, with the real binary.

mod closed;
mod disk;
mod echo;
mod journal;
mod models;
mod prepare;
mod server;
mod usual;
