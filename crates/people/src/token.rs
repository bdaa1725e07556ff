//! API tokens: for programs that act for a person.

use std::collections::BTreeSet;
use std::time::Duration;

use journal::{Change, Event, Facts};
use serde::{Deserialize, Deserializer, Serialize, de};
use vocab::{PersonId, Timestamp, TokenId};

use crate::bounds::{MAX_TOKEN_DAYS, MAX_TOKEN_NAME_CHARS, MAX_TOKENS, SEEN_EVERY};
use crate::no::{No, NoKind};
use crate::rows::{Scope, TOKEN, TokenRow, later};
use crate::secret::{Bearer, Secret, same};
use crate::sign_in::Came;
use crate::store::{People, put};
use crate::told::{self, Why, With};

/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;

/// A token that somebody wants.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// What it is for, for whoever reads the list.
    pub name: String,
    /// What it may be used for; no more of them are named than there are.
    #[serde(deserialize_with = "scopes")]
    pub scopes: BTreeSet<Scope>,
    /// How long it lasts.
    pub days: u16,
}

fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Scope>, D::Error> {
    let named = Vec::<Scope>::deserialize(deserializer)?;
    if named.len() > Scope::ALL.len() {
        let message = format!("a token has at most {} scopes, each named once", Scope::ALL.len());
        return Err(de::Error::custom(message));
    }
    Ok(named.into_iter().collect())
}

/// A token that was made.
#[derive(Debug)]
pub struct NewToken {
    /// The token; handed out this once.
    pub token: Bearer,
    /// What is shown of it from now on.
    pub view: TokenView,
}

/// A token as people are shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// Which.
    pub id: TokenId,
    /// Whose.
    pub person: PersonId,
    /// What it is for.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Since when.
    pub created: Timestamp,
    /// When it is over.
    pub expires: Timestamp,
    /// When it was used last.
    pub used: Option<Timestamp>,
}

impl People {
    /// The token that a header has. Counts as a use of it.
    ///
    /// # Errors
    /// When it is none, or over.
    pub async fn token(&self, bearer: &Bearer, came: &Came) -> Result<TokenView, No> {
        let now = self.now();
        // The row is written only while nobody changes rows: behind a deletion, it would bring back what was ended.
        let changing = self.changing.try_lock();
        let (found, why) = {
            let mut held = self.held.lock();
            let row = held.tokens.get_mut(&bearer.id);
            match row.filter(|row| same(&row.digest, &bearer.secret.digest())) {
                Some(row) if row.lives(now) => (Some((view(row), touch(row, now, changing.is_ok()))), None),
                Some(row) => (None, Some((Why::Over, Some(row.person.clone())))),
                None => (None, Some((Why::Wrong, None))),
            }
        };
        if let Some((view, change)) = found {
            let draft = self.tallies.use_of(&(view.id.clone(), view.person.clone(), came.peer), now);
            self.hand_over(draft.into_iter().collect(), change?).await;
            drop(changing);
            return Ok(view);
        }
        drop(changing);
        if let Some((why, person)) = why {
            self.refused((With::Token, why, came.peer, person)).await;
        }
        Err(No::new(NoKind::Unidentified, "this token is wrong, ended or over: make another"))
    }

    /// Says that an `Authorization` header of another form came.
    pub async fn strange_token(&self, came: &Came) {
        self.refused((With::Token, Why::Wrong, came.peer, None)).await;
    }

    /// Says that something came in the chat's name which is not rightly signed, or of an account that is nobody's.
    pub async fn strange_chat(&self, came: &Came) {
        self.refused((With::Chat, Why::Wrong, came.peer, None)).await;
    }

    /// Whether a token is good, without using it.
    #[must_use]
    pub fn token_lives(&self, id: &TokenId) -> bool {
        let now = self.now();
        self.held.lock().tokens.get(id).is_some_and(|row| row.lives(now))
    }

    /// The tokens of a person that are good, the newest first.
    #[must_use]
    pub fn tokens(&self, person: &PersonId) -> Vec<TokenView> {
        let now = self.now();
        let held = self.held.lock();
        let own = held.tokens.values().filter(|row| row.person == *person && row.lives(now));
        let mut views: Vec<TokenView> = own.map(view).collect();
        drop(held);
        views.sort_by_key(|view| std::cmp::Reverse(view.created));
        views
    }

