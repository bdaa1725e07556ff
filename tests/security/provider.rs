//! Signing in by a real identity provider, npm's `oidc-provider`, at a real gateway.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use bulkhead_tests::provider::Provider;
use bulkhead_tests::server::{Deed, Server};
use bulkhead_tests::web::Answer;
use bulkhead_tests::{Browser, Home, eventually};
use serde_json::{Value, json};

/// What the settings call the gateway's address: the provider knows no other place to send browsers back to.
const HERE: &str = "http://localhost:7999";

fn home(provider: &mut Provider) -> Home {
    provider.comes_back_to(HERE);
    let home = Home::made(&["--team", "--person", "root"]);
    home.edit("[gateway]\n", &format!("[gateway]\norigin = \"{HERE}\"\n"));
    provider.named_in(&home);
    home.add(
        "[[directory]]\ngroup = \"staff\"\ngroups = [\"members\"]\n\
         [[group]]\nname = \"members\"\nagents = [\"echo\"]\nchannels = [\"*\"]\nmodels = [\"*\"]\n",
    );
    home.scene("turns: [{say: hello, repeat: true}]");
    home.start();
    home
}

/// Begins in a browser: where it goes, and what it keeps.
fn begin(nobody: &Browser) -> (String, String) {
    begin_to("sign-in", nobody)
}

fn begin_to(what: &str, browser: &Browser) -> (String, String) {
    let begun = browser.post(&format!("{what}/provider/begin"), &json!({})).is(200);
    let kept = begun.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(kept.starts_with("bulkhead-provider=") && begun.header("location").is_empty(), "{begun:?}");
    assert!(begun.header("set-cookie").ends_with(&format!("Path=/api/v1/{what}/provider")), "{begun:?}");
    (begun.json()["url"].as_str().unwrap().to_owned(), kept)
}

fn finish(nobody: &Browser, returned: &Value, kept: &str) -> Answer {
    finish_to("sign-in", nobody, returned, kept)
}

fn finish_to(what: &str, browser: &Browser, returned: &Value, kept: &str) -> Answer {
    let signed_in = browser.cookie.as_ref().map(|cookie| format!("; bulkhead={cookie}")).unwrap_or_default();
    let mut headers = browser.headers();
    headers.retain(|(name, _)| name != "cookie");
    for (name, value) in [
        ("cookie", format!("{kept}{signed_in}").as_str()),
        ("content-type", "application/json"),
        ("origin", &format!("http://{}", browser.address)),
    ] {
        headers.push((name.into(), value.into()));
    }
    browser.send(
        "POST",
        &format!("/api/v1/{what}/provider/finish"),
        &headers,
        returned.to_string().as_bytes(),
    )
}

