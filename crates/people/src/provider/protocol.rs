//! The protocol: what is learnt of a provider, the address that a browser is sent to, and what the answer is worth.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AsyncHttpClient, AuthType, AuthenticationFlow, AuthorizationCode, Client, ClientId,
    ClientSecret, CsrfToken, DiscoveryError, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, HttpRequest, IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use vocab::{SignInId, Timestamp};

use super::flows::Flow;
use super::{Fetch, FetchError, Fetching, Provider};
use crate::bounds::{
    CLOCK_SKEW, MAX_ACCOUNT_TEXT_CHARS, MAX_CLAIMED_GROUPS, MAX_RETURNED_BYTES, PROVIDER_AGAIN,
    PROVIDER_FRESH, PROVIDER_PAUSE, TOKEN_AGE,
};
use crate::no::{No, NoKind};
use crate::rows::later;

/// Claims that the library has no field for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Extra {
    #[serde(flatten)]
    all: BTreeMap<String, Value>,
}

impl AdditionalClaims for Extra {}

type Fields = IdTokenFields<
    Extra,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type Relying = Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What was learnt of a provider.
#[derive(Clone)]
pub(crate) struct Known {
    metadata: CoreProviderMetadata,
    learnt: Timestamp,
}

/// What was learnt, and when it was asked for in vain.
#[derive(Default)]
pub(crate) struct Learnt {
    known: Option<Known>,
    failed: Option<Timestamp>,
}

/// What a browser brings back.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returned {
    /// What the gateway gave it.
    pub state: String,
    /// What the provider gave it, where it let its person in.
    #[serde(default)]
    pub code: Option<String>,
    /// Which provider says so (RFC 9207).
    #[serde(default)]
    pub iss: Option<String>,
    /// Why it did not.
    #[serde(default)]
    pub error: Option<String>,
}

/// Who somebody is at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// The claim that names a person.
    pub(crate) name: Option<String>,
    pub(crate) shown: Option<String>,
    pub(crate) groups: BTreeSet<String>,
    /// When they last proved to the provider who they are, as far as it says.
    pub(crate) proved: Option<Timestamp>,
}

/// What the `state` of a flow begins with that confirms a sign-in, so that the page that a browser comes back to knows what to
/// ask for. What the flow is good for is kept here and not read from it.
const CONFIRMS: &str = "confirm-";

/// Signatures that only who has the provider's private key can make. Not `none`, and nothing with a shared secret.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The gateway's own requests, as the library makes them.
struct Asking(Fetch);

impl<'c> AsyncHttpClient<'c> for Asking {
    type Error = FetchError;
    type Future = Fetching;

    fn call(&'c self, request: HttpRequest) -> Fetching {
        (self.0)(request)
    }
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

fn discover(
    issuer: IssuerUrl,
    fetch: Fetch,
) -> Boxed<Result<CoreProviderMetadata, DiscoveryError<FetchError>>> {
    Box::pin(async move {
        let asking = Asking(fetch);
        CoreProviderMetadata::discover_async(issuer, &asking).await
    })
}

type Answered = StandardTokenResponse<Fields, CoreTokenType>;
type Unanswered = RequestTokenError<FetchError, StandardErrorResponse<CoreErrorResponseType>>;

/// The tokens for a code; none where the provider has no place for it.
fn exchange(
    client: Relying,
    code: String,
    verifier: PkceCodeVerifier,
    fetch: Fetch,
) -> Boxed<Option<Result<Answered, Unanswered>>> {
    Box::pin(async move {
        let asking = Asking(fetch);
        let request = client.exchange_code(AuthorizationCode::new(code)).ok()?;
        Some(request.set_pkce_verifier(verifier).request_async(&asking).await)
    })
}

impl Provider {
    /// What is known of the provider, asked for again when it is old. `stale` says that what is known did not do.
    async fn known(&self, now: Timestamp, stale: bool) -> Result<Known, No> {
        // Whoever comes meanwhile waits for the one answer.
        let mut held = self.known.lock().await;
        let good_for = if stale { PROVIDER_AGAIN } else { PROVIDER_FRESH };
        let lately = |then: Timestamp, within| now >= then && now < later(then, within);
        if let Some(known) = held.known.as_ref().filter(|known| lately(known.learnt, good_for)) {
            return Ok(known.clone());
        }
        // One who waited for an answer that never came is enough.
        if held.failed.is_some_and(|failed| lately(failed, PROVIDER_PAUSE)) {
            return Err(self.down("it did not answer a moment ago"));
        }
        let learnt = self.learn(now).await;
        held.failed = learnt.is_err().then_some(now);
        held.known = learnt.as_ref().ok().cloned().or(held.known.take());
        learnt
    }