    /// Whose a token is; none when there is none.
    #[must_use]
    pub fn owner_of_token(&self, id: &TokenId) -> Option<PersonId> {
        self.held.lock().tokens.get(id).map(|row| row.person.clone())
    }

    /// Makes a token for `person`.
    ///
    /// # Errors
    /// When what is wanted does not fit, they have too many, or it cannot be recorded.
    pub async fn make_token(&self, person: &PersonId, wanted: &Wanted) -> Result<NewToken, No> {
        fits(wanted)?;
        let secret = Secret::fresh()?;
        let changing = self.changing.lock().await;
        let now = self.now();
        if self.tokens(person).len() >= MAX_TOKENS {
            let message = format!("`{person}` has {MAX_TOKENS} tokens already: end one that is not used");
            return Err(No::new(NoKind::Conflict, message));
        }
        let life = Duration::from_secs(u64::from(wanted.days).saturating_mul(DAY_SECONDS));
        let row = TokenRow {
            id: TokenId::from_random(self.ambient.random()),
            person: person.clone(),
            name: wanted.name.trim().to_owned(),
            digest: secret.digest(),
            scopes: wanted.scopes.iter().copied().collect(),
            created: now,
            expires: later(now, life),
            used: None,
            written: None,
        };
        let scopes: Vec<String> = row.scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        let facts = Facts::new()
            .with("token", row.id.as_str())
            .with("scopes", scopes)
            .with("expires", row.expires.to_string());
        let draft = told::changed(Event::TokenMade, person, Some(person), facts);
        self.commit(vec![draft], vec![put(TOKEN, row.id.as_str(), &row)?]).await?;
        let made = NewToken { token: Bearer { id: row.id.clone(), secret }, view: view(&row) };
        self.held.lock().tokens.insert(row.id.clone(), row);
        drop(changing);
        Ok(made)
    }

    /// Ends a token of `owner`, by order of `by`.
    ///
    /// # Errors
    /// When they have no such token, or it cannot be recorded; then it goes on.
    pub async fn end_token(&self, id: &TokenId, owner: &PersonId, by: &PersonId) -> Result<(), No> {
        let changing = self.changing.lock().await;
        if self.owner_of_token(id).as_ref() != Some(owner) {
            return Err(No::new(NoKind::NotFound, format!("`{owner}` has no token `{id}`")));
        }
        let facts = Facts::new().with("token", id.as_str()).with("why", "ended");
        let draft = told::changed(Event::TokenEnded, owner, Some(by), facts);
        self.commit(vec![draft], vec![Change::delete(TOKEN, id.as_str())]).await?;
        self.held.lock().tokens.remove(id);
        drop(changing);
        Ok(())
    }
}

fn fits(wanted: &Wanted) -> Result<(), No> {
    let invalid = |message: String| Err(No::new(NoKind::Invalid, message));
    named(&wanted.name, "a token")?;
    if wanted.scopes.is_empty() {
        let all = Scope::ALL.map(Scope::as_str).join(", ");
        return invalid(format!("a token needs at least one scope of {all}"));
    }
    if wanted.days == 0 || wanted.days > MAX_TOKEN_DAYS {
        return invalid(format!("a token lasts 1 to {MAX_TOKEN_DAYS} days"));
    }
    Ok(())
}

/// Demands a name that fits on a line of a list.
pub(crate) fn named(name: &str, what: &str) -> Result<(), No> {
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 || length > MAX_TOKEN_NAME_CHARS || name.chars().any(char::is_control) {
        let message = format!("the name of {what} has 1 to {MAX_TOKEN_NAME_CHARS} characters on one line");
        return Err(No::new(NoKind::Invalid, message));
    }
    Ok(())
}

/// Notes a use of a token; the row that says so, now and then, where it may be `written`.
fn touch(row: &mut TokenRow, now: Timestamp, written: bool) -> Result<Vec<Change>, No> {
    row.used = Some(now);
    if !written || row.written.is_some_and(|written| now < later(written, SEEN_EVERY)) {
        return Ok(Vec::new());
    }
    row.written = Some(now);
    Ok(vec![put(TOKEN, row.id.as_str(), row)?])
}

fn view(row: &TokenRow) -> TokenView {
    TokenView {
        id: row.id.clone(),
        person: row.person.clone(),
        name: row.name.clone(),
        scopes: row.scopes.clone(),
        created: row.created,
        expires: row.expires,
        used: row.used,
    }
}
