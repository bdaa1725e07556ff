//! A chat that speaks as Slack does: takes what is posted, and says what its people say, signed.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use serde_json::Value;

use crate::server::{Deed, Server};
use crate::web::Answer;
use crate::{Browser, Home, eventually_or};

/// What it signs with.
pub const SIGNING: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// Its workspace.
pub const TEAM: &str = "T0001";

/// The form of what it sends.
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Where it takes messages.
const HOOK: &str = "/services/T0001/B1/sesame";

/// The chat, until it is dropped.
pub struct Slack {
    server: Server,
    mood: Arc<AtomicU16>,
}

impl Slack {
    /// One that takes everything.
    #[must_use]
    pub fn new() -> Self {
        let mood = Arc::new(AtomicU16::new(200));
        let now = Arc::clone(&mood);
        let server = Server::new(move |_| {
            let status = now.load(Ordering::SeqCst);
            let head = format!(
                "HTTP/1.1 {status} x\r\nlocation: /elsewhere\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
            );
            Deed::Say(head.into_bytes())
        });
        Self { server, mood }
    }

    /// From now on it answers with this status.
    pub fn answers(&self, status: u16) {
        self.mood.store(status, Ordering::SeqCst);
    }

    /// Puts its two secrets into a home, and the settings that name it there.
    pub fn join(&self, home: &Home, clearance: &str) {
        let webhook = format!("http://{}{HOOK}", self.server.address);
        for (name, value) in [("slack-webhook", webhook.as_str()), ("slack-signing", SIGNING)] {
            let file = home.at("secrets").join(name);
            std::fs::create_dir_all(home.at("secrets")).unwrap();
            std::fs::write(&file, value).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        home.add(&format!(
            "[chat]\nname = \"ops\"\nwebhook = \"secret:slack-webhook\"\nsigning-secret = \"secret:slack-signing\"\nteam = \"{TEAM}\"\n{clearance}\n"
        ));
    }

    /// How often it was asked for anything but its webhook.
    #[must_use]
    pub fn strays(&self) -> usize {
        self.server.requests_beneath("/").iter().filter(|request| request.path != HOOK).count()
    }

    /// Every message that it was sent, whether it took it or not.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        let text = |body: &[u8]| {
            let body: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(
                (&body["unfurl_links"], &body["unfurl_media"]),
                (&Value::Bool(false), &Value::Bool(false))
            );
            body["text"].as_str().unwrap().to_owned()
        };
        self.server.requests(HOOK).iter().map(|request| text(&request.body)).collect()
    }

    /// The message of this number, from 0.
    #[must_use]
    #[track_caller]
    pub fn message(&self, nth: usize) -> String {
        let posted = || self.messages().len() > nth;
        eventually_or(&format!("message {nth} is posted; posted are"), posted, || {
            format!("{:?}", self.messages())
        });
        self.messages().swap_remove(nth)
    }

    /// The one-time id in it.
    #[must_use]
    #[track_caller]
    pub fn once(&self, nth: usize) -> String {
        let text = self.message(nth);
        let (_, rest) = text.split_once("`/bulkhead approve ").unwrap_or_else(|| panic!("no id: {text}"));
        rest.split('`').next().unwrap().to_owned()
    }
}

impl Default for Slack {
    fn default() -> Self {
        Self::new()
    }
}

/// The seconds of now.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the gateway is a real one, and so is its clock")]
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// How many commands were made: each of Slack's is another, though the words are the same.
static COMMANDS: AtomicU64 = AtomicU64::new(0);

/// The body of a slash command.
#[must_use]
pub fn command(team: &str, user: &str, text: &str) -> String {
    let text: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let nth = COMMANDS.fetch_add(1, Ordering::Relaxed);
    format!("token=x&trigger_id={nth}&team_id={team}&user_id={user}&command=%2Fbulkhead&text={text}")
}

/// The headers that sign a body at a time.
#[must_use]
pub fn signed(time: i64, body: &str) -> Vec<(String, String)> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SIGNING.as_bytes());
    let tag = hmac::sign(&key, format!("v0:{time}:{body}").as_bytes());
    let own = [
        ("x-slack-request-timestamp", time.to_string()),
        ("x-slack-signature", format!("v0={}", HEXLOWER.encode(tag.as_ref()))),
        (FORM.0, FORM.1.to_owned()),
    ];
    own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Browser {
    /// Sends a body to where the chat answers, with these headers beside its own.
    #[must_use]
    pub fn slash(&self, headers: &[(String, String)], body: &str) -> Answer {
        let headers = [self.headers(), headers.to_vec()].concat();
        self.send("POST", "/api/v1/chat/answer", &headers, body.as_bytes())
    }

    /// What the account is told that says this, rightly signed.
    #[must_use]
    #[track_caller]
    pub fn slack(&self, user: &str, text: &str) -> String {
        let body = command(TEAM, user, text);
        let answer = self.slash(&signed(now(), &body), &body).is(200).json();
        assert_eq!(answer["response_type"], "ephemeral");
        answer["text"].as_str().unwrap().to_owned()
    }
}
