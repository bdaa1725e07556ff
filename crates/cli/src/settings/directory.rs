//! `[oidc]`, `[scim]` and `[[directory]]`: the organisation's identity provider, and what its groups are worth here.

use std::collections::{BTreeMap, BTreeSet};

use bulkhead_http::Provisions;
use people::{ProviderConfig, Vouched};
use secrecy::SecretString;
use secrets::{Name, Reference};
use serde::Deserialize;
use toml::Spanned;
use url::Url;
use vocab::{Group, Labels, Person, PersonId};

use super::Settings;
use crate::failure::Failure;
use crate::home::Home;

/// The most `[[directory]]` entries.
const MAX_MAPPED: usize = 1_000;

/// Who else says who somebody is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Oidc {
    /// The provider's address, exactly as it names itself.
    issuer: Spanned<String>,
    /// What it is called on the sign-in page.
    #[serde(default)]
    name: Option<String>,
    client_id: String,
    #[serde(default)]
    client_secret: Option<Reference>,
    #[serde(default = "scopes")]
    scopes: Vec<String>,
    #[serde(default = "person_claim")]
    person_claim: String,
    #[serde(default)]
    domain: Option<String>,
    #[serde(default = "groups_claim")]
    groups_claim: String,
    /// Further hosts where it has endpoints.
    #[serde(default)]
    hosts: BTreeSet<String>,
    /// Which of its accounts (`sub`) are people of this file.
    #[serde(default)]
    people: BTreeMap<String, PersonId>,
}

/// Whether a program of the organisation's puts people in and takes them out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Scim {
    enabled: bool,
    /// What ends a user's name there and is left out here, with its `@`.
    domain: Option<String>,
}

fn scopes() -> Vec<String> {
    ["profile", "email"].map(str::to_owned).into()
}

fn person_claim() -> String {
    "preferred_username".to_owned()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

/// A group of the provider's, and what it is worth.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Mapped {
    /// What the provider calls it.
    group: String,
    /// The groups of this file whose rights its members have.
    #[serde(default)]
    groups: Vec<String>,
    /// What data they may see.
    #[serde(default)]
    clearance: Labels,
    /// Whether they may stop and resume agents.
    #[serde(default)]
    administrator: bool,
}

