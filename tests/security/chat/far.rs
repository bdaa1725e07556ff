//! A chat over https, whose certificate an authority of its own vouches for.

use std::fs;

use bulkhead_tests::eventually;
use bulkhead_tests::tls::{Secure, certificates};
use serde_json::{Value, json};

use super::{INTERNAL, READS, Stage};

fn taken(_: &str) -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_vec()
}

/// What the chat was sent last, as the text that people see.
fn message(server: &Secure) -> String {
    let heard = server.heard().pop().unwrap();
    let (_, body) = heard.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    body["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_chat_over_https_is_who_the_authority_of_its_ca_vouches_for_and_nobody_else() {
    let server = Secure::new(taken);
    let own = format!("ca = {:?}\n", server.authority());
    let mut stage = Stage::where_more(READS, &format!("{INTERNAL}\n{own}"), "", |home| {
        let address = format!("https://localhost:{}/services/T0001/B1/sesame", server.port);
        fs::write(home.at("secrets/slack-webhook"), address).unwrap();
    });
    let approval = stage.asks();
    eventually("it is posted", || server.heard().len() == 1);
    assert!(server.heard()[0].starts_with("POST /services/T0001/B1/sesame HTTP/1.1\r\n"));
    let text = message(&server);
    let (_, rest) = text.split_once("`/bulkhead approve ").unwrap();
    let once = rest.split('`').next().unwrap();
    assert_eq!(stage.chat.slack("UCID", &format!("approve {once}")), format!("Approved: {approval}."));
    // Whom another authority vouches for, and whom none of the machine's does, is sent nothing.
    let other = tempfile::tempdir().unwrap();
    certificates(other.path());
    let theirs = format!("ca = {:?}\n", other.path().join("authority.pem"));
    for (before, now) in [(own.as_str(), theirs.as_str()), (&theirs, "")] {
        stage.home.edit(before, now);
        stage.home.run(&["gateway", "restart"]).done();
        [stage.bob] = stage.home.signed_in(["bob"]);
        let waits = stage.asks();
        // What was not posted before is tried again by each gateway, and is an alert as well.
        let of_it = |alert: &Value| alert["facts"]["approval"] == json!(waits);
        let alerts = stage.home.records_once(&["--event", "chat.failed"], |alerts| alerts.iter().any(of_it));
        let alert = alerts.iter().rfind(|alert| of_it(alert)).unwrap();
        let why = alert["facts"]["error"].as_str().unwrap();
        assert!(why.contains("certificate") && !alert.to_string().contains("sesame"), "{alert}");
        let said = stage.home.run(&["doctor", "--json"]).with(1).json();
        let found = said["findings"].as_array().unwrap().iter();
        let mut found = found.filter(|one| one["check"] == "chat" && one["state"] == "missing");
        assert!(found.any(|one| one["message"].as_str().unwrap().contains("certificate")), "{said}");
        assert_eq!(server.heard().len(), 1);
    }
    // A way that is not encrypted has none.
    stage.home.run(&["gateway", "stop"]).done();
    stage.home.edit("[chat]\nname", &format!("[chat]\n{own}name"));
    fs::write(stage.home.at("secrets/slack-webhook"), "http://127.0.0.1:1/services/sesame").unwrap();
    let said = stage.home.run(&["gateway", "start"]).fails(2, "the chat `ops` has a `ca`");
    assert!(!said.err.contains("sesame"), "{}", said.err);
}
