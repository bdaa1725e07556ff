//! Receivers that close at once, never read, talk back, never end, or are not there.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bulkhead_tests::Port;
use bulkhead_tests::server::{Deed, Server, whole};

use crate::rsyslog::{Input, Rsyslog};
use crate::stage::Stage;

/// A listener that does `deed` with each connection.
fn listener(deed: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            deed(stream);
        }
    });
    port
}

fn tcp(port: u16) -> String {
    format!("name = \"siem\"\nformat = \"syslog\"\nto = \"tcp://127.0.0.1:{port}\"\nlate-after = \"1s\"")
}

/// Nothing counts as taken by such a receiver, the gateway goes on, and somebody is told.
async fn takes_nothing(stage: &Stage, settings: &str, words: &str) {
    stage.grow(20).await;
    let following = stage.follow(settings);
    following.until_it("it fails", |standing| standing.last_error.is_some()).await;
    let standing = following.standing();
    let error = standing.last_error.unwrap();
    assert!(error.contains(words), "{error}");
    assert_eq!(standing.taken, 0);
    assert!(standing.failing_since.is_some());
    // The record is written as ever.
    stage.grow(20).await;
    following.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_closes_at_once_has_taken_nothing() {
    let port = listener(drop);
    takes_nothing(&Stage::new(), &tcp(port), "tcp 127.0.0.1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_reads_a_little_and_dies_has_taken_nothing() {
    let port = listener(|mut stream| {
        drop(stream.read(&mut [0; 100]));
        drop(stream);
    });
    takes_nothing(&Stage::new(), &tcp(port), "tcp 127.0.0.1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_talks_back_without_end_is_given_up() {
    let port = listener(|mut stream| {
        std::thread::spawn(move || while stream.write_all(&[b'x'; 4096]).is_ok() {});
    });
    takes_nothing(&Stage::new(), &tcp(port), "tcp 127.0.0.1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_not_there_is_told_once_for_each_outage() {
    let place = Port::held();
    for stage in Stage::both("export::hostile::one_that_is_not_there") {
        stage.grow(5).await;
        let following = stage.follow(&tcp(place.number));
        following.until_it("it is late", |standing| standing.late).await;
        assert!(following.standing().last_error.unwrap().contains("nobody answers at tcp"));
        // It is late a moment before the record tells of that.
        stage.until_told().await;
        following.end().await;
        let alerts = stage.alerts().await;
        assert_eq!(alerts.len(), 1);
        assert_eq!(alerts[0].event, Some(journal::Event::ExportFailed));
        assert_eq!(alerts[0].facts.text("export"), Some("siem"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_receiver_that_answers_nonsense_has_taken_nothing() {
    let http =
        |server: &Server| format!("name = \"siem\"\nformat = \"jsonl\"\nto = \"http://{}/\"", server.address);
    let nonsense = Server::new(|_| Deed::Say(b"\xff\xfe GARBAGE \0\0\0\r\n\r\n".to_vec()));
    takes_nothing(&Stage::new(), &http(&nonsense), "broke before all was taken").await;
    let failing =
        Server::new(|_| Deed::Say(b"HTTP/1.1 500 X\r\ncontent-length: 9\r\n\r\nthe words".to_vec()));
    takes_nothing(&Stage::new(), &http(&failing), "answered 500").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let port = listener(|mut stream| {
        std::thread::spawn(move || {
            drop(stream.read(&mut [0; 64 * 1024]));
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"));
            while stream.write_all(b"5\r\nxxxxx\r\n").is_ok() {}
        });
    });
    let stage = Stage::new();
    stage.grow(3).await;
    let to = format!("name = \"siem\"\nformat = \"jsonl\"\nto = \"http://127.0.0.1:{port}/\"");
    let following = stage.follow(&to);
    following.until(3).await;
    following.end().await;
}

/// Stands before the receiver at `port`: takes connections and reads nothing, until it is woken; then all reach it.
fn asleep(port: u16) -> (u16, Arc<AtomicBool>) {
    let awake = Arc::new(AtomicBool::new(false));
    let waked = Arc::clone(&awake);
    let own = listener(move |mut stream| {
        let waked = Arc::clone(&waked);
        std::thread::spawn(move || {
            while !waked.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
            let Ok(mut there) = TcpStream::connect(("127.0.0.1", port)) else { return };
            let (mut back, mut answers) = (stream.try_clone().unwrap(), there.try_clone().unwrap());
            std::thread::spawn(move || {
                // Either side may be gone by now.
                drop(std::io::copy(&mut answers, &mut back));
                drop(back.shutdown(Shutdown::Write));
            });
            drop(std::io::copy(&mut stream, &mut there));
            drop(there.shutdown(Shutdown::Write));
        });
    });
    (own, awake)
}

/// An export that goes by `asleep` is late, and is told of once; when the receiver is awake, all is taken.
async fn catches_up(settings: &str, words: &str, awake: &AtomicBool) -> u64 {
    let stage = Stage::new();
    stage.grow(5).await;
    let following = stage.follow(&format!("{settings}\nlate-after = \"1s\""));
    following.let_pass_until("it is late", |standing| standing.late).await;
    let error = following.standing().last_error.unwrap();
    assert!(error.contains(words), "{error}");
    assert_eq!(following.standing().taken, 0);
    // The record is written as ever.
    stage.grow(2).await;
    tokio::time::resume();
    awake.store(true, Ordering::SeqCst);
    following.until(8).await;
    assert!(!following.standing().late);
    following.end().await;
    let alerts = stage.alerts().await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].event, Some(journal::Event::ExportFailed));
    8
}

async fn never_reads(test: &str, input: Input, words: &str) {
    let Some(rsyslog) = Rsyslog::start(test, input) else { return };
    let (port, awake) = asleep(rsyslog.port);
    let settings = rsyslog.export().replace(&format!(":{}", rsyslog.port), &format!(":{port}"));
    let last = catches_up(&settings, words, &awake).await;
    bulkhead_tests::eventually("all is written", || (1..=last).all(|seq| rsyslog.seqs().contains(&seq)));
}

#[tokio::test(start_paused = true)]
async fn one_that_never_reads_over_tcp_is_told_of_and_gets_all_when_it_does() {
    let test = "one_that_never_reads_over_tcp_is_told_of_and_gets_all_when_it_does";
    never_reads(test, Input::Tcp, "did not close its side").await;
}

#[tokio::test(start_paused = true)]
async fn one_that_never_reads_over_tls_is_told_of_and_gets_all_when_it_does() {
    let test = "one_that_never_reads_over_tls_is_told_of_and_gets_all_when_it_does";
    never_reads(test, Input::Tls("gtls"), "within 10 s").await;
}

#[tokio::test(start_paused = true)]
async fn one_that_never_reads_over_http_is_told_of_and_gets_all_when_it_does() {
    let server = Server::new(|_| Deed::Say(whole("text/plain", b"ok")));
    let (_, port) = server.address.split_once(':').unwrap();
    let (port, awake) = asleep(port.parse().unwrap());
    let settings = format!("name = \"siem\"\nformat = \"jsonl\"\nto = \"http://127.0.0.1:{port}/\"");
    let last = catches_up(&settings, "within 30 s", &awake).await;
    let sent: String =
        server.requests("/").into_iter().map(|request| String::from_utf8(request.body).unwrap()).collect();
    for seq in 1..=last {
        assert!(sent.contains(&format!("{{\"seq\":{seq},")), "{seq} is missing");
    }
}