    async fn learn(&self, now: Timestamp) -> Result<Known, No> {
        let issuer =
            IssuerUrl::new(self.config.issuer.clone()).map_err(|_| self.down("its address is none"))?;
        // The library's errors quote what came; the log gets a few words of ours.
        let found = discover(issuer, Arc::clone(&self.fetch)).await;
        let metadata = found.map_err(|error| match error {
            DiscoveryError::Request(why) => self.down(&why.to_string()),
            _ => self.down("what it says of itself does not fit"),
        })?;
        let token = metadata.token_endpoint().ok_or_else(|| self.down("it has no token endpoint"))?;
        for place in [metadata.authorization_endpoint().url(), token.url(), metadata.jwks_uri().url()] {
            self.within(place)?;
        }
        Ok(Known { metadata, learnt: now })
    }

    /// Demands that a provider's endpoint is at the provider.
    fn within(&self, place: &Url) -> Result<(), No> {
        let issuer = Url::parse(&self.config.issuer).map_err(|_| self.down("its address is none"))?;
        let host = place.host_str().unwrap_or_default();
        let same = issuer.host_str() == Some(host)
            && issuer.port_or_known_default() == place.port_or_known_default();
        let named = self.config.hosts.contains(host) && place.scheme() == "https";
        if (same && issuer.scheme() == place.scheme()) || named {
            return Ok(());
        }
        let message = format!(
            "the identity provider `{issuer}` has an endpoint at another host, `{host}`: if that is right, name it in `hosts` in `[oidc]`"
        );
        Err(No::new(NoKind::Unavailable, message))
    }

    fn client(&self, known: &Known) -> Result<Relying, No> {
        let secret = self
            .config
            .client_secret
            .as_ref()
            .map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let redirect = RedirectUrl::new(self.redirect.clone())
            .map_err(|_| self.down("there is no address to come back to"))?;
        let methods = known.metadata.token_endpoint_auth_methods_supported();
        let by_body = methods.is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        let client = Client::from_provider_metadata(
            known.metadata.clone(),
            ClientId::new(self.config.client_id.clone()),
            secret,
        );
        let kind = if by_body { AuthType::RequestBody } else { AuthType::BasicAuth };
        Ok(client.set_redirect_uri(redirect).set_auth_type(kind))
    }

    /// Where a browser is sent, with what is kept until it is back. `again` has the provider ask its person anew, as it always
    /// does for a sign-in that is to be confirmed.
    pub(crate) async fn begin(
        &self,
        again: bool,
        browser: vocab::Digest,
        confirms: Option<SignInId>,
        now: Timestamp,
    ) -> Result<(Url, String, Flow), No> {
        let known = self.known(now, false).await?;
        let client = self.client(&known)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let kind = if confirms.is_some() { CONFIRMS } else { "" };
        let state = move || CsrfToken::new(format!("{kind}{}", CsrfToken::new_random().secret()));
        let mut asked = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                state,
                Nonce::new_random,
            )
            .add_scopes(self.config.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        if again || confirms.is_some() {
            asked = asked.add_prompt(CoreAuthPrompt::Login).set_max_age(std::time::Duration::ZERO);
        }
        let (url, state, nonce) = asked.url();
        Ok((url, state.secret().clone(), Flow { browser, verifier, nonce, made: now, confirms }))
    }

