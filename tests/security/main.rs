//! What must hold against agents, models and people who want more than they may.

mod approvals;
#[path = "../../crates/people/tests/people/authenticator.rs"]
#[expect(dead_code, reason = "here it only has to be somebody's")]
mod authenticator;
mod branches;
mod carried;
mod collections;
mod containment;
mod content;
mod conversations;
mod deaf;
mod deputy;
mod doctor;
mod egress;
mod erasure;
mod exec;
mod hostile;
mod labels;
mod late;
mod leavers;
mod looking;
mod parts;
mod past;
mod people;
mod provider;
mod recall;
mod record;
mod replaced;
mod roles;
mod routes;
mod rules;
mod scim;
mod secrets;
mod sign_in;
mod souls;
mod steps;
mod stop;
mod streams;
mod tables;
mod theirs;
mod tls;
mod unapproved;
mod unfounded;
mod web;
mod zero_egress;
