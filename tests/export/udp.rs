//! Datagrams as a receiver gets them: whole, whatever a record holds.

use std::net::UdpSocket;

use bulkhead_tests::PATIENCE;
use journal::{Draft, Entry, Facts, Kind};
use serde_json::Value;
use vocab::Digest;

use crate::stage::Stage;

/// More than any datagram has.
const ROOM: usize = 70_000;

/// A fact of so many letters of two bytes, each third of which has to be escaped.
fn wordy(letters: usize) -> Facts {
    let text: String = "éé\"".chars().cycle().take(letters).collect();
    Facts::new().with("short", "first").with("words", text.as_str()).with("z", "last")
}

async fn append(stage: &Stage, facts: Facts) {
    let draft = Draft { facts, ..Draft::new(Kind::Verdict) };
    let entry = Entry { subject: Digest::of(b"udp"), records: vec![draft], state: Vec::new() };
    drop(stage.journal.append(entry).await.unwrap());
}

/// The next datagram, which is text.
fn next(receiver: &UdpSocket) -> String {
    let mut bytes = vec![0; ROOM];
    let count = receiver.recv(&mut bytes).unwrap();
    bytes.truncate(count);
    String::from_utf8(bytes).unwrap()
}

/// What stands behind the header, and the structured data of a message that has one.
fn carried(message: &str) -> &str {
    assert!(message.starts_with("<110>1 20"), "{message:.100}");
    message.splitn(7, ' ').nth(6).unwrap()
}

/// The parameters of structured data, unescaped.
fn parameters(element: &str) -> Vec<(String, String)> {
    let mut rest = element.strip_prefix("[bulkhead@32473").unwrap();
    let mut found = Vec::new();
    while let Some(begun) = rest.strip_prefix(' ') {
        let (name, value) = begun.split_once("=\"").unwrap();
        let (mut text, mut at, mut escaped) = (String::new(), value.char_indices(), false);
        let end = loop {
            match at.next().unwrap() {
                (_, '\\') if !escaped => escaped = true,
                (end, '"') if !escaped => break end,
                (_, letter) => {
                    text.push(letter);
                    escaped = false;
                }
            }
        };
        found.push((name.to_owned(), text));
        rest = &value[end + 1..];
    }
    assert!(rest.starts_with("] \u{feff}verdict"), "{rest:.50}");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_too_long_for_a_datagram_comes_as_its_fields_and_never_in_half() {
    let stage = Stage::new();
    append(&stage, wordy(3)).await;
    append(&stage, wordy(100_000)).await;
    append(&stage, wordy(4)).await;
    for format in ["jsonl", "ocsf", "csv", "cef", "syslog"] {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(PATIENCE)).unwrap();
        let to = receiver.local_addr().unwrap();
        let following =
            stage.follow(&format!("name = \"{format}\"\nformat = \"{format}\"\nto = \"udp://{to}\"\n"));
        let messages = [(); 3].map(|()| next(&receiver));
        following.until(3).await;
        assert_eq!(following.standing().refused, 0, "{format}");
        following.end().await;
        let [short, long, after] = messages.each_ref().map(|message| carried(message));
        let is_own = |text: &str| match format {
            "jsonl" => text.strip_prefix("- ").is_some_and(|json| {
                serde_json::from_str::<Value>(json).is_ok_and(|record| record["facts"]["z"] == "last")
            }),
            "ocsf" => text
                .strip_prefix("- ")
                .is_some_and(|json| serde_json::from_str::<Value>(json).is_ok_and(|event| event.is_object())),
            "cef" => text.starts_with("- CEF:0|"),
            "csv" => text.starts_with("- ") && text.contains(",verdict,"),
            _ => text.starts_with("[bulkhead@32473 seq="),
        };
        assert!(is_own(short) && is_own(after), "{format}: {short}\n{after}");
        // CEF and CSV have bounds of their own, which are below a datagram's here.
        if ["csv", "cef"].contains(&format) && is_own(long) {
            assert!(messages[1].len() <= 65_000 && long.contains('…'), "{format}: {}", messages[1].len());
            continue;
        }
        assert!(messages[1].len() <= 65_000, "{format}: {}", messages[1].len());
        let fields = parameters(long);
        let of = |name: &str| fields.iter().find(|(field, _)| field == name).unwrap().1.clone();
        assert_eq!((of("seq"), of("kind")), ("2".to_owned(), "verdict".to_owned()), "{format}");
        let facts = of("facts");
        assert!(
            facts.starts_with("short: first; words: éé\"éé\"") && facts.ends_with('…'),
            "{format}: {facts}"
        );
        assert!((1_000..=1_024).contains(&facts.len()), "{format}: {}", facts.len());
    }
}
