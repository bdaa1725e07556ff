//! Signing in by a real identity provider, npm's `oidc-provider`, at a real gateway.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bulkhead_tests::web::Answer;
use bulkhead_tests::{Browser, Home, eventually, skipped};
use serde_json::{Value, json};

/// What the settings call the gateway's address: the provider knows no other place to send browsers back to.
const HERE: &str = "http://localhost:7999";

/// A provider that runs until this is dropped.
struct Provider {
    child: Child,
    dir: PathBuf,
    issuer: String,
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
    /// Starts one, or says loudly that `test` is skipped.
    fn start(test: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let dir = std::env::var_os("BULKHEAD_OIDC").map_or_else(|| root.join(".tools/oidc"), PathBuf::from);
        if !dir.join("ready").is_file() {
            skipped(test, &format!("no identity provider in {} (run tests/oidc/run build)", dir.display()));
            return None;
        }
        let mut child = Command::new("node")
            .arg(script("provider.mjs"))
            .arg(&dir)
            .arg(format!("{HERE}/sign-in/provider"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let issuer = lines.find_map(|line| line.ok().filter(|line| line.starts_with("http://"))).unwrap();
        Some(Self { child, dir, issuer })
    }

    /// What the browser of somebody is sent back with.
    fn let_in(&self, url: &str, who: &str) -> Value {
        let output = Command::new("node").arg(script("browser.mjs")).args([url, who]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let place = String::from_utf8(output.stdout).unwrap();
        let (at, query) = place.trim().split_once('?').unwrap();
        assert_eq!(at, format!("{HERE}/sign-in/provider"), "{}", self.dir.display());
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), Value::String(value.replace("%3A", ":").replace("%2F", "/")))
        };
        Value::Object(query.split('&').map(pair).collect())
    }
}

fn home(provider: &Provider) -> Home {
    let home = Home::made(&["--team", "--person", "root"]);
    home.edit("[gateway]\n", &format!("[gateway]\norigin = \"{HERE}\"\n"));
    home.add(&format!(
        "[oidc]\nissuer = \"{}\"\nclient-id = \"bulkhead\"\nclient-secret = \"secret:oidc\"\n\
         [[directory]]\ngroup = \"staff\"\ngroups = [\"members\"]\n\
         [[group]]\nname = \"members\"\nagents = [\"echo\"]\nchannels = [\"*\"]\nmodels = [\"*\"]\n",
        provider.issuer
    ));
    let secret = home.at("secrets/oidc");
    fs::write(&secret, "a-secret-of-the-client").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    home.scene("turns: [{say: hello, repeat: true}]");
    home.start();
    home
}

/// Begins in a fresh browser: where it goes, and what it keeps.
fn begin(nobody: &Browser) -> (String, String) {
    let begun = nobody.post("sign-in/provider/begin", &json!({})).is(200);
    let kept = begun.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(kept.starts_with("bulkhead-provider=") && begun.header("location").is_empty(), "{begun:?}");
    (begun.json()["url"].as_str().unwrap().to_owned(), kept)
}

fn finish(nobody: &Browser, returned: &Value, kept: &str) -> Answer {
    let mut headers = nobody.headers();
    for (name, value) in [
        ("cookie", kept),
        ("content-type", "application/json"),
        ("origin", &format!("http://{}", nobody.address)),
    ] {
        headers.push((name.into(), value.into()));
    }
    nobody.send("POST", "/api/v1/sign-in/provider/finish", &headers, returned.to_string().as_bytes())
}

#[test]
fn a_real_provider_signs_people_in_with_what_their_groups_are_mapped_to_and_no_more() {
    let test = "a_real_provider_signs_people_in_with_what_their_groups_are_mapped_to_and_no_more";
    let Some(provider) = Provider::start(test) else { return };
    let home = home(&provider);
    let nobody = Browser::at(&home);
    assert_eq!(nobody.get("sign-in/ways").json()["provider"], "127.0.0.1");
    let (url, kept) = begin(&nobody);
    assert!(
        url.starts_with(&format!("{}/auth?", provider.issuer)) && url.contains("code_challenge_method=S256")
    );
    let returned = provider.let_in(&url, "ada");
    let (_, others) = begin(&nobody);
    drop(finish(&nobody, &returned, &others).is(401));
    let answer = finish(&nobody, &returned, &kept).is(200);
    let ada = nobody.with_cookie(&answer.cookie().unwrap());
    let me = ada.get("me").is(200).json();
    assert_eq!(
        (&me["person"], &me["groups"], &me["administrator"]),
        (&"ada".into(), &json!(["members"]), &false.into())
    );
    drop(ada.get("people").is(403));
    drop(finish(&nobody, &returned, &kept).is(401));
    // Eve's group is worth nothing, and root is the settings' own.
    for (who, status) in [("eve", 401), ("root", 409)] {
        let (url, kept) = begin(&nobody);
        drop(finish(&nobody, &provider.let_in(&url, who), &kept).is(status));
    }
    let accounts = home.json(&["people", "account", "list"]);
    assert_eq!(accounts.as_array().unwrap().len(), 1, "{accounts}");
    // What the mapping says counts at once; without one ada is nobody.
    home.edit("group = \"staff\"", "group = \"nobody\"");
    drop(ada.get("me").is(401));
    home.edit("group = \"nobody\"", "group = \"staff\"");
    drop(ada.get("me").is(200));
    // A person of the file never takes over what somebody else signed in with.
    home.add("[[person]]\nid = \"ada\"\ngroups = [\"owners\"]\n");
    assert!(
        ada.get("me").is(400).json()["detail"]
            .as_str()
            .unwrap()
            .contains("and so has the organisation's directory")
    );
    home.edit("[[person]]\nid = \"ada\"\ngroups = [\"owners\"]\n", "");
    home.run(&["people", "account", "remove", accounts[0]["id"].as_str().unwrap()]).done().has("ada");
    drop(ada.get("me").is(401));
    eventually("the record has it", || home.records(&["--event", "account.removed"]).len() == 1);
    home.verifies();
}

#[test]
fn while_a_real_provider_is_down_the_administrator_still_gets_in_and_is_told() {
    let test = "while_a_real_provider_is_down_the_administrator_still_gets_in_and_is_told";
    let Some(provider) = Provider::start(test) else { return };
    let home = home(&provider);
    let issuer = provider.issuer.clone();
    drop(provider);
    let root = Browser::signed_in(&home, "root");
    drop(root.get("people").is(200));
    let down = Browser::at(&home).post("sign-in/provider/begin", &json!({})).is(503);
    let said = down.json()["detail"].as_str().unwrap().to_owned();
    assert!(said.contains(&issuer) && said.contains("password"), "{said}");
}