    /// Who it is that came back.
    pub(crate) async fn finish(
        &self,
        returned: Returned,
        flow: Flow,
        now: Timestamp,
    ) -> Result<Identity, No> {
        let wrong = |what: &str| {
            let message = format!("the identity provider's answer does not hold ({what}): begin again");
            No::new(NoKind::Unidentified, message)
        };
        let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > MAX_RETURNED_BYTES);
        if long(&returned.code) || long(&returned.iss) {
            return Err(wrong("it is too long"));
        }
        // The answer of another provider, given to this one, would hand it that one's code.
        if returned
            .iss
            .is_some_and(|iss| iss.trim_end_matches('/') != self.config.issuer.trim_end_matches('/'))
        {
            return Err(wrong("it is of another issuer"));
        }
        let Some(code) = returned.code.filter(|_| returned.error.is_none()) else {
            return Err(No::new(NoKind::Unidentified, "the identity provider did not let you in"));
        };
        let place = self.places.try_acquire().map_err(|_| {
            No::new(NoKind::Busy, "too many people sign in at this moment; try again in a few seconds")
        })?;
        let known = self.known(now, false).await?;
        let client = self.client(&known)?;
        let answer = exchange(client, code, flow.verifier, Arc::clone(&self.fetch)).await;
        let answer = answer.ok_or_else(|| self.down("it has no token endpoint"))?;
        let answer = answer.map_err(|error| match error {
            RequestTokenError::Request(FetchError(why)) => self.down(&why),
            RequestTokenError::ServerResponse(_) => wrong("it does not take the code"),
            _ => self.down("its answer does not fit"),
        })?;
        let token = answer.id_token().ok_or_else(|| wrong("there is no ID token"))?;
        let mut claims = self.claims(&known, token, &flow.nonce, now);
        if claims.is_err() {
            // Its keys may be other ones since.
            let known = self.known(now, true).await?;
            claims = self.claims(&known, token, &flow.nonce, now);
        }
        drop(place);
        self.identity(&claims.map_err(wrong)?).ok_or_else(|| wrong("it names nobody"))
    }

    /// The claims of a token that holds.
    fn claims(
        &self,
        known: &Known,
        token: &openidconnect::IdToken<
            Extra,
            CoreGenderClaim,
            CoreJweContentEncryptionAlgorithm,
            CoreJwsSigningAlgorithm,
        >,
        nonce: &Nonce,
        now: Timestamp,
    ) -> Result<Map<String, Value>, &'static str> {
        let client = self.client(known).map_err(|_| "there is no client")?;
        let second = now.as_second();
        let at =
            move |by: i64| chrono::DateTime::from_timestamp(second.saturating_add(by), 0).unwrap_or_default();
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || at(-CLOCK_SKEW))
            .set_issue_time_verifier_fn(move |issued| {
                let fits = issued <= at(CLOCK_SKEW) && issued > at(-TOKEN_AGE);
                if fits { Ok(()) } else { Err("issued at another time".to_owned()) }
            });
        let claims = token.claims(&verifier, nonce).map_err(|error| match error {
            openidconnect::ClaimsVerificationError::Expired(_) => "the ID token is not of this time",
            openidconnect::ClaimsVerificationError::InvalidAudience(_) => "the ID token is for somebody else",
            openidconnect::ClaimsVerificationError::InvalidIssuer(_) => "the ID token is of another issuer",
            openidconnect::ClaimsVerificationError::InvalidNonce(_) => "the ID token is of another sign-in",
            _ => "the ID token's signature does not hold",
        })?;
        if claims.authorized_party().is_some_and(|party| party.as_str() != self.config.client_id) {
            return Err("the ID token is for somebody else");
        }
        match serde_json::to_value(claims) {
            Ok(Value::Object(claims)) => Ok(claims),
            _ => Err("the ID token does not fit"),
        }
    }

    fn identity(&self, claims: &Map<String, Value>) -> Option<Identity> {
        let text = |name: &str| {
            let text = claims.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty() && text.chars().count() <= MAX_ACCOUNT_TEXT_CHARS)
                .map(str::to_owned)
        };
        let groups = match claims.get(&self.config.groups_claim) {
            Some(Value::Array(groups)) => {
                groups.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(Value::String(group)) => [group.clone()].into(),
            _ => BTreeSet::new(),
        };
        let fits = |group: &String| !group.is_empty() && group.chars().count() <= MAX_ACCOUNT_TEXT_CHARS;
        let name = text(&self.config.person_claim).and_then(|name| match &self.config.domain {
            Some(domain) => name.strip_suffix(domain.as_str())?.strip_suffix('@').map(str::to_owned),
            None => Some(name),
        });
        Some(Identity {
            issuer: self.config.issuer.clone(),
            subject: text("sub")?,
            name,
            shown: text("name"),
            groups: groups.into_iter().filter(fits).take(MAX_CLAIMED_GROUPS).collect(),
            proved: claims
                .get("auth_time")
                .and_then(Value::as_i64)
                .and_then(|time| Timestamp::from_second(time).ok()),
        })
    }
}
