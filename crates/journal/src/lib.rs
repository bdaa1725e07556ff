//! The record: what was proposed, decided and done, durable and in order, on a chain that shows tampering.
//!
//! In go entries: records (metadata on the chain, content apart from it) with the changes of state that
//! belong to them, in one transaction. Out come receipts, each proof that its entry is on the disk; the
//! state rows; and, through [`read`] and [`verify`], the record itself. One thread writes and commits
//! whatever waits as one group. This room knows no policy, runs nothing and talks to no network; it does
//! not know what a payload means, beyond that it is JSON.
//!
//! The chain: the hash of a record is `SHA-256(0x00 || body)`, where the body is canonical JSON (RFC 8785) that
//! holds the hash of the record before it. The same hash is the record's leaf in a Merkle tree ([`merkle`]), whose
//! root stands for the whole log. The content stands in a table of its own and the body holds
//! `SHA-256(salt || content)`, so that content can be erased and the chain still verifies.
//! Rows of state are not on the chain.

mod block;
mod body;
pub mod checkpoint;
mod copier;
mod desk;
mod edge;
mod entry;
mod erase;
mod event;
mod group;
mod journal;
mod lock;
pub mod merkle;
mod misfit;
mod notary;
pub mod note;
mod open;
mod place;
mod placed;
pub mod postgres;
mod prepare;
mod queue;
pub mod read;
mod readonly;
mod removal;
mod schema;
mod seat;
mod state;
mod stored;
mod transaction;
pub mod verify;
mod wal;
mod writer;

pub use entry::{Change, Draft, Entry, Ground, Head, Kind, Receipt, Unless, Written};
pub use erase::{Erased, KEPT, MAX_ERASED_CONTENTS, MAX_ERASED_RANGES};
pub use event::{Event, Fact, Facts, ModelCall};
pub use journal::{AppendError, Config, Journal};
pub use notary::{MAX_SKEW_SECONDS, Notary, NotaryConfig, Rotated, SealError, remains};
pub use open::OpenError;
pub use place::Place;
pub use postgres::PostgresConfig;
pub use prepare::{MAX_ENTRY_BYTES, MAX_ENTRY_RECORDS};
pub use queue::QUEUE_BYTES;
pub use read::ReadError;
pub use writer::FOLLOW_DELAY;
