//! Every bound of this room, by name.

use std::time::Duration;

/// The shortest password, in characters.
pub const MIN_PASSWORD_CHARS: usize = 12;

/// The longest password, in bytes.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// How many passwords are hashed at once: each takes 19 MiB while it is.
pub(crate) const MAX_HASHES: usize = 2;

/// How many more may wait for their turn; one more is told to come again.
pub(crate) const MAX_WAITING_HASHES: usize = 32;

/// How long wrong guesses are counted together, in seconds.
pub(crate) const GUESS_SECONDS: i64 = 900;

/// How many wrong passwords of one name there may be within that time.
pub const MAX_GUESSES_OF_PERSON: u32 = 10;

/// How many wrong passwords and codes may come from one place within that time. All of this machine is one place.
pub const MAX_GUESSES_FROM_PEER: u32 = 100;

/// The most names and the most places whose guesses are told apart. Beyond, nobody's guess is taken until one is over.
pub(crate) const MAX_GUESSERS: usize = 1024;

/// How long a one-time code is good for.
pub const CODE_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a sign-in lasts at most, where the settings say nothing.
pub const SIGN_IN_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// How long a sign-in lasts unused, where the settings say nothing.
pub const SIGN_IN_IDLE: Duration = Duration::from_secs(60 * 60);

/// How long a person counts as having shown again that it is they.
pub const CONFIRMED_FOR: Duration = Duration::from_secs(5 * 60);

/// The most sign-ins of one person; one more ends the one that was longest unused.
pub const MAX_SIGN_INS: usize = 16;

/// The most API tokens of one person that have not ended.
pub const MAX_TOKENS: usize = 32;

/// How long an API token lasts at most, in days.
pub const MAX_TOKEN_DAYS: u16 = 365;

/// The longest name of a token or a passkey, in characters.
pub const MAX_TOKEN_NAME_CHARS: usize = 64;

/// The most passkeys of one person.
pub const MAX_PASSKEYS: usize = 10;

/// How long a challenge waits for a passkey's answer.
pub(crate) const CHALLENGE_LIFE: Duration = Duration::from_secs(5 * 60);

/// The most challenges that wait for somebody of whom nothing is known yet.
pub(crate) const MAX_CHALLENGES: usize = 256;

/// The most accounts that the organisation's directory may have here, and members of one of its groups.
pub const MAX_ACCOUNTS: usize = 20_000;

/// The most groups that it may have here.
pub(crate) const MAX_ACCOUNT_GROUPS: usize = 1_000;

/// The longest name or id of an account or a group, in characters.
pub(crate) const MAX_ACCOUNT_TEXT_CHARS: usize = 256;

/// The most groups of one person that a sign-in by an identity provider is asked for.
pub(crate) const MAX_CLAIMED_GROUPS: usize = 256;

/// How long a sign-in may be under way at the identity provider.
pub(crate) const FLOW_LIFE: Duration = Duration::from_secs(10 * 60);

/// The most sign-ins that are under way there.
pub(crate) const MAX_FLOWS: usize = 256;

/// The most answers of the identity provider that are looked into at once.
pub(crate) const MAX_PROVIDER_REQUESTS: usize = 4;

/// The longest code and issuer that a browser may bring back, in bytes.
pub(crate) const MAX_RETURNED_BYTES: usize = 2048;

/// How long what an identity provider says of itself counts.
pub(crate) const PROVIDER_FRESH: Duration = Duration::from_secs(10 * 60);

/// How soon it may be asked again when a signature does not hold by the keys that it had.
pub(crate) const PROVIDER_AGAIN: Duration = Duration::from_secs(30);

/// How soon it is asked again after it did not answer.
pub(crate) const PROVIDER_PAUSE: Duration = Duration::from_secs(5);

/// How far the clock of an identity provider may differ, in seconds.
pub(crate) const CLOCK_SKEW: i64 = 60;

/// How old an ID token may be, in seconds.
pub(crate) const TOKEN_AGE: i64 = 600;

/// How much is kept of what a browser calls itself, in characters.
pub(crate) const MAX_AGENT_CHARS: usize = 160;

/// How far a clock may have been set back before what was made later than now counts as over.
pub(crate) const CLOCK_SLACK: Duration = Duration::from_secs(5 * 60);

/// How often it is written down that a sign-in or a token was used.
pub(crate) const SEEN_EVERY: Duration = Duration::from_secs(60);

/// The longest `Cookie` or `Authorization` header that is looked into, in bytes.
pub(crate) const MAX_HEADER_BYTES: usize = 4096;
