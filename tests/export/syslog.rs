//! Syslog into a real rsyslog that is killed and started again.

use bulkhead_tests::eventually;

use crate::rsyslog::{Input, Rsyslog};
use crate::stage::{Stage, complete};

/// Sends while rsyslog is killed and comes back; each record arrives, in order.
async fn survives(test: &str, input: Input) {
    let Some(mut rsyslog) = Rsyslog::start(test, input) else { return };
    let stage = Stage::new();
    stage.grow(1500).await;
    let following = stage.follow(&rsyslog.export());
    for _ in 0..3 {
        // In the middle of whatever it is doing: once it has begun to write more than it had.
        let before = rsyslog.written().len();
        eventually("more has come", || rsyslog.written().len() > before);
        rsyslog.kill();
        stage.grow(1500).await;
        rsyslog.go_on();
    }
    following.until(6000).await;
    assert!(following.standing().last_error.is_none());
    following.end().await;
    eventually("rsyslog has written the last", || rsyslog.seqs().last() == Some(&6000));
    complete(&rsyslog.seqs(), 6000);
    // One line is one message, whatever was in it: the framing held.
    assert!(rsyslog.written().lines().all(|line| line.matches("[bulkhead@32473 ").count() <= 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_arrives_over_tcp_though_the_receiver_is_killed() {
    survives("each_record_arrives_over_tcp_though_the_receiver_is_killed", Input::Tcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_arrives_over_plain_tcp_though_the_receiver_is_killed() {
    survives("each_record_arrives_over_plain_tcp_though_the_receiver_is_killed", Input::PlainTcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_arrives_over_tls_by_gnutls_though_the_receiver_is_killed() {
    survives("each_record_arrives_over_tls_by_gnutls_though_the_receiver_is_killed", Input::Tls("gtls"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_arrives_over_tls_by_openssl_though_the_receiver_is_killed() {
    survives("each_record_arrives_over_tls_by_openssl_though_the_receiver_is_killed", Input::Tls("ossl"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_arrive_in_order() {
    let Some(rsyslog) = Rsyslog::start("datagrams_arrive_in_order", Input::Udp) else { return };
    let stage = Stage::new();
    stage.grow(200).await;
    let following = stage.follow(&rsyslog.export());
    following.until(200).await;
    eventually("rsyslog has written the last", || rsyslog.seqs().last() == Some(&200));
    let seqs = rsyslog.seqs();
    assert!(seqs.is_sorted() && seqs.len() > 100, "{seqs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rsyslog_reads_is_what_was_written() {
    let Some(rsyslog) = Rsyslog::start("what_rsyslog_reads_is_what_was_written", Input::Tcp) else { return };
    let stage = Stage::new();
    stage.grow(3).await;
    for format in ["syslog", "cef", "ocsf", "jsonl", "csv"] {
        let settings = rsyslog.export().replace("\"syslog\"", &format!("{format:?}")).replace("siem", format);
        let following = stage.follow(&settings);
        following.until(3).await;
        following.end().await;
    }
    eventually("all has come", || rsyslog.written().lines().count() >= 15);
    let text = rsyslog.written();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 15, "{text}");
    assert!(lines.iter().all(|line| line.starts_with("<110>1 20")), "{text}");
    assert!(lines[0].contains("[bulkhead@32473 seq=\"1\"") && lines[3].contains(" - CEF:0|"), "{text}");
    let event: serde_json::Value = serde_json::from_str(&lines[6][lines[6].find('{').unwrap()..]).unwrap();
    assert_eq!(event["class_uid"], 6003);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_with_another_certificate_gets_nothing() {
    let test = "a_receiver_with_another_certificate_gets_nothing";
    let Some(rsyslog) = Rsyslog::start(test, Input::Tls("ossl")) else { return };
    let stage = Stage::new();
    stage.grow(2).await;
    let good = rsyslog.export();
    // An authority that has not signed it, one that is not there, and a file that is none.
    let bad = ["certificate.pem", "nowhere.pem", "rsyslog.conf"];
    for name in bad {
        let settings = good.replace("authority.pem", name);
        let following = stage.follow(&settings);
        following.until_it("it fails", |standing| standing.last_error.is_some()).await;
        let error = following.standing().last_error.unwrap();
        assert!(error.contains("there is no TLS with tls "), "{error}");
        following.end().await;
    }
    assert_eq!(rsyslog.seqs(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_in_the_clear_goes_on_by_tls_where_it_was() {
    let test = "what_went_in_the_clear_goes_on_by_tls_where_it_was";
    for stage in Stage::both(test) {
        let Some(clear) = Rsyslog::start(test, Input::Tcp) else { return };
        let Some(sealed) = Rsyslog::start(test, Input::Tls("ossl")) else { return };
        stage.grow(100).await;
        let following = stage.follow(&clear.export());
        following.until(100).await;
        following.end().await;
        stage.grow(100).await;
        let following = stage.follow(&sealed.export());
        following.until(200).await;
        following.end().await;
        eventually("both have written the last", || {
            (clear.seqs().last(), sealed.seqs().last()) == (Some(&100), Some(&200))
        });
        let there = [clear.seqs(), sealed.seqs()].concat();
        assert_eq!(there, (1..=200).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_started_anew_goes_on_where_it_was() {
    let test = "a_gateway_that_is_started_anew_goes_on_where_it_was";
    for mut stage in Stage::both(test) {
        let Some(rsyslog) = Rsyslog::start(test, Input::Tcp) else { return };
        for (round, crash) in [(1, false), (2, true), (3, false)] {
            stage.grow(100).await;
            let following = stage.follow(&rsyslog.export());
            following.until(100 * round).await;
            if crash {
                following.crash().await;
            } else {
                following.end().await;
            }
            stage = stage.reopen().await;
        }
        eventually("rsyslog has written the last", || rsyslog.seqs().last() == Some(&300));
        let seqs = rsyslog.seqs();
        complete(&seqs, 300);
        // Only what a crash left without a cursor comes twice.
        assert!(seqs.len() <= 400, "{}", seqs.len());
    }
}