#[test]
fn a_real_provider_signs_people_in_with_what_their_groups_are_mapped_to_and_no_more() {
    let test = "a_real_provider_signs_people_in_with_what_their_groups_are_mapped_to_and_no_more";
    let Some(mut provider) = Provider::start(test) else { return };
    let home = home(&mut provider);
    let nobody = Browser::at(&home);
    assert_eq!(nobody.get("sign-in/ways").json()["provider"], "127.0.0.1");
    let (url, kept) = begin(&nobody);
    assert!(
        url.starts_with(&format!("{}/auth?", provider.issuer)) && url.contains("code_challenge_method=S256")
    );
    let returned = provider.let_in(HERE, &url, "ada");
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
        drop(finish(&nobody, &provider.let_in(HERE, &url, who), &kept).is(status));
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

/// What two more groups of the provider's are worth: the role of operators, and being an administrator.
const JOBS: &str = "
[[directory]]
group = \"on-call\"
groups = [\"watch\"]
[[directory]]
group = \"chiefs\"
administrator = true
[[group]]
name = \"watch\"
[[role]]
name = \"operator\"
groups = [\"watch\"]
";

#[test]
fn a_group_of_a_real_provider_gives_the_role_that_it_is_mapped_to_and_takes_it_along() {
    let test = "a_group_of_a_real_provider_gives_the_role_that_it_is_mapped_to_and_takes_it_along";
    let Some(mut provider) = Provider::start(test) else { return };
    let home = home(&mut provider);
    home.add(JOBS);
    let nobody = Browser::at(&home);
    let enters = |groups: &[&str]| {
        provider.puts("ada", groups);
        let (url, kept) = begin(&nobody);
        finish(&nobody, &provider.let_in(HERE, &url, "ada"), &kept)
    };
    let comes = |groups: &[&str]| nobody.with_cookie(&enters(groups).is(200).cookie().unwrap());
    // What somebody is: their roles, whether an administrator, and what they are answered for it.
    let is = |ada: &Browser| {
        let me = ada.get("me").is(200).json();
        let (stops, sees) = (ada.post("kill", &json!({})).status, ada.get("accounts").status);
        (me["roles"].clone(), me["administrator"].clone(), stops, sees)
    };
    let (member, operator) =
        ((json!([]), json!(false), 403, 403), (json!(["operator"]), json!(false), 200, 403));
    let first = comes(&["staff"]);
    assert_eq!(is(&first), member);
    let second = comes(&["staff", "on-call"]);
    // Both are hers, and what she may is hers and not a sign-in's.
    assert_eq!([is(&first), is(&second)], [operator.clone(), operator.clone()]);
    let stopped = home.records(&["--event", "agent.killed"]);
    assert!(!stopped.is_empty() && stopped.iter().all(|record| record["person"] == "ada"), "{stopped:?}");
    // What the settings say of the group counts at once.
    home.edit("name = \"operator\"\ngroups = [\"watch\"]", "name = \"auditor\"\ngroups = [\"watch\"]");
    assert_eq!(is(&second), (json!(["auditor"]), json!(false), 403, 403));
    drop(second.get("people").is(200));
    home.edit("name = \"auditor\"\ngroups = [\"watch\"]", "name = \"operator\"\ngroups = [\"watch\"]");
    assert_eq!(is(&second), operator);
    // Out of it there, she has lost it with what the provider says next, in every browser.
    drop(comes(&["staff", "chess"]));
    assert_eq!([is(&first), is(&second)], [member.clone(), member.clone()]);
    let third = comes(&["chiefs"]);
    assert_eq!(is(&third), (json!([]), json!(true), 200, 200));
    drop(comes(&["staff"]));
    assert_eq!(is(&third), member);
    // In no group that is worth anything, she is nobody.
    drop(enters(&[]).is(401));
    for ada in [&first, &second, &third] {
        drop(ada.get("me").is(401));
    }
    home.verifies();
}

#[test]
fn while_a_real_provider_is_down_the_administrator_still_gets_in_and_is_told() {
    let test = "while_a_real_provider_is_down_the_administrator_still_gets_in_and_is_told";
    let Some(mut provider) = Provider::start(test) else { return };
    let home = home(&mut provider);
    let issuer = provider.issuer.clone();
    drop(provider);
    let root = Browser::signed_in(&home, "root");
    drop(root.get("people").is(200));
    let down = Browser::at(&home).post("sign-in/provider/begin", &json!({})).is(503);
    let said = down.json()["detail"].as_str().unwrap().to_owned();
    assert!(said.contains(&issuer) && said.contains("password"), "{said}");
}

/// One that takes a connection and says nothing is given up, and holds up nobody else.
#[test]
fn while_a_provider_never_answers_the_administrator_gets_in_and_whoever_asked_it_is_told() {
    let provider = Server::new(|_| Deed::Hang);
    let issuer = format!("http://{}", provider.address);
    let home = Home::made(&["--team", "--person", "root"]);
    home.edit("[gateway]\n", &format!("[gateway]\norigin = \"{HERE}\"\n"));
    home.add(&format!(
        "[oidc]\nissuer = \"{issuer}\"\nclient-id = \"bulkhead\"\nclient-secret = \"secret:oidc\"\n"
    ));
    fs::write(home.at("secrets/oidc"), "sesame-sesame").unwrap();
    fs::set_permissions(home.at("secrets/oidc"), fs::Permissions::from_mode(0o600)).unwrap();
    home.scene("turns: [{say: hello, repeat: true}]");
    home.start();
    let nobody = Browser::at(&home);
    let asks = std::thread::spawn(move || nobody.post("sign-in/provider/begin", &json!({})));
    eventually("it is asked", || !provider.requests_beneath("/").is_empty());
    let root = Browser::signed_in(&home, "root");
    drop(root.get("people").is(200));
    let said = asks.join().unwrap().is(503).json()["detail"].as_str().unwrap().to_owned();
    assert!(said.contains(&issuer) && said.contains("password"), "{said}");
}

#[test]
fn who_comes_by_a_provider_shows_again_that_it_is_they_there_and_is_asked_anew() {
    let test = "who_comes_by_a_provider_shows_again_that_it_is_they_there_and_is_asked_anew";
    let Some(mut provider) = Provider::start(test) else { return };
    let home = home(&mut provider);
    let nobody = Browser::at(&home);
    let (url, kept) = begin(&nobody);
    let cookie = finish(&nobody, &provider.let_in(HERE, &url, "ada"), &kept).is(200).cookie().unwrap();
    // A confirmation does not outlive the gateway; the sign-in does.
    home.run(&["gateway", "restart"]).done();
    let nobody = Browser::at(&home);
    let ada = nobody.with_cookie(&cookie);
    let root = Browser::signed_in(&home, "root");
    let confirmed = |ada: &Browser| ada.post("passkeys/begin", &json!({})).status;
    assert_eq!(ada.get("me").is(200).json()["confirms"], json!(["provider"]));
    assert_eq!(root.get("me").is(200).json()["confirms"], json!(["password"]));
    assert_eq!(confirmed(&ada), 403);

    let (url, kept) = begin_to("confirm", &ada);
    assert!(
        url.contains("prompt=login") && url.contains("max_age=0") && url.contains("state=confirm-"),
        "{url}"
    );
    let returned = provider.let_in(HERE, &url, "ada");
    // It signs nobody in, confirms nobody else's sign-in, and in no other browser.
    drop(finish(&nobody, &returned, &kept).is(401));
    drop(finish_to("confirm", &root, &returned, &kept).is(400));
    let (_, others) = begin_to("confirm", &ada);
    drop(finish_to("confirm", &ada, &returned, &others).is(400));
    assert_eq!(confirmed(&ada), 403);
    let answer = finish_to("confirm", &ada, &returned, &kept).is(200);
    assert!(answer.json()["confirmed_until"].is_string() && answer.cookie().is_none(), "{answer:?}");
    assert_eq!(confirmed(&ada), 200);
    drop(finish_to("confirm", &ada, &returned, &kept).is(400));
    assert_eq!(
        ada.get("sign-ins").is(200).json()["items"].as_array().unwrap().len(),
        1,
        "it is the same sign-in"
    );
    eventually("it is on the record", || home.records(&["--event", "sign-in.confirmed"]).len() == 1);

    // Somebody else there confirms nothing here, whoever they are; nor does what was begun to sign in.
    home.run(&["gateway", "restart"]).done();
    let ada = Browser::at(&home).with_cookie(&cookie);
    for who in ["eve", "root"] {
        let (url, kept) = begin_to("confirm", &ada);
        let no = finish_to("confirm", &ada, &provider.let_in(HERE, &url, who), &kept).is(400);
        assert!(no.json()["detail"].as_str().unwrap().contains("as `ada`"), "{no:?}");
    }
    let (url, kept) = begin(&ada);
    drop(finish_to("confirm", &ada, &provider.let_in(HERE, &url, "ada"), &kept).is(400));
    assert_eq!(confirmed(&ada), 403);
    drop(ada.get("me").is(200));
    home.verifies();
}
