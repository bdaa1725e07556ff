//! Messages to a chat, by an incoming webhook as Slack has them: `POST` of `{"text": ...}` to an address that is itself the secret.

use std::path::PathBuf;
use std::sync::Arc;

use secrets::{Name, Store};
use serde_json::json;
use url::Url;
use vocab::{Ambient, Timestamp};

use crate::board::{Board, Spot, Standing};
use crate::send::SendError;
use crate::send::http::Http;
use crate::settings::{Fault, Target, Where};

/// One chat.
pub struct Hook {
    name: String,
    address: Name,
    ca: Option<PathBuf>,
    secrets: Store,
    ambient: Arc<dyn Ambient>,
    spot: Spot,
}

impl Hook {
    /// Readies the chat called `name`, whose webhook's address is the secret `address`, and puts it on the `board`.
    ///
    /// # Errors
    /// One sentence, when the secret is not there or is no address that may be used. It is not quoted.
    pub fn new(
        name: &str,
        address: Name,
        ca: Option<PathBuf>,
        secrets: Store,
        ambient: Arc<dyn Ambient>,
        board: &Board,
    ) -> Result<Self, String> {
        let (target, url) = place(name, &address, ca.clone(), &secrets)?;
        let spot = board.add(Standing::new(&target, "chat", &Where::Http(url)));
        Ok(Self { name: name.to_owned(), address, ca, secrets, ambient, spot })
    }

    /// Sends a message, once, to where the secret says now.
    ///
    /// # Errors
    /// When it does not get there. Neither the address nor the message is in the sentence.
    pub async fn send(&self, text: &str) -> Result<(), SendError> {
        let sent = self.post(text).await;
        let now: Timestamp = self.ambient.now();
        self.spot.change(|standing| match &sent {
            Ok(()) => {
                standing.taken = standing.taken.saturating_add(1);
                (standing.failing_since, standing.last_error, standing.late) = (None, None, false);
            }
            Err(error) => {
                standing.failing_since.get_or_insert(now);
                (standing.last_error, standing.late) = (Some(error.to_string()), true);
            }
        });
        sent
    }

    async fn post(&self, text: &str) -> Result<(), SendError> {
        let place = place(&self.name, &self.address, self.ca.clone(), &self.secrets);
        let (target, url) = place.map_err(SendError::Secret)?;
        // Nobody is asked for what an address in the text shows.
        let body = json!({ "text": text, "unfurl_links": false, "unfurl_media": false });
        Http::new(url, &target, self.secrets.clone()).json(body.to_string()).await
    }
}

/// Where the secret says now.
fn place(name: &str, address: &Name, ca: Option<PathBuf>, secrets: &Store) -> Result<(Target, Url), String> {
    let url = secrets.value(address).map_err(|error| error.to_string())?;
    // It speaks of what it is given to as an export.
    let said = |fault: Fault| fault.to_string().replacen("the export", "the chat", 1);
    let target = Target::of_chat(name, url.reveal(), ca).map_err(said)?;
    match target.to().map_err(said)? {
        Where::Http(url) => Ok((target, url)),
        _ => Err(said(target.fault("is reached over https"))),
    }
}
