//! Who is calling: the kernel's word on the process at the other end, and the person behind it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use nix::unistd::{Uid, User};
use vocab::Person;

use crate::Api;
use crate::problem::{Problem, ProblemKind};

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

/// The name of the operating-system user `uid`. One that the account database does not know, as in a
/// container, is `uid:1234`; no account's name has a colon.
///
/// # Errors
/// When the account database cannot be asked.
pub fn os_user(uid: u32) -> Result<String, OsUserError> {
    let user = User::from_uid(Uid::from_raw(uid)).map_err(|why| OsUserError { uid, why })?;
    Ok(user.map_or_else(|| format!("uid:{uid}"), |user| user.name))
}

/// The person whose request this is.
pub(crate) struct Caller(pub(crate) Person);

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let Some(Peer { uid }) = parts.extensions.get::<Peer>().copied() else {
            return Err(Problem::new(ProblemKind::Forbidden, "nobody is known at the other end"));
        };
        // The account database may be behind a network; the gateway's few threads must not wait for it.
        let name = tokio::task::spawn_blocking(move || os_user(uid))
            .await
            .map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?
            .map_err(|error| Problem::new(ProblemKind::Unavailable, error.to_string()))?;
        Ok(Self(api.gateway.person_of_os_user(&name)?))
    }
}
