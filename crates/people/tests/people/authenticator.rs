//! A passkey in software: what a phone or a security key does, and what a hostile one could.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use people::{Challenge, KeyAnswer, MadeKey};
use serde_json::{Value, json};
use vocab::Digest;

pub(crate) const ORIGIN: &str = "http://localhost:7400";

/// Somebody was there, and they unlocked it.
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
/// The data has a key in it.
const HAS_KEY: u8 = 0x40;

/// A passkey, with what it says of itself, true or not.
pub(crate) struct Authenticator {
    keys: EcdsaKeyPair,
    id: Vec<u8>,
    handle: Option<String>,
    /// What it counted its uses to.
    pub(crate) counter: u32,
    /// Whether it says that its person unlocked it.
    pub(crate) verified: bool,
    /// Of which page it says that it was asked.
    pub(crate) origin: String,
    /// To which name it says that it is bound.
    pub(crate) site: String,
}

fn asked(challenge: &Challenge) -> &Value {
    challenge.options.get("challenge").unwrap()
}

fn b64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

impl Authenticator {
    pub(crate) fn new() -> Self {
        let keys = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let id = Digest::of(keys.public_key().as_ref()).as_bytes().to_vec();
        Self {
            keys,
            id,
            handle: None,
            counter: 0,
            verified: true,
            origin: ORIGIN.to_owned(),
            site: "localhost".to_owned(),
        }
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        let data =
            json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false });
        data.to_string().into_bytes()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let flags = flags | PRESENT | if self.verified { VERIFIED } else { 0 };
        let mut data = Digest::of(self.site.as_bytes()).as_bytes().to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// Makes a key for a challenge.
    pub(crate) fn made(&mut self, challenge: &Challenge) -> Value {
        self.handle = challenge.options.pointer("/user/id").and_then(Value::as_str).map(str::to_owned);
        let point = self.keys.public_key().as_ref();
        let mut data = self.data(HAS_KEY);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        // COSE_Key: EC2, ES256, P-256, and the point's two halves.
        data.extend(HEXLOWER.decode(b"a5010203262001215820").unwrap());
        data.extend(point.get(1..33).unwrap());
        data.extend([0x22, 0x58, 0x20]);
        data.extend(point.get(33..65).unwrap());
        // {"fmt": "none", "attStmt": {}, "authData": bytes}
        let mut attested = vec![0xa3];
        attested.extend(b"\x63fmt\x64none\x67attStmt\xa0\x68authData\x59");
        attested.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        attested.extend(data);
        self.credential(&json!({
            "attestationObject": b64(&attested),
            "clientDataJSON": b64(&self.client_data("webauthn.create", asked(challenge))),
            "transports": ["internal"],
        }))
    }

    /// Answers a challenge, one use later.
    pub(crate) fn answered(&mut self, challenge: &Challenge) -> Value {
        self.counter += 1;
        self.answered_as_often(challenge)
    }

    /// Answers a challenge and does not count it.
    pub(crate) fn answered_as_often(&self, challenge: &Challenge) -> Value {
        let client = self.client_data("webauthn.get", asked(challenge));
        let data = self.data(0);
        let signed = [data.as_slice(), Digest::of(&client).as_bytes()].concat();
        let signature = self.keys.sign(&SystemRandom::new(), &signed).unwrap();
        self.credential(&json!({
            "authenticatorData": b64(&data),
            "clientDataJSON": b64(&client),
            "signature": b64(signature.as_ref()),
            "userHandle": self.handle,
        }))
    }

    /// What a browser sends of an answer.
    fn credential(&self, response: &Value) -> Value {
        json!({
            "id": b64(&self.id),
            "rawId": b64(&self.id),
            "type": "public-key",
            "extensions": {},
            "response": response,
        })
    }

    /// The same key with the handle of another, or with none.
    pub(crate) fn known_as(&mut self, handle: Option<&str>) {
        self.handle = handle.map(str::to_owned);
    }
}

pub(crate) fn key(value: Value) -> MadeKey {
    serde_json::from_value(value).unwrap()
}

pub(crate) fn answer(value: Value) -> KeyAnswer {
    serde_json::from_value(value).unwrap()
}
