//! What passkeys are bound to, and what WebAuthn says to them.

use serde_json::{Value, json};
use uuid::Uuid;
use webauthn_rs::WebauthnBuilder;
use webauthn_rs::prelude::{
    CredentialID, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Webauthn, WebauthnError,
};

use crate::bounds::CHALLENGE_LIFE;
use crate::no::{No, NoKind};
use crate::origin::Origin;

/// What people read when their device asks whom it signs in with.
const SHOWN: &str = "Bulkhead";

/// The gateway, as passkeys know it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) origin: Origin,
    webauthn: Webauthn,
}

/// Why an answer is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its counter is not above the one before: there may be a copy of the passkey.
    Counter,
    /// Anything else.
    Wrong,
}

impl Site {
    pub(crate) fn new(origin: Origin) -> Result<Self, No> {
        let built = WebauthnBuilder::new(origin.name(), origin.url())
            .and_then(|builder| builder.rp_name(SHOWN).timeout(CHALLENGE_LIFE).build());
        let webauthn = built.map_err(|_| {
            No::new(
                NoKind::Unavailable,
                format!("passkeys cannot be bound to `{origin}`: name another origin"),
            )
        })?;
        Ok(Self { origin, webauthn })
    }

    /// What a browser is told so that it makes a passkey: one that knows its person, with somebody there to unlock it.
    pub(crate) fn add(
        &self,
        handle: Uuid,
        name: &str,
        others: Vec<CredentialID>,
    ) -> Result<(Value, PasskeyRegistration), No> {
        let begun = self.webauthn.start_passkey_registration(handle, name, name, Some(others));
        let (told, state) = begun.map_err(|_| unmade())?;
        let mut told = serde_json::to_value(told.public_key).map_err(|_| unmade())?;
        let choice =
            told.get_mut("authenticatorSelection").and_then(Value::as_object_mut).ok_or_else(unmade)?;
        choice.insert("residentKey".into(), json!("required"));
        choice.insert("requireResidentKey".into(), json!(true));
        Ok((told, state))
    }

    /// What a browser is told so that a passkey answers: any of this gateway's, or one of `those`.
    pub(crate) fn ask(&self, those: &[&CredentialID]) -> Result<(Value, DiscoverableAuthentication), No> {
        let (told, state) = self.webauthn.start_discoverable_authentication().map_err(|_| unmade())?;
        let mut told = serde_json::to_value(told.public_key).map_err(|_| unmade())?;
        let those: Vec<Value> = those
            .iter()
            .map(|id| json!({ "type": "public-key", "id": data_encoding::BASE64URL_NOPAD.encode(id.as_slice()) }))
            .collect();
        told.as_object_mut().ok_or_else(unmade)?.insert("allowCredentials".into(), Value::Array(those));
        Ok((told, state))
    }

    /// The passkey that was made; none when the answer is not what was asked for.
    pub(crate) fn added(
        &self,
        answer: &RegisterPublicKeyCredential,
        state: &PasskeyRegistration,
    ) -> Option<Passkey> {
        self.webauthn.finish_passkey_registration(answer, state).ok()
    }

    /// Demands that an answer is `key`'s, and brings its counter up to date.
    pub(crate) fn answered(
        &self,
        answer: &PublicKeyCredential,
        state: DiscoverableAuthentication,
        key: &mut Passkey,
    ) -> Result<(), Fault> {
        let result = self.webauthn.finish_discoverable_authentication_v2(answer, state, &*key);
        let result = result.map_err(|error| match error {
            WebauthnError::CredentialPossibleCompromise => Fault::Counter,
            _ => Fault::Wrong,
        })?;
        if !result.user_verified() {
            return Err(Fault::Wrong);
        }
        key.update_credential(&result).map(drop).ok_or(Fault::Wrong)
    }
}

fn unmade() -> No {
    No::new(NoKind::Unavailable, "no challenge could be made for a passkey")
}
