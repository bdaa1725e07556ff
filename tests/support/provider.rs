//! A real identity provider, npm's `oidc-provider`, and somebody's browser at it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::{Browser, Home, skipped};

/// By what it knows the gateway to be the gateway.
const SECRET: &str = "a-secret-of-the-client";

/// A provider that runs until this is dropped.
#[derive(Debug)]
pub struct Provider {
    child: Child,
    /// Its address, as it names itself.
    pub issuer: String,
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("oidc").join(name)
}

impl Provider {
    /// Starts one, or says loudly that `test` is skipped. It takes sign-ins once it knows where to send browsers back to.
    ///
    /// # Panics
    /// When it is installed and does not start.
    #[must_use]
    pub fn start(test: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let dir = std::env::var_os("BULKHEAD_OIDC").map_or_else(|| root.join(".tools/oidc"), PathBuf::from);
        if !dir.join("ready").is_file() {
            skipped(test, &format!("no identity provider in {} (run tests/oidc/run build)", dir.display()));
            return None;
        }
        let mut child = Command::new("node")
            .arg(script("provider.mjs"))
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let issuer = lines.find_map(|line| line.ok().filter(|line| line.starts_with("http://"))).unwrap();
        Some(Self { child, issuer })
    }

    /// Tells it the one page to which it sends browsers back: that of the gateway at `origin`.
    ///
    /// # Panics
    /// When it does not listen any more.
    pub fn comes_back_to(&mut self, origin: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{origin}/sign-in/provider").unwrap();
    }

    /// Names it in the settings of a home, with the secret that they share.
    ///
    /// # Panics
    /// When the home cannot be written to.
    pub fn named_in(&self, home: &Home) {
        home.add(&format!(
            "[oidc]\nissuer = \"{}\"\nclient-id = \"bulkhead\"\nclient-secret = \"secret:oidc\"\n",
            self.issuer
        ));
        let secret = home.at("secrets/oidc");
        fs::write(&secret, SECRET).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Has somebody be in these groups there from now on, and in no others.
    ///
    /// # Panics
    /// When it does not serve.
    pub fn puts(&self, who: &str, groups: &[&str]) {
        let groups = if groups.is_empty() { &[""] } else { groups };
        let query: Vec<String> = groups.iter().map(|group| format!("{who}={group}")).collect();
        let address = self.issuer.trim_start_matches("http://").to_owned();
        let there = Browser { address, cookie: None, token: None };
        drop(there.send("GET", &format!("/groups?{}", query.join("&")), &there.headers(), b"").is(200));
    }

    /// What the browser of somebody is sent back with, to `origin`.
    ///
    /// # Panics
    /// When it is sent anywhere else.
    #[must_use]
    pub fn let_in(&self, origin: &str, url: &str, who: &str) -> Value {
        let output = Command::new("node").arg(script("browser.mjs")).args([url, who]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let place = String::from_utf8(output.stdout).unwrap();
        let (at, query) = place.trim().split_once('?').unwrap();
        assert_eq!(at, format!("{origin}/sign-in/provider"));
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), Value::String(value.replace("%3A", ":").replace("%2F", "/")))
        };
        Value::Object(query.split('&').map(pair).collect())
    }
}