/// The first thing that does not fit the rest of the file, with its place in the text.
pub(super) fn fault(
    oidc: Option<&Oidc>,
    mapped: &[Spanned<Mapped>],
    groups: &[Spanned<Group>],
    solo: Option<&Spanned<PersonId>>,
) -> Option<(usize, String)> {
    if let Some(oidc) = oidc {
        let at = oidc.issuer.span().start;
        let Ok(issuer) = Url::parse(oidc.issuer.get_ref()) else {
            return Some((
                at,
                format!(
                    "`{}` is not the address of an issuer: write it as the provider names itself",
                    oidc.issuer.get_ref()
                ),
            ));
        };
        let here = matches!(issuer.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if issuer.scheme() != "https" && !(issuer.scheme() == "http" && here) {
            return Some((
                at,
                format!("the issuer `{issuer}` is not reached over https: what it says could be anybody's"),
            ));
        }
        if issuer.query().is_some() || issuer.fragment().is_some() || !issuer.username().is_empty() {
            return Some((
                at,
                format!(
                    "the issuer `{issuer}` is more than an address: write it as the provider names itself"
                ),
            ));
        }
    }
    if let (Some(solo), true) = (solo, oidc.is_some() || !mapped.is_empty()) {
        let message =
            "`solo` is for a home of one person: remove it, now that an identity provider names others"
                .to_owned();
        return Some((solo.span().start, message));
    }
    if let Some(more) = mapped.get(MAX_MAPPED) {
        return Some((more.span().start, format!("more than {MAX_MAPPED} `[[directory]]`; remove some")));
    }
    mapped.iter().enumerate().find_map(|(nth, spanned)| {
        let entry = spanned.get_ref();
        let unknown =
            entry.groups.iter().find(|name| groups.iter().all(|group| group.get_ref().name != **name));
        let message = if let Some(group) = unknown {
            format!(
                "the provider's group `{}` is mapped to `{group}`, and there is no `[[group]]` of that name",
                entry.group
            )
        } else if mapped.iter().take(nth).any(|other| other.get_ref().group == entry.group) {
            format!("the provider's group `{}` is mapped twice; put it into one", entry.group)
        } else {
            return None;
        };
        Some((spanned.span().start, message))
    })
}

impl Settings {
    /// Whether the file itself has a person of this name.
    pub(crate) fn has_person(&self, id: &PersonId) -> bool {
        self.person.iter().any(|person| person.get_ref().id == *id)
    }

    /// Whether any of these groups of the provider's is worth something.
    pub(crate) fn maps(&self, groups: &BTreeSet<String>) -> bool {
        self.directory.iter().any(|entry| groups.contains(&entry.get_ref().group))
    }

    /// Those of the directory who have a group that is mapped, with what all of theirs are worth together.
    ///
    /// # Errors
    /// When the file has a person of the same name: which of the two is meant, nobody could tell.
    pub(super) fn vouched(&self, all: &[Vouched]) -> Result<Vec<Person>, String> {
        let mut people = Vec::new();
        for one in all {
            let own = || {
                self.directory.iter().map(Spanned::get_ref).filter(|entry| one.groups.contains(&entry.group))
            };
            if self.has_person(&one.id) {
                return Err(format!(
                    "bulkhead.toml has a person `{}`, and so has the organisation's directory: rename one, or remove the directory's with `bulkhead people account remove`",
                    one.id
                ));
            }
            if own().next().is_none() {
                continue;
            }
            let groups: BTreeSet<&String> = own().flat_map(|entry| &entry.groups).collect();
            people.push(Person {
                id: one.id.clone(),
                os_user: None,
                chat: None,
                groups: groups.into_iter().cloned().collect(),
                clearance: own().fold(Labels::default(), |sum, entry| sum.join(&entry.clearance)),
                administrator: own().any(|entry| entry.administrator),
            });
        }
        Ok(people)
    }

    /// How a program says who is there; none where it does not.
    pub(super) fn provisions(&self) -> Option<Provisions> {
        self.scim.enabled.then(|| Provisions { domain: self.scim.domain.clone() })
    }

    /// The secret that the gateway proves itself with to the provider.
    pub(super) fn provider_secret(&self) -> Option<&Name> {
        self.oidc.as_ref().and_then(|oidc| oidc.client_secret.as_ref()).map(Reference::name)
    }

    /// The identity provider; none where the file has none.
    ///
    /// # Errors
    /// When its secret cannot be had.
    pub(crate) fn provider(&self, home: &Home) -> Result<Option<ProviderConfig>, Failure> {
        let Some(oidc) = &self.oidc else { return Ok(None) };
        let store = self.secrets(home);
        let secret = oidc.client_secret.as_ref().map(|secret| store.value(secret.name())).transpose();
        let secret = secret.map_err(|error| Failure::unreachable(error.to_string()))?;
        let issuer = oidc.issuer.get_ref().clone();
        let host =
            Url::parse(&issuer).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        Ok(Some(ProviderConfig {
            shown: oidc.name.clone().unwrap_or(host),
            issuer,
            client_id: oidc.client_id.clone(),
            client_secret: secret.map(|secret| SecretString::from(secret.reveal().to_owned())),
            scopes: oidc.scopes.clone(),
            person_claim: oidc.person_claim.clone(),
            domain: oidc.domain.clone(),
            groups_claim: oidc.groups_claim.clone(),
            hosts: oidc.hosts.clone(),
            people: oidc.people.clone(),
            makes_accounts: !self.scim.enabled,
        }))
    }
}
