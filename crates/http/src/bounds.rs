//! Every bound of this room, by name.

use std::time::Duration;

/// The largest request body, in bytes: a message of the largest size whose every byte is escaped in JSON,
/// and a little around it.
pub(crate) const MAX_BODY_BYTES: usize = 6 * vocab::limits::MAX_MESSAGE_BYTES + 4096;

/// The largest body of a program that provisions, in bytes: the members of a large group.
pub(crate) const MAX_SCIM_BYTES: usize = 2 * 1024 * 1024;

/// How deep what it sends may lie.
pub(crate) const MAX_SCIM_DEPTH: usize = 8;

/// The longest query of an address, in bytes.
pub(crate) const MAX_QUERY_BYTES: usize = 8 * 1024;

/// The largest body with a password or a code in it, in bytes.
pub(crate) const MAX_CREDENTIALS_BYTES: usize = 16 * 1024;

/// How long the answer to a request with an `Idempotency-Key` is kept.
pub(crate) const KEEP_ANSWERS: Duration = Duration::from_secs(10 * 60);

/// The longest such key, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 255;

/// The most answers that are kept, of one person and in all.
pub(crate) const MAX_KEYS_OF_PERSON: usize = 64;
pub(crate) const MAX_KEYS: usize = 1024;

/// The largest answer that is kept, in bytes.
pub(crate) const MAX_KEPT_ANSWER_BYTES: usize = 16 * 1024;

/// How often an open stream looks whether its reader may still read it.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How long what was found of the machine and the home is good for.
pub(crate) const EXAMINED_FOR: Duration = Duration::from_secs(10);

/// The most who wait for that at the same time.
pub(crate) const MAX_WAIT_FOR_HEALTH: usize = 8;

/// How often a stream of server-sent events says that it is still there.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

/// How often what is over is taken away, and leavers are forgotten.
pub(crate) const TIDY_EVERY: Duration = Duration::from_secs(60);

/// The largest chat request of a program, in bytes: a long conversation with the files that it is about.
pub(crate) const MAX_CHAT_BYTES: usize = 4 * 1024 * 1024;

/// The largest call of a skill over the Model Context Protocol, in bytes: the largest arguments, every byte escaped,
/// and a little around them.
pub(crate) const MAX_MCP_BYTES: usize = 6 * vocab::limits::MAX_ARGUMENT_BYTES + 64 * 1024;

/// The most chat requests of one run that are read and taken apart at the same time; others wait. JSON takes many
/// times its own bytes while it is taken apart.
pub(crate) const MAX_READ_AT_ONCE: usize = 4;

/// The most connections of one run's program; further ones wait in the kernel's queue.
pub(crate) const MAX_GUEST_CONNECTIONS: usize = 64;

/// How much of a chat request that is too large is read and dropped, in bytes, before its connection is closed.
pub(crate) const MAX_DRAINED_BYTES: usize = 64 * 1024 * 1024;

/// How long a program's request may take, with all that it waits for: other requests, a model, a person.
pub(crate) const GUEST_TIME: Duration = Duration::from_secs(1200);

/// The most header fields of a request.
pub(crate) const MAX_HEADERS: usize = 32;

/// The largest head of a request, in bytes. hyper takes nothing below 8 KiB.
pub(crate) const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long a client may take over a request's head, and how long a connection may lie idle.
pub(crate) const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a request may take until its answer begins. A stream of events may then go on.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(30);

/// The most connections at once to a local socket.
pub(crate) const MAX_CONNECTIONS: usize = 512;

/// The most of them of one operating-system user.
pub(crate) const MAX_CONNECTIONS_OF_USER: usize = 128;

/// How many of them are kept for administrators.
pub(crate) const RESERVED_CONNECTIONS: usize = 128;

/// The most connections that are being told that there is no place for them; further ones wait in the kernel's queue.
pub(crate) const MAX_TURNED_AWAY: usize = 64;

/// How long somebody may take to hear that there is no place for them.
pub(crate) const TURN_AWAY_TIME: Duration = Duration::from_millis(500);

/// The most connections at once to the address: those who follow what happens hold one each, and others still come in.
pub(crate) const MAX_WEB_CONNECTIONS: usize = 640;

/// How long to wait when the machine has no file descriptor left for a connection.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The most programs that run at once.
pub(crate) const MAX_PROGRAMS: usize = 32;

/// How long a command may take to say what it wants run.
pub(crate) const ASK_TIME: Duration = Duration::from_secs(5);

/// How long a command may take to read a word from the gateway.
pub(crate) const WORD_TIME: Duration = Duration::from_secs(5);

/// How many kills and stops are heard at the same time.
pub(crate) const STOPPERS: usize = 6;

/// The most of them that may be people who are no administrators.
pub(crate) const MAX_OTHER_STOPPERS: usize = 3;

/// How long somebody waits for the record of a kill, whose processes are dead by then.
pub(crate) const SETTLE_TIME: Duration = Duration::from_secs(30);

/// How long connections may go on when the gateway stops.
pub(crate) const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The longest path of a Unix socket, in bytes (`sun_path` of unix(7), without its ending zero).
pub(crate) const MAX_SOCKET_PATH_BYTES: usize = 107;
