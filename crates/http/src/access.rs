//! Who may come to a route: what stands before every verb, built from its row of the table.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use people::{Came, Scope};
use turn::{Act, Socket};
use vocab::{Person, PersonId};

use crate::caller::{self, End, Through, Who};
use crate::problem::{Problem, ProblemKind};
use crate::{Api, CONTAINMENT};

/// Who may come to a route. What they may there is the verb's and the gateway's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Somebody of whom nothing is known yet; over TCP only.
    Anyone,
    /// A person: on the local socket, signed in, or by a token that has this scope.
    Person(Scope),
    /// A person on the local socket or signed in: what is theirs alone, no token changes.
    Oneself,
    /// A person who is signed in.
    SignedIn,
    /// The chat, by its signature over what it sends, which the verb looks at; over TCP only. No cookie and no token counts.
    Chat,
}

/// The rule of one route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) access: Access,
    /// Whether a sign-in must have been confirmed a short while ago.
    pub(crate) confirmed: bool,
    /// Whether coming here is a use of a sign-in, which keeps it from running out.
    pub(crate) used: bool,
}

/// Lets a request through to its verb, with [`Who`] it is of, or answers why not.
pub(crate) async fn guard(
    State((api, rule)): State<(Arc<Api>, Rule)>,
    mut request: Request,
    next: Next,
) -> Response {
    let end = request.extensions().get::<End>().copied();
    let headers = request.headers();
    let who = match end {
        Some(End::Socket(peer)) if matches!(rule.access, Access::Person(_) | Access::Oneself) => {
            let person = caller::person(&api.gateway, Socket::Api, peer.uid).await;
            person.map(|person| Some(Who { person, through: Through::Socket }))
        }
        Some(End::Socket(_)) if rule.access == Access::Chat => {
            let message = "the chat does not come by the local socket; decide here with `bulkhead approvals`";
            Err(Problem::new(ProblemKind::NotFound, message))
        }
        Some(End::Socket(_)) => {
            let message = "there is no signing in on the local socket: the operating system says who you are";
            Err(Problem::new(ProblemKind::NotFound, message))
        }
        Some(End::Tcp(_)) if matches!(rule.access, Access::Anyone | Access::Chat) => Ok(None),
        Some(End::Tcp(_)) => match caller::came(request.extensions(), headers) {
            Ok(came) => by_what_they_carry(&api, (rule.access, rule.used), headers, &came).await.map(Some),
            Err(problem) => Err(problem),
        },
        None => Err(Problem::new(ProblemKind::Forbidden, "nobody is known at the other end")),
    };
    match who {
        Ok(None) => next.run(request).await,
        Ok(Some(who)) => {
            if let (true, Err(problem)) = (rule.confirmed, who.confirmed()) {
                return problem.into_response();
            }
            request.extensions_mut().insert(who);
            contained(&api, next.run(request).await)
        }
        Err(problem) => problem.into_response(),
    }
}

/// An answer to somebody who is known, with the containment beside it: whatever they look at can say when it is reduced.
fn contained(api: &Api, mut response: Response) -> Response {
    let contained = if api.gateway.is_reduced() { "reduced" } else { "full" };
    response.headers_mut().insert(CONTAINMENT, HeaderValue::from_static(contained));
    response
}

/// Whose cookie or token it is. Where both are sent, the token counts. `used`: whether it is a use of the sign-in.
pub(crate) async fn by_what_they_carry(
    api: &Api,
    (access, used): (Access, bool),
    headers: &HeaderMap,
    came: &Came,
) -> Result<Who, Problem> {
    let bytes = |name| headers.get_all(name).iter().map(axum::http::HeaderValue::as_bytes);
    match people::bearer(bytes(header::AUTHORIZATION)) {
        Ok(Some(bearer)) => {
            let token = api.people.token(&bearer, came).await?;
            let person = named(api, &token.person)?;
            return match access {
                Access::Person(scope) if token.scopes.contains(&scope) => {
                    Ok(Who { person, through: Through::Token { id: token.id, scopes: token.scopes } })
                }
                Access::Person(scope) => {
                    let message = format!(
                        "this token has no scope `{}`: make one that has, with `bulkhead people token new`",
                        scope.as_str()
                    );
                    Err(Problem::new(ProblemKind::Forbidden, message))
                }
                Access::Anyone | Access::Oneself | Access::SignedIn | Access::Chat => {
                    let message = "no token may do this: sign in";
                    Err(Problem::new(ProblemKind::Forbidden, message))
                }
            };
        }
        Ok(None) => {}
        Err(_) => {
            api.people.strange_token(came).await;
            let message =
                "the `Authorization` header has no token of this gateway: it is `Bearer bh_...`, once";
            return Err(Problem::new(ProblemKind::Unidentified, message));
        }
    }
    match people::cookie(bytes(header::COOKIE)) {
        Ok(Some(cookie)) => {
            let session = if used {
                api.people.session(&cookie, came).await?
            } else {
                api.people.session_unused(&cookie, came).await?
            };
            let person = named(api, &session.person)?;
            Ok(Who { person, through: Through::SignIn(session) })
        }
        Ok(None) => Err(Problem::new(ProblemKind::Unidentified, "you are not signed in: sign in")),
        Err(_) => {
            api.people.strange_cookie(came).await;
            let message = "the cookie of the sign-in is broken or there are several: sign in again";
            Err(Problem::new(ProblemKind::Unidentified, message))
        }
    }
}

/// The person of this name, by the settings as they are at this moment. What a leaver came with is of no use to anybody from
/// then on.
fn named(api: &Api, id: &PersonId) -> Result<Person, Problem> {
    let gone = || {
        let message = format!("`{id}` is no longer in the settings of this gateway");
        Problem::new(ProblemKind::Unidentified, message)
    };
    api.gateway.person_named(id).ok_or_else(gone)
}

/// What an open stream asks again and again: whether its reader may still read it.
pub(crate) struct Watch {
    pub(crate) api: Arc<Api>,
    pub(crate) who: Who,
    /// What they must be allowed to do with the gateway as long as they read.
    pub(crate) needs: Option<Act>,
}

impl Watch {
    /// Whether the person is still there, still signed in, and may still what they could when it began.
    pub(crate) fn holds(&self) -> bool {
        let carried = match &self.who.through {
            Through::Socket => true,
            Through::SignIn(session) => self.api.people.lives(&session.id),
            Through::Token { id, .. } => self.api.people.token_lives(id),
        };
        let then = &self.who.person;
        let now = || self.api.gateway.person_who_may(&then.id, self.needs);
        carried && now().is_some_and(|now| now.administrator || !then.administrator)
    }
}
