//! What must hold against agents, models and people who want more than they may.

mod approvals;
mod carried;
mod containment;
mod content;
mod doctor;
mod egress;
mod erasure;
mod exec;
mod hostile;
mod labels;
mod late;
mod people;
mod record;
mod rules;
mod secrets;
mod stop;
mod zero_egress;
