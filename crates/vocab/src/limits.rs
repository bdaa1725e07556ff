//! Every bound that more than one room keeps, by name. A room's own bounds stand in that room.

use std::time::Duration;

/// The largest frame between the gateway and a jailed process, in bytes.
pub const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// The largest text of one model answer, its reasoning and tool arguments together, in bytes.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The most parts that a reply is delivered in before it is there whole.
pub const MAX_REPLY_PARTS: u32 = 64;

/// The largest part of a reply, in bytes; what is longer comes with the whole.
pub const MAX_PART_BYTES: usize = 64 * 1024;

/// The most tool calls in one model answer.
pub const MAX_TOOL_CALLS: usize = 32;

/// The largest arguments of one skill call, in bytes.
pub const MAX_ARGUMENT_BYTES: usize = 256 * 1024;

/// The largest message of a person, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// The largest text that a skill hands back to the model, in bytes; the rest is cut and the cut is said.
pub const MAX_RESULT_BYTES: usize = 256 * 1024;

/// The largest SOUL.md, in bytes.
pub const MAX_SOUL_BYTES: usize = 256 * 1024;

/// The most transcript entries of a session that a turn carries.
pub const MAX_TRANSCRIPT_ENTRIES: usize = 2_000;

/// The largest transcript that a turn carries, in bytes, so that it fits in one frame.
pub const MAX_TRANSCRIPT_BYTES: usize = 3 * 1024 * 1024;

/// How long a permit is good for.
pub const PERMIT_LIFETIME: Duration = Duration::from_secs(30);

/// How long an action waits for a person before it is denied, when the settings say nothing.
pub const APPROVAL_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Actions a minute for an agent whose SOUL.md names no limit.
pub const DEFAULT_ACTIONS_PER_MINUTE: u32 = 120;

/// Actions a turn for an agent whose SOUL.md names no limit.
pub const DEFAULT_ACTIONS_PER_TURN: u32 = 60;

/// Wall time of a turn for an agent whose SOUL.md names no limit; waiting for a person does not count.
pub const DEFAULT_TURN_TIME: Duration = Duration::from_secs(600);

/// Model tokens a day for an agent whose SOUL.md names no limit.
pub const DEFAULT_MODEL_TOKENS_PER_DAY: u64 = 2_000_000;

/// Memory of a jailed process for an agent whose SOUL.md names no limit, in bytes.
pub const DEFAULT_MEMORY_BYTES: u64 = 512 * 1024 * 1024;
