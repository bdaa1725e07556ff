//! Ways in, over a real journal: what lets somebody in, what ends it, what the record says of it.

extern crate bulkhead_people as people;

mod codes;
mod floods;
mod passwords;
mod sign_ins;
mod stage;
mod tokens;
