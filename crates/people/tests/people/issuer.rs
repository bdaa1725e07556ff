//! An identity provider within the test: what it says of itself, and ID tokens, true or not.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use aws_lc_rs::{digest, hmac};
use data_encoding::BASE64URL_NOPAD;
use parking_lot::Mutex;
use people::{Fetch, FetchError, HttpRequest, HttpResponse, ProviderConfig};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

pub(crate) const ISSUER: &str = "https://login.example";
pub(crate) const CLIENT: &str = "bulkhead";
pub(crate) const SECRET: &str = "a secret of the client's";

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    Well,
    /// By a key that is nobody's, under the name of the provider's.
    ByAnother,
    /// `alg: none`, and no signature.
    Not,
    /// With the client's secret.
    WithSecret,
    /// With the public key for a shared secret.
    WithPublicKey,
    /// Well, and then changed.
    Changed,
}

/// A code that was given out: what it is exchanged for, and the challenge that its exchange has to meet.
struct Given {
    challenge: String,
    token: String,
}

pub(crate) struct State {
    keys: EcdsaKeyPair,
    kid: String,
    /// What it says of itself beside what is true.
    pub(crate) lies: Map<String, Value>,
    pub(crate) down: bool,
    codes: BTreeMap<String, Given>,
    /// How many requests came.
    pub(crate) asked: usize,
}

#[derive(Clone)]
pub(crate) struct Issuer(Arc<Mutex<State>>);

fn fresh() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

fn b64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

impl Issuer {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            keys: fresh(),
            kid: "1".into(),
            lies: Map::new(),
            down: false,
            codes: BTreeMap::new(),
            asked: 0,
        })))
    }

    pub(crate) fn state(&self) -> parking_lot::MutexGuard<'_, State> {
        self.0.lock()
    }

    /// Signs by another key from now on.
    pub(crate) fn rotate(&self) {
        let mut state = self.state();
        (state.keys, state.kid) = (fresh(), "2".into());
    }

    /// Gives a code for a token with these claims, to whoever meets the challenge.
    pub(crate) fn code(&self, challenge: &str, claims: &Value, signed: Signed) -> String {
        let mut state = self.state();
        let token = state.token(claims, signed);
        let code = format!("c{}", state.codes.len());
        state.codes.insert(code.clone(), Given { challenge: challenge.to_owned(), token });
        code
    }

    pub(crate) fn fetch(&self) -> Fetch {
        let here = self.clone();
        Arc::new(move |request| {
            let answer = here.state().answer(&request);
            Box::pin(async move { answer })
        })
    }

    pub(crate) fn config(&self) -> ProviderConfig {
        ProviderConfig {
            issuer: ISSUER.into(),
            shown: "Example".into(),
            client_id: CLIENT.into(),
            client_secret: Some(SecretString::from(SECRET.to_owned())),
            scopes: vec!["profile".into()],
            person_claim: "preferred_username".into(),
            domain: None,
            groups_claim: "groups".into(),
            hosts: [].into(),
            people: BTreeMap::new(),
            makes_accounts: true,
        }
    }
}

impl State {
    fn token(&self, claims: &Value, signed: Signed) -> String {
        let alg = match signed {
            Signed::Not => "none",
            Signed::WithSecret | Signed::WithPublicKey => "HS256",
            Signed::Well | Signed::ByAnother | Signed::Changed => "ES256",
        };
        let head = b64(json!({ "alg": alg, "kid": self.kid }).to_string().as_bytes());
        let body = b64(claims.to_string().as_bytes());
        let text = format!("{head}.{body}");
        let mac = |key: &[u8]| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
        };
        let by =
            |keys: &EcdsaKeyPair| keys.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec();
        let signature = match signed {
            Signed::Well | Signed::Changed => by(&self.keys),
            Signed::ByAnother => by(&fresh()),
            Signed::Not => Vec::new(),
            Signed::WithSecret => mac(SECRET.as_bytes()),
            Signed::WithPublicKey => mac(self.keys.public_key().as_ref()),
        };
        let body = if signed == Signed::Changed {
            b64(claims.to_string().replace("ada", "eve").as_bytes())
        } else {
            body
        };
        format!("{head}.{body}.{}", b64(&signature))
    }

    fn answer(&mut self, request: &HttpRequest) -> Result<HttpResponse, FetchError> {
        self.asked += 1;
        if self.down {
            return Err(FetchError("it does not answer".into()));
        }
        let said = |status: u16, value: &Value| {
            let mut answer = HttpResponse::new(value.to_string().into_bytes());
            *answer.status_mut() = status.try_into().unwrap_or_default();
            answer.headers_mut().insert("content-type", "application/json".parse().unwrap());
            answer
        };
        Ok(match request.uri().path() {
            "/.well-known/openid-configuration" => {
                let mut about = json!({
                    "issuer": ISSUER,
                    "authorization_endpoint": format!("{ISSUER}/authorize"),
                    "token_endpoint": format!("{ISSUER}/token"),
                    "jwks_uri": format!("{ISSUER}/keys"),
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
                });
                about.as_object_mut().unwrap().extend(self.lies.clone());
                said(200, &about)
            }
            "/keys" => {
                let point = self.keys.public_key().as_ref();
                let (x, y) = (b64(point.get(1..33).unwrap()), b64(point.get(33..65).unwrap()));
                said(
                    200,
                    &json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid, "x": x, "y": y }] }),
                )
            }
            "/token" => {
                let body = String::from_utf8_lossy(request.body());
                let field = |name: &str| {
                    let mut pairs = body.split('&').filter_map(|pair| pair.split_once('='));
                    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
                };
                let proof = digest::digest(&digest::SHA256, field("code_verifier").as_bytes());
                let given =
                    self.codes.remove(&field("code")).filter(|given| given.challenge == b64(proof.as_ref()));
                match given {
                    Some(given) => said(
                        200,
                        &json!({ "access_token": "x", "token_type": "bearer", "id_token": given.token }),
                    ),
                    None => said(400, &json!({ "error": "invalid_grant" })),
                }
            }
            _ => said(404, &json!({})),
        })
    }
}
