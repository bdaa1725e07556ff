//! What an agent wants to do. A proposal is a wish: nothing in it has been checked.

use serde::{Deserialize, Serialize};

use crate::chat::ChatRequest;
use crate::{AgentName, ChatMessage, ProposalId, SessionId, ToolCall, TurnId};

/// What an agent process asks for, as it crosses the socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "snake_case", deny_unknown_fields)]
pub enum Intent {
    /// Ask the agent's model. The gateway puts the system message and the tools in itself, so that no
    /// agent and no full context window can drop a rule.
    ModelCall {
        /// The conversation, oldest first.
        messages: Vec<ChatMessage>,
        /// How many older messages did not fit and were left out.
        dropped: u32,
    },
    /// Call a skill.
    SkillCall {
        /// The model's own name for the call.
        call_id: String,
        /// The skill, as the model named it.
        skill: String,
        /// The arguments, as the model wrote them.
        arguments: String,
    },
    /// Answer the person.
    Reply {
        /// The words.
        text: String,
    },
    /// Answer the person with what has come whole of an answer that is still being made, as the gateway handed it over.
    ReplyPart {
        /// The words, which follow those of the part before.
        text: String,
    },
    /// Ask the agent's model as a program that nobody here wrote asks it: with its own conversation and tools.
    /// The agent's rules still come first in the system message.
    ProgramCall {
        /// What it asks.
        request: ChatRequest,
    },
    /// Hand a model's whole answer to such a program, which may show any of it to the person.
    ProgramAnswer {
        /// The words.
        text: String,
        /// The program's own functions that the model wants called.
        tool_calls: Vec<ToolCall>,
    },
}

/// An intent with its place in a turn, given by the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Which proposal.
    pub id: ProposalId,
    /// Whose.
    pub agent: AgentName,
    /// In which conversation.
    pub session: SessionId,
    /// In which turn.
    pub turn: TurnId,
    /// The how-manieth of its turn, from 1.
    pub ordinal: u32,
    /// What is wanted.
    pub intent: Intent,
}
