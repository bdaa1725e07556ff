//! Many who follow and many who ask, at once: each hears everything, once and in order.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use bulkhead_tests::team::events;
use bulkhead_tests::web::Stream;
use bulkhead_tests::{ANSWERS, Home, members};
use serde_json::{Value, json};

/// How many follow everything.
const STREAMS: usize = 500;

/// How many ask, all at the same time.
const CHATS: usize = 50;

/// What the gateway's own process may take, in kB.
const MAX_KB: u64 = 200 * 1024;

type Told = Vec<(String, Value)>;

/// What a stream tells until so many turns have ended.
fn heard(mut stream: Stream, ends: usize) -> Told {
    let mut text = String::new();
    for _ in 0..ends {
        text.push_str(&stream.until("\"type\":\"end\""));
    }
    events(&text)
}

/// The most memory that a process has had, in kB.
fn most_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn five_hundred_who_follow_hear_all_of_fifty_chats_in_order() {
    let home = Home::team(&members(&["bob"], "*"), ANSWERS);
    let [bob, ada] = home.signed_in(["bob", "ada"]);
    let (all, own): (Vec<Told>, Vec<Told>) = thread::scope(|scope| {
        let streams: Vec<Stream> = (0..STREAMS).map(|_| ada.follow_sse("events", None)).collect();
        assert!(streams.iter().all(|stream| stream.status == 200));
        let listening: Vec<_> =
            streams.into_iter().map(|stream| scope.spawn(|| heard(stream, CHATS))).collect();
        let ask = |nth: usize| {
            let agent = if nth.is_multiple_of(2) { "echo" } else { "helper" };
            let asked = json!({ "text": format!("question {nth}") });
            let path = format!("agents/{agent}/messages");
            let stream = bob.post_stream(&path, &[("accept", "text/event-stream")], &asked);
            assert_eq!(stream.status, 200, "{nth}");
            heard(stream, 1)
        };
        let asking: Vec<_> = (0..CHATS).map(|nth| scope.spawn(move || ask(nth))).collect();
        let own = asking.into_iter().map(|asked| asked.join().unwrap()).collect();
        (listening.into_iter().map(|heard| heard.join().unwrap()).collect(), own)
    });
    let memory = most_memory(home.gateway());
    println!("{STREAMS} streams and {CHATS} chats: the gateway had {memory} kB at the most");

    let ids = |told: &Told| told.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    let first = &all[0];
    let seqs: Vec<u64> = first.iter().map(|(_, event)| event["seq"].as_u64().unwrap()).collect();
    assert!(seqs.windows(2).all(|two| two[0] + 1 == two[1]), "{seqs:?}");
    for told in &all {
        assert_eq!(ids(told), ids(first));
    }
    let mut turns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, event) in first {
        turns.entry(event["turn"].as_str().unwrap().to_owned()).or_default().push(id.clone());
    }
    assert_eq!(turns.len(), CHATS);
    for told in &own {
        let turn = told[0].1["turn"].as_str().unwrap();
        assert_eq!(ids(told), turns[turn]);
        let replies: Vec<_> = told.iter().filter(|(_, event)| event["type"] == "reply").collect();
        assert_eq!(
            (replies.len(), &replies[0].1["text"]),
            (1, &json!("[rehearsal] That is all.")),
            "{told:?}"
        );
    }
    assert!(memory < MAX_KB, "{memory} kB");
    home.verifies();
}
