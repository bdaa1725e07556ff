//! Who is calling: the kernel's word on the process at the other end, a sign-in or a token; and the person behind it.

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use nix::unistd::{Uid, User};
use people::{Came, Scope, Session};
use turn::{Gateway, OsUser, Socket};
use vocab::{Person, PersonId, TokenId};

use crate::problem::{Problem, ProblemKind};

/// Where a request came in, which each has as an extension.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// On a local socket, from an operating-system user.
    Socket(Peer),
    /// Over TCP, from an address.
    Tcp(IpAddr),
}

/// The operating-system user at the other end of the socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) uid: u32,
}

/// The account database could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the name of operating-system user {uid} cannot be looked up: {why}")]
pub struct OsUserError {
    uid: u32,
    why: nix::Error,
}

/// The machine's own accounts.
const ACCOUNTS: &str = "/etc/passwd";

/// The largest file of accounts that is looked into, in bytes.
const MAX_ACCOUNTS_BYTES: u64 = 4 * 1024 * 1024;

/// The name of the operating-system user `uid`. One that the account database does not know, as in a
/// container, is `uid:1234`; no account's name has a colon. Only for an account that is not the machine's own is
/// the account database asked, which may ask other machines.
///
/// # Errors
/// When the account database cannot be asked.
pub fn os_user(uid: u32) -> Result<String, OsUserError> {
    let mut accounts = String::new();
    let read =
        File::open(ACCOUNTS).and_then(|file| file.take(MAX_ACCOUNTS_BYTES).read_to_string(&mut accounts));
    if let (Ok(_), Some(name)) = (read, local(&accounts, uid)) {
        return Ok(name.to_owned());
    }
    let user = User::from_uid(Uid::from_raw(uid)).map_err(|why| OsUserError { uid, why })?;
    Ok(user.map_or_else(|| format!("uid:{uid}"), |user| user.name))
}

/// The name of `uid` among the machine's own accounts, `name:password:uid:...`; the first counts.
fn local(accounts: &str, uid: u32) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (!name.is_empty() && number.parse() == Ok(uid)).then_some(name)
    })
}

/// How a caller's request came to be theirs.
#[derive(Debug, Clone)]
pub(crate) enum Through {
    /// The kernel's word on who is at the other end of the local socket.
    Socket,
    /// A sign-in, by its cookie.
    SignIn(Session),
    /// An API token.
    Token {
        /// Which.
        id: TokenId,
        /// What it is good for.
        scopes: Vec<Scope>,
    },
}

/// Whose request this is, and how that is known. Only `access.rs` makes one.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) person: Person,
    pub(crate) through: Through,
}

impl Who {
    /// The sign-in that this came through.
    pub(crate) const fn session(&self) -> Option<&Session> {
        match &self.through {
            Through::SignIn(session) => Some(session),
            Through::Socket | Through::Token { .. } => None,
        }
    }

    /// The sign-in that this came through, where nothing else will do.
    pub(crate) fn signed_in(&self) -> Result<&Session, Problem> {
        self.session().ok_or_else(|| Problem::new(ProblemKind::Unidentified, "sign in first"))
    }

    /// The person, if it is the one whom the page that asks took them for: a page that stayed open while somebody else
    /// signed in decides nothing in their name.
    pub(crate) fn person_taken_for(&self, claimed: Option<&PersonId>) -> Result<&Person, Problem> {
        match claimed.filter(|claimed| **claimed != self.person.id) {
            None => Ok(&self.person),
            Some(claimed) => {
                let message =
                    format!("this page was `{claimed}`'s and you are `{}`: load it again", self.person.id);
                Err(Problem::new(ProblemKind::Conflict, message))
            }
        }
    }

    /// Demands a scope beyond that of the route, where this came by a token.
    pub(crate) fn within(&self, scope: Scope) -> Result<(), Problem> {
        match &self.through {
            Through::Token { scopes, .. } if !scopes.contains(&scope) => {
                let message = format!("this token has no scope `{}`, which this needs, too", scope.as_str());
                Err(Problem::new(ProblemKind::Forbidden, message))
            }
            _ => Ok(()),
        }
    }

    /// Demands that the person showed again, a short while ago, that it is they. Asked of sign-ins alone: the local socket is the
    /// operating system's user, and a token was made for what it may.
    pub(crate) fn confirmed(&self) -> Result<(), Problem> {
        match self.session() {
            Some(session) if session.confirmed_until.is_none() => {
                let message = "this needs you to show once more that it is you: confirm, then ask again";
                Err(Problem::new(ProblemKind::Unconfirmed, message))
            }
            _ => Ok(()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let who = parts.extensions.get::<Self>().cloned();
        who.ok_or_else(|| Problem::new(ProblemKind::Forbidden, "nobody is known at the other end"))
    }
}

/// The person whose request this is.
pub(crate) struct Caller(pub(crate) Person);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Who::from_request_parts(parts, state).await.map(|who| Self(who.person))
    }
}

/// Where a request over TCP comes from, and what the program that sent it calls itself.
pub(crate) struct Visitor(pub(crate) Came);

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        came(&parts.extensions, &parts.headers).map(Self)
    }
}

/// Who wants in, as far as the connection says.
pub(crate) fn came(extensions: &Extensions, headers: &HeaderMap) -> Result<Came, Problem> {
    let Some(End::Tcp(peer)) = extensions.get::<End>() else {
        return Err(Problem::new(ProblemKind::NotFound, "there is no signing in on the local socket"));
    };
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    Ok(Came { peer: *peer, agent: agent.to_owned() })
}

/// Whether the operating-system user `uid` is an administrator. Not a sign-in: nothing is recorded.
pub(crate) async fn administers(gateway: &Gateway, uid: u32) -> bool {
    let name = tokio::task::spawn_blocking(move || os_user(uid)).await;
    matches!(name, Ok(Ok(name)) if gateway.administers(&name))
}

/// The person who is the operating-system user `uid`, with the record of their coming.
pub(crate) async fn person(gateway: &Gateway, socket: Socket, uid: u32) -> Result<Person, Problem> {
    // The account database may be behind a network; the gateway's few threads must not wait for it.
    let name = tokio::task::spawn_blocking(move || os_user(uid))
        .await
        .map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?
        .map_err(|error| Problem::new(ProblemKind::Unavailable, error.to_string()))?;
    Ok(gateway.identify(socket, &OsUser { uid, name })?)
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn the_first_account_of_a_number_counts_and_a_line_that_is_none_does_not() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\n:x:7:\n\n#0\nada:x:1000:1000::/home/ada:\neve:x:1000:\nbob:1001\n+::::\nlow:x: 5\n";
        assert_eq!(local(accounts, 0), Some("root"));
        assert_eq!(local(accounts, 1000), Some("ada"));
        for nobody in [1001, 7, 5, u32::MAX] {
            assert_eq!(local(accounts, nobody), None, "{nobody}");
        }
    }
}
