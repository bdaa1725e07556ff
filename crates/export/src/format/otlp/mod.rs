//! OpenTelemetry's own messages (OTLP), with the names of its semantic conventions for generative AI.
//!
//! The messages are the generated types of OpenTelemetry's own crate. What a person, an agent or a model said is in none
//! of them: the conventions' `gen_ai.input.messages` and the like stay empty.

mod attributes;
mod logs;
mod names;
mod spans;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use vocab::{Digest, ProposalId, TurnId};

use self::attributes::text;
use super::Origin;

pub use logs::logs;
pub use spans::Spans;

/// What stands behind every record: this product on this machine.
fn resource_of(origin: &Origin) -> Resource {
    Resource {
        attributes: vec![
            text(names::SERVICE_NAME, "bulkhead"),
            text(names::SERVICE_VERSION, &origin.version),
            text(names::HOST_NAME, &origin.host),
        ],
        ..Resource::default()
    }
}

fn scope(origin: &Origin) -> InstrumentationScope {
    InstrumentationScope {
        name: "bulkhead.record".to_owned(),
        version: origin.version.clone(),
        ..InstrumentationScope::default()
    }
}

/// The trace of a turn: 16 bytes that follow from its name, so that it is the same whenever it is sent.
fn trace_id(turn: &TurnId) -> Vec<u8> {
    first(Digest::of_parts(&[b"trace", turn.as_str().as_bytes()]), 16)
}

/// The span of a whole turn.
fn root_id(turn: &TurnId) -> Vec<u8> {
    first(Digest::of_parts(&[b"turn", turn.as_str().as_bytes()]), 8)
}

/// The span of a proposal.
fn span_id(proposal: &ProposalId) -> Vec<u8> {
    first(Digest::of_parts(&[b"proposal", proposal.as_str().as_bytes()]), 8)
}

fn first(digest: Digest, bytes: usize) -> Vec<u8> {
    digest.as_bytes().iter().take(bytes).copied().collect()
}
