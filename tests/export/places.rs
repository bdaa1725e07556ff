//! The place of an export in the record: kept under its name, whatever it goes to and whatever becomes of the row.

use std::path::Path;

use bulkhead_tests::server::{Deed, Server, whole};
use bulkhead_tests::{Home, Port, eventually};
use export::declare;
use serde_json::{Value, json};

use crate::gateway::{SCENE, standing};
use crate::stage::{Stage, complete};

fn settings(name: &str, to: &str) -> String {
    format!("name = {name:?}\nformat = \"jsonl\"\nto = {to:?}\n")
}

/// The lines of records, as they came.
fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn seqs(records: &[Value]) -> Vec<u64> {
    records.iter().map(|record| record["seq"].as_u64().unwrap()).collect()
}

fn written(file: &Path) -> Vec<u64> {
    seqs(&records(&std::fs::read_to_string(file).unwrap()))
}

fn received(server: &Server) -> Vec<Value> {
    let bodies = server.requests("/").into_iter().map(|request| String::from_utf8(request.body).unwrap());
    records(&bodies.collect::<String>())
}

fn collector() -> Server {
    Server::new(|_| Deed::Say(whole("text/plain", b"")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_that_of_its_name_wherever_it_goes() {
    for stage in Stage::both("export::places::a_place_is_that_of_its_name_wherever_it_goes") {
        let server = collector();
        let (one, other) = (stage.path().join("one"), stage.path().join("other"));
        let url = format!("http://{}/", server.address);
        let path = |file: &Path| file.to_str().unwrap().to_owned();
        stage.grow(5).await;
        let following = stage.follow(&settings("siem", &path(&one)));
        following.until(5).await;
        following.end().await;
        // Somewhere else, over something else: it goes on where it was.
        stage.grow(3).await;
        let following = stage.follow(&settings("siem", &url));
        following.until(8).await;
        following.end().await;
        assert_eq!((written(&one), seqs(&received(&server))), (vec![1, 2, 3, 4, 5], vec![6, 7, 8]));
        // By another name it is another export, which gets all; two to one place each send it.
        let renamed = stage.follow(&settings("soc", &path(&other)));
        let both = stage.follow(&settings("both", &url));
        renamed.until(8).await;
        both.until(8).await;
        renamed.end().await;
        both.end().await;
        assert_eq!(written(&other), (1..=8).collect::<Vec<_>>());
        let there = seqs(&received(&server));
        assert_eq!((&there[..3], there[3..].to_vec()), (&[6, 7, 8][..], (1..=8).collect::<Vec<_>>()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_read_is_an_alert_and_begins_again() {
    let rows = ["\"words\"", r#"{ "seq": -7 }"#, r#"{ "seq": "7" }"#, r#"{ "of": 7 }"#, "words", "", "{"];
    for row in rows {
        for declared in [false, true] {
            for stage in Stage::both("export::places::a_place_that_cannot_be_read") {
                let server = collector();
                stage.grow(5).await;
                let change = journal::Change::put("export", "siem", &json!({ "seq": 3 })).unwrap();
                let subject = vocab::Digest::of(b"x");
                let entry = journal::Entry { subject, records: Vec::new(), state: vec![change] };
                stage.journal.follow(entry).await.unwrap();
                stage.journal.flush().await.unwrap();
                stage.spoil("export", row);
                let settings = settings("siem", &format!("http://{}/", server.address));
                if declared {
                    // As a gateway does before it starts any.
                    declare(&stage.journal, &[toml::from_str(&settings).unwrap()]).await.unwrap();
                }
                let following = stage.follow(&settings);
                following.until(6).await;
                following.end().await;
                complete(&seqs(&received(&server))[..6], 6);
                let alerts = stage.alerts().await;
                assert_eq!(alerts.len(), 1, "{row}");
                let error = alerts[0].facts.text("error").unwrap();
                assert!(error.contains("its place cannot be read") && !error.contains("words"), "{error}");
            }
        }
    }
}

#[test]
fn what_is_erased_before_it_was_sent_is_sent_as_what_it_is_without_words() {
    for home in Home::both("export::places::what_is_erased_before_it_was_sent") {
        let port = Port::held();
        let address = port.address();
        home.scene(SCENE);
        home.add(&format!("[[export]]\n{}", settings("siem", &format!("http://{address}/"))));
        home.start();
        home.run(&["chat", "helper", "the words of the person"]).done().has("the words of the model");
        eventually("nobody takes it", || standing(&home, "siem")["last_error"].is_string());
        let said = home.records(&["--kind", "message"]).remove(0);
        let session = said["session"].as_str().unwrap();
        let asked =
            ["audit", "erase", "request", "--session", session, "--reason", "it was sent to the wrong agent"];
        assert_eq!(home.json(&asked)["state"], "done");
        let server = Server::at(&address, |_| Deed::Say(whole("text/plain", b"")));
        let end = home.records(&[]).last().unwrap()["seq"].as_u64().unwrap();
        eventually("all is sent", || received(&server).iter().any(|record| record["seq"] == end));
        let sent = received(&server);
        let numbers = seqs(&sent);
        complete(&numbers, *numbers.iter().max().unwrap());
        // Who, when, what and how it was decided, as it stands on the chain.
        let kept = home.records(&["--session", session]);
        assert!(kept.iter().filter(|record| record["erased"] == true).count() > 4, "{kept:?}");
        for record in &kept {
            let there = sent.iter().find(|sent| sent["seq"] == record["seq"]).unwrap();
            assert_eq!((&there["hash"], &there["kind"]), (&record["hash"], &record["kind"]));
        }
        let text = serde_json::to_string(&sent).unwrap();
        assert!(!text.contains("the words of") && !text.contains("wrong agent"), "{text}");
        home.verifies();
    }
}
