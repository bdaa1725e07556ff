//! Secrets by reference: settings say `secret:NAME`, and the value is put in at the last moment.
//!
//! Comes in: a reference out of the settings. Goes out: a [`Secret`], for the one request that needs it, and a
//! [`Scrub`], which takes the same value out of whatever comes back. Values are in files of the home or in
//! environment variables of the gateway ([`Store`]), are read anew for each use, and are overwritten when dropped.
//!
//! This room knows no agent, no policy and no network. A [`Secret`] can be neither printed nor serialised, and no
//! error here quotes what somebody may have written in place of a reference.

mod name;
mod scrub;
mod store;
mod template;

pub use name::{MAX_NAME_BYTES, Name, NameError};
pub use scrub::{End, Scrub};
pub use store::{MAX_VALUE_BYTES, MIN_VALUE_BYTES, Secret, SecretError, Source, Store};
pub use template::{MAX_REFERENCES, MAX_TEMPLATE_BYTES, Reference, Template, TemplateError};
