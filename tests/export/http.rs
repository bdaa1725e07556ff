//! Requests over HTTP into a recording server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bulkhead_tests::server::{Deed, Request, Server, whole};
use bulkhead_tests::tls::Secure;
use serde_json::Value;

use crate::stage::{Stage, complete};

fn settings(address: &str, more: &str) -> String {
    format!("name = \"siem\"\nformat = \"jsonl\"\nto = \"{address}\"\n{more}")
}

fn seqs(requests: &[Request]) -> Vec<u64> {
    let lines = requests.iter().flat_map(|request| {
        let text = String::from_utf8(request.body.clone()).unwrap();
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    });
    lines.map(|record| record["seq"].as_u64().unwrap()).collect()
}

fn status(code: u16) -> Deed {
    Deed::Say(format!("HTTP/1.1 {code} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_arrives_though_the_receiver_refuses_and_breaks_off() {
    for stage in Stage::both("export::http::each_record_arrives_though_the_receiver_refuses") {
        let count = AtomicUsize::new(0);
        let taken = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = Arc::clone(&taken);
        let server = Server::new(move |request| match count.fetch_add(1, Ordering::SeqCst) % 4 {
            0 => status(503),
            // It closes without a word.
            1 => Deed::Say(Vec::new()),
            _ => {
                seen.lock().unwrap().push(request.clone());
                status(204)
            }
        });
        stage.grow(2500).await;
        let address = format!("http://{}/key-given/in?token=given", server.address);
        let following = stage.follow(&settings(&address, ""));
        following.until(2500).await;
        assert!(!format!("{:?}", following.standing()).contains("given"), "{:?}", following.standing());
        following.end().await;
        let taken = taken.lock().unwrap();
        complete(&seqs(&taken), 2500);
        assert!(taken.len() >= 3 && taken[0].path == "/key-given/in?token=given");
        let head = taken[0].head.to_lowercase();
        assert!(head.contains("content-type: application/x-ndjson"), "{head}");
    }
}

/// As many bytes as some ten records have.
const LITTLE: usize = 8 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_takes_little_at_once_gets_all_in_parts() {
    for format in ["jsonl", "otlp-logs"] {
        let refused = Arc::new(AtomicUsize::new(0));
        let taken = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (seen, counted) = (Arc::clone(&taken), Arc::clone(&refused));
        let server = Server::new(move |request| {
            if request.body.len() > LITTLE {
                counted.fetch_add(1, Ordering::SeqCst);
                return status(413);
            }
            seen.lock().unwrap().push(request.clone());
            status(204)
        });
        let stage = Stage::new();
        stage.grow(300).await;
        let settings = settings(&format!("http://{}/in", server.address), "");
        let following = stage.follow(&settings.replace("jsonl", format));
        following.until(300).await;
        assert!(following.standing().failing_since.is_none(), "{:?}", following.standing());
        following.end().await;
        assert!(refused.load(Ordering::SeqCst) > 0, "{format}: nothing was too long");
        if format == "jsonl" {
            complete(&seqs(&taken.lock().unwrap()), 300);
        }
    }
}

/// The batches of an outage stay below what servers usually take.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_batch_has_less_than_a_mebibyte() {
    for format in ["jsonl", "otlp-logs", "otlp-traces"] {
        let server = Server::new(|_| status(204));
        let stage = Stage::new();
        stage.grow(5_000).await;
        let settings = settings(&format!("http://{}/in", server.address), "");
        let following = stage.follow(&settings.replace("jsonl", format));
        following.until(5_000).await;
        following.end().await;
        let longest = server.requests("/in").iter().map(|request| request.body.len()).max();
        assert!(longest.is_none_or(|longest| longest <= 600_000), "{format}: {longest:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_as_a_list_where_that_is_wanted() {
    let server = Server::new(|_| Deed::Say(whole("text/plain", b"ok")));
    let stage = Stage::new();
    stage.grow(3).await;
    let more = "array = true\nfilter = { kind = \"verdict\", action = \"file.read\" }";
    let settings = settings(&format!("http://{}/", server.address), more).replace("jsonl", "ocsf");
    let following = stage.follow(&settings);
    following.until(3).await;
    let request = &server.requests("/")[0];
    let events: Vec<Value> = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event["metadata"]["version"] == "1.8.0"));
    assert!(request.head.to_lowercase().contains("content-type: application/json"));
    following.end().await;
    // What the filter leaves out counts as dealt with, and nothing is sent for it.
    let none = settings.replace("\"siem\"", "\"none\"").replace("file.read", "web.get");
    let following = stage.follow(&none);
    following.until(3).await;
    assert_eq!((server.requests("/").len(), following.standing().behind), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_over_tls_and_is_nowhere_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let server =
        Secure::new(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec());
    let stage = Stage::new();
    std::fs::create_dir(stage.secrets()).unwrap();
    let file = stage.secrets().join("siem");
    let more =
        format!("ca = {:?}\nheaders = {{ Authorization = \"Bearer secret:siem\" }}", server.authority());
    let settings = settings(&format!("https://localhost:{}/in", server.port), &more);
    stage.grow(1).await;
    let following = stage.follow(&settings);
    following.until_it("it lacks its secret", |standing| standing.last_error.is_some()).await;
    let error = following.standing().last_error.unwrap();
    assert!(error.contains("the secret `siem` has no value"), "{error}");
    std::fs::write(&file, "opensesame-1234\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    following.until(1).await;
    let heard = server.heard();
    assert!(heard[0].to_lowercase().contains("authorization: bearer opensesame-1234"), "{heard:?}");
    assert!(!format!("{:?}", following.standing()).contains("opensesame"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_leads_nowhere() {
    let elsewhere = Server::new(|_| status(200));
    let there = format!("http://{}/stolen", elsewhere.address);
    let server = Server::new(move |_| {
        Deed::Say(format!("HTTP/1.1 307 X\r\nlocation: {there}\r\ncontent-length: 0\r\n\r\n").into_bytes())
    });
    let stage = Stage::new();
    stage.grow(1).await;
    let following = stage.follow(&settings(&format!("http://{}/in", server.address), ""));
    following.until_it("it is refused", |standing| standing.last_error.is_some()).await;
    let error = following.standing().last_error.unwrap();
    assert_eq!(error, format!("http://{} answered 307", server.address));
    following.end().await;
    assert!(elsewhere.requests("/stolen").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_beyond_the_end_is_an_alert_and_goes_on_with_what_is_new() {
    for stage in Stage::both("export::http::a_place_beyond_the_end") {
        let server = Server::new(|_| status(200));
        stage.grow(3).await;
        // As an older copy of the database beside a newer place of the export would have it.
        let row = journal::Change::put("export", "siem", &serde_json::json!({ "seq": 1000 })).unwrap();
        let entry =
            journal::Entry { subject: vocab::Digest::of(b"x"), records: Vec::new(), state: vec![row] };
        stage.journal.follow(entry).await.unwrap();
        stage.journal.flush().await.unwrap();
        let following = stage.follow(&settings(&format!("http://{}/", server.address), ""));
        // That is said, and what says so is the first that is new.
        following.until(4).await;
        stage.grow(2).await;
        following.until(6).await;
        assert_eq!(seqs(&server.requests("/")), [4, 5, 6]);
        following.end().await;
        let alerts = stage.alerts().await;
        assert_eq!((alerts.len(), alerts[0].seq), (1, 4));
        let error = alerts[0].facts.text("error").unwrap();
        assert!(error.contains("its place was 1000 and the record ends at 3"), "{error}");
    }
}
