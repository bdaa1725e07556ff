//! The verbs of the API, a file each. A verb takes its request apart, asks the gateway and puts the answer
//! into JSON.

pub(crate) mod add_hold;
pub(crate) mod approve;
pub(crate) mod ask_erasure;
pub(crate) mod consent_erasure;
pub(crate) mod deny;
pub(crate) mod export;
pub(crate) mod follow_events;
pub(crate) mod follow_turn;
pub(crate) mod kill_agent;
pub(crate) mod kill_all;
pub(crate) mod list_agents;
pub(crate) mod list_approvals;
pub(crate) mod list_erasures;
pub(crate) mod list_holds;
pub(crate) mod pause_agent;
pub(crate) mod read_content;
pub(crate) mod refuse_erasure;
pub(crate) mod remove_hold;
pub(crate) mod resume_agent;
pub(crate) mod seal_record;
pub(crate) mod search_content;
pub(crate) mod send_message;
pub(crate) mod show_agent;
pub(crate) mod show_approval;
pub(crate) mod show_session;
pub(crate) mod shutdown;
pub(crate) mod status;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::Api;
use crate::problem::Problem;

/// The state that every verb gets.
pub(crate) type Shared = State<Arc<Api>>;

/// A JSON answer or a problem.
pub(crate) type Answer<T> = Result<Json<T>, Problem>;
