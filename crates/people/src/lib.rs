//! How people prove who they are on the gateway's address.
//!
//! In: passwords, one-time codes, what passkeys answer, and what a cookie or a header carries. Out: whose it is, or a sentence why it is
//! nobody's. Kept are rows of state in the journal's database, each change with its record in one transaction:
//! argon2id of a password, the public half of a passkey, SHA-256 of every other secret. No secret, hash or code is in a record, a log or a sentence.
//!
//! Who a person is and what they may, the settings say and the monitor decides; this room knows neither. It keeps for each
//! name what that name signs in with, and [`People::forget_leavers`] erases it once the settings go on having no such name.

mod bounds;
mod breached;
mod directory;
mod guesses;
mod hasher;
mod house;
mod invite;
mod no;
mod origin;
mod passkey;
mod password;
mod provider;
mod rows;
mod secret;
mod sign_in;
mod sign_ins;
mod slack;
mod store;
mod token;
mod told;

pub use bounds::{
    CODE_LIFE, CONFIRMED_FOR, MAX_ACCOUNTS, MAX_GUESSES_FROM_PEER, MAX_GUESSES_OF_PERSON, MAX_PASSKEYS,
    MAX_PASSWORD_BYTES, MAX_SIGN_INS, MAX_TOKEN_DAYS, MAX_TOKEN_NAME_CHARS, MAX_TOKENS, MIN_PASSWORD_CHARS,
    SIGN_IN_IDLE, SIGN_IN_LIFE,
};
pub use directory::{AccountView, GroupView, Maker, NewAccount, NewGroup, Vouched, Wish};
pub use invite::Invite;
pub use no::{No, NoKind};
/// A request to an identity provider and its answer.
pub use openidconnect::{HttpRequest, HttpResponse};
pub use origin::{Origin, OriginError};
pub use passkey::{Challenge, KeyAnswer, MadeKey, PasskeyView};
pub use password::Password;
pub use provider::{Begun, COME_BACK, Fetch, FetchError, Fetching, ProviderConfig, Returned, Settle};
pub use rows::{How, Scope};
pub use secret::{
    Bearer, COOKIE_NAME, Code, Cookie, FLOW_COOKIE_NAME, Malformed, bearer, cookie, flow_cookie,
};
pub use sign_in::{Came, SignedIn};
pub use sign_ins::{Session, SignInView};
pub use slack::{MAX_SLACK_BYTES, MAX_SLACK_SKEW, Said, SigningSecret, Slack, is_slack_id, slack_form};
pub use store::{Config, People};
pub use token::{NewToken, TokenView, Wanted};
pub use told::Peer;
