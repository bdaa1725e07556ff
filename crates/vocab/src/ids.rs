//! Names and identifiers, each its own type so that one cannot stand in for another.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use smol_str::{SmolStr, format_smolstr};

/// The longest identifier, in bytes.
pub const MAX_ID_BYTES: usize = 64;

/// A text that is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a valid {kind}: use 1 to {MAX_ID_BYTES} of a-z, 0-9, `-`, `_` and `.`, starting with a letter or digit"
)]
pub struct IdError {
    kind: &'static str,
    text: String,
}

fn valid(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    text.len() <= MAX_ID_BYTES
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(allowed)
}

/// At most `MAX_ID_BYTES` characters of `text`, for a message that quotes it.
fn shortened(text: &str) -> String {
    text.chars().take(MAX_ID_BYTES).collect()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(SmolStr);

        impl $name {
            /// Takes `text` as it is.
            ///
            /// # Errors
            /// When it is empty, too long or has a character outside the allowed set.
            pub fn new(text: &str) -> Result<Self, IdError> {
                if valid(text) {
                    Ok(Self(SmolStr::new(text)))
                } else {
                    Err(IdError { kind: $kind, text: shortened(text) })
                }
            }

            /// The identifier's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! random_id {
    ($name:ident, $prefix:literal, $bytes:literal) => {
        impl $name {
            /// A fresh one, made of the first bytes of `random`.
            #[must_use]
            pub fn from_random(random: [u8; 16]) -> Self {
                let taken = random.get(..$bytes).unwrap_or(&random);
                let mut text = data_encoding::BASE32_NOPAD.encode(taken);
                text.make_ascii_lowercase();
                Self(format_smolstr!(concat!($prefix, "{}"), text))
            }
        }
    };
}

id!(
    /// An agent's name, as its folder and the commands have it.
    AgentName,
    "agent name"
);
id!(
    /// A person, as the organisation's settings name them.
    PersonId,
    "person"
);
id!(
    /// One conversation of one person with one agent.
    SessionId,
    "session"
);
id!(
    /// One message of a person and all that it sets in motion.
    TurnId,
    "turn"
);
id!(
    /// One proposal of an agent.
    ProposalId,
    "proposal"
);
id!(
    /// One action that waits for a person.
    ApprovalId,
    "approval"
);

id!(
    /// One request to erase content.
    ErasureId,
    "erasure"
);
id!(
    /// One legal hold.
    HoldId,
    "hold"
);
id!(
    /// One sign-in of one person on the gateway's address.
    SignInId,
    "sign-in"
);
id!(
    /// One API token of one person.
    TokenId,
    "token"
);
id!(
    /// One account or group of the organisation's directory.
    DirectoryId,
    "directory entry"
);
id!(
    /// One passkey of one person.
    PasskeyId,
    "passkey"
);

random_id!(SessionId, "s-", 10);
random_id!(TurnId, "t-", 10);
random_id!(ProposalId, "p-", 15);
random_id!(ApprovalId, "a-", 5);
random_id!(ErasureId, "e-", 5);
random_id!(HoldId, "h-", 5);
random_id!(SignInId, "i-", 10);
random_id!(TokenId, "k-", 10);
random_id!(PasskeyId, "y-", 10);
random_id!(DirectoryId, "d-", 10);

impl AgentName {
    /// The name that an `Identity` line such as `Name: Echo` gives: lower case, blanks as `-`.
    ///
    /// # Errors
    /// When what is left is not a valid identifier.
    pub fn from_title(title: &str) -> Result<Self, IdError> {
        let words: Vec<&str> = title.split_whitespace().collect();
        Self::new(&words.join("-").to_lowercase())
            .map_err(|_| IdError { kind: "agent name", text: shortened(title) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_folder_are_refused() {
        for bad in ["", ".", "..", "../x", "a/b", "A", "a b", "é", ".hidden", "-x", "a\0"] {
            assert!(AgentName::new(bad).is_err(), "{bad:?}");
        }
        assert!(AgentName::new(&"a".repeat(65)).is_err());
        assert_eq!(AgentName::from_title("Content Writer").unwrap().as_str(), "content-writer");
        assert!(AgentName::from_title("../../etc").is_err());
    }

    #[test]
    fn fresh_ids_are_valid_and_differ() {
        let (a, b) = (TurnId::from_random([1; 16]), TurnId::from_random([2; 16]));
        assert_ne!(a, b);
        assert_eq!(TurnId::new(a.as_str()).unwrap(), a);
    }
}
