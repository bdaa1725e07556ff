//! The record in PostgreSQL, from end to end: set up by a command, written by real gateways, read by every command;
//! gone, and back.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use bulkhead_tests::postgres::Cluster;
use bulkhead_tests::proxy::{Proxy, Way};
use bulkhead_tests::record::making;
use bulkhead_tests::{Browser, Home, Port, eventually, eventually_or, procs, skipped, tls};
use serde_json::json;

pub(crate) const ROLE: &str = "bulkhead_gw";

fn cluster(test: &str) -> Option<&'static Cluster> {
    Cluster::shared().map_err(|why| skipped(&format!("scenarios::server::{test}"), why)).ok()
}

/// A new record in `cluster`, made by the command itself; its address for gateways.
pub(crate) fn record(home: &Home, cluster: &Cluster) -> (String, String) {
    let database = cluster.database();
    let administrator = cluster.url("postgres", &database);
    let _alone = making();
    home.run(&["record", "init", "--as", &administrator, "--gateway", ROLE])
        .done()
        .has("the record is made in");
    (cluster.url(ROLE, &database), database)
}

/// A home whose record is at `address`, with its gateway running.
pub(crate) fn on(home: &Home, more: &str) {
    home.add(more);
    home.scene("turns: [{say: hello, repeat: true}]");
    home.start();
}

/// What the gateway at `address` says of whether it is ready.
pub(crate) fn ready(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_gateway_keeps_its_record_on_a_server_and_every_command_reads_it_there() {
    let Some(cluster) = cluster("a_gateway_keeps_its_record_on_a_server") else { return };
    let home = Home::new();
    let (address, database) = record(&home, cluster);
    on(&home, &format!("[record]\ndatabase = \"{address}\""));
    let events = home.run(&["chat", "helper", "hi", "--json"]).done().lines();
    let session = events[0]["session"].as_str().unwrap().to_owned();
    assert!(!home.at("data/journal.sqlite").exists(), "a record was begun in the home all the same");
    home.verifies();
    home.run(&["audit", "tail"]).done().has("reply");
    let records = home.records(&["--agent", "helper", "--session", &session]);
    assert!(records.len() >= 3, "{records:?}");
    let seq = records[0]["seq"].to_string();
    assert_eq!(home.json(&["audit", "show", &seq])["session"], session.as_str());
    home.run(&["audit", "checkpoint"]).done();
    home.run(&["audit", "prove", &seq]).done();

    let doctor = home.json(&["doctor"]);
    let of = |check: &str| {
        let findings = doctor["findings"].as_array().unwrap().clone();
        findings.into_iter().filter(|one| one["check"] == check).collect::<Vec<_>>()
    };
    assert_eq!(of("record:rights")[0]["state"], "ok", "{doctor}");
    assert_eq!(of("record")[0]["state"], "ok", "{doctor}");
    // A right too many, and a server that acknowledges what it has not kept.
    cluster.sql(&database, &format!("GRANT UPDATE ON bulkhead.record TO {ROLE}"));
    let lax = format!("ALTER ROLE {ROLE} IN DATABASE {database} SET synchronous_commit = off");
    cluster.sql(&database, &lax);
    let doctor = home.run(&["doctor", "--json"]).with(1).json();
    let found = doctor["findings"].as_array().unwrap().iter().filter(|one| one["check"] == "record:rights");
    let found: Vec<_> = found.collect();
    let says = |words: &str| found.iter().any(|one| one["message"].as_str().unwrap().contains(words));
    assert!(found.iter().any(|one| one["state"] == "unsafe"), "{doctor}");
    assert!(says("UPDATE") && says("synchronous_commit"), "{doctor}");
    assert!(found.iter().all(|one| !one["mend"].as_str().unwrap().is_empty()), "{doctor}");
    cluster.sql(&database, &format!("REVOKE UPDATE ON bulkhead.record FROM {ROLE}"));
    cluster.sql(&database, &lax.replace("SET synchronous_commit = off", "RESET ALL"));

    // What the conversation was stays when the gateway is started again, after a crash too.
    home.crash();
    home.start();
    home.run(&["chat", "helper", "--session", &session, "again"]).done().has("hello");
    // What was said in it is searched there, too.
    let person = home.json(&["gateway", "status"])["person"].as_str().unwrap().to_owned();
    let found = Browser::signed_in(&home, &person).post("sessions/search", &json!({ "text": "AGAIN" }));
    let found = found.is(200).json();
    assert_eq!(
        (&found["items"][0]["session"], found["items"].as_array().unwrap().len()),
        (&json!(session), 1)
    );
    home.run(&["gateway", "stop"]).done();
    home.run(&["audit", "verify"]).done().has("the record is whole");
    cluster.sql(&database, "DELETE FROM bulkhead.record WHERE seq = 3");
    home.run(&["audit", "verify"]).with(1).has("record 3");
}

#[test]
fn two_gateways_share_one_record() {
    let Some(cluster) = cluster("two_gateways_share_one_record") else { return };
    let (first, second) = (Home::new(), Home::new());
    let (address, _) = record(&first, cluster);
    let settings = format!("[record]\ndatabase = \"{address}\"");
    on(&first, &settings);
    // One record has one key, whichever gateway signs.
    second.add(&settings);
    second.run(&["gateway", "start"]).fails(4, "put it back");
    fs::create_dir_all(second.at("keys")).unwrap();
    fs::copy(first.at("keys/record.key"), second.at("keys/record.key")).unwrap();
    second.scene("turns: [{say: hello, repeat: true}]");
    second.start();
    for _ in 0..4 {
        let chats = [first.begin(&["chat", "helper", "hi"]), second.begin(&["chat", "helper", "hi"])];
        for chat in chats {
            bulkhead_tests::Said::of(chat).done().has("hello");
        }
    }
    first.verifies();
    let seen = |home: &Home| home.records(&["--kind", "verdict"]).len();
    assert_eq!(seen(&first), seen(&second));
    assert!(seen(&first) >= 2 * 8, "not every chat was judged: {}", seen(&first));
    // A home that was copied is the same gateway, and two processes are not.
    let name = fs::read_to_string(first.at("data/gateway.name")).unwrap();
    second.run(&["gateway", "stop"]).done();
    fs::write(second.at("data/gateway.name"), name).unwrap();
    second.run(&["gateway", "start"]).fails(4, "in use by process");
}

#[test]
fn while_the_server_is_away_nothing_is_done_and_it_is_told_everywhere() {
    // This one is killed, so it is nobody else's.
    let cluster = match Cluster::start(&[]) {
        Ok(cluster) => cluster,
        Err(why) => return skipped("scenarios::server::while_the_server_is_away", &why),
    };
    let home = Home::new();
    let (address, _) = record(&home, &cluster);
    on(&home, &format!("[record]\ndatabase = \"{address}\"\nwait = \"2s\""));
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    let gateway = home.json(&["gateway", "status"])["address"].as_str().unwrap().to_owned();
    assert!(ready(&gateway).starts_with("HTTP/1.1 200"));
    let before = home.records(&[]).len();
    let alerts = || home.records(&["--kind", "alert"]);
    for crash in [true, false] {
        // A server that is slow to come back may be told of more than once.
        let told = alerts().len();
        if crash {
            cluster.crash()
        } else {
            cluster.quit()
        }
        home.run(&["chat", "helper", "hi"]).fails(4, "");
        eventually("it says that it is not ready", || ready(&gateway).starts_with("HTTP/1.1 503"));
        assert_eq!(home.run(&["gateway", "status", "--json"]).with(4).json()["ready"], false);
        let log = || fs::read_to_string(home.at("data/gateway.log")).unwrap();
        eventually("the log says it", || {
            log().contains("nothing is done until the record can be written and read")
        });
        let heart = || fs::read_to_string(home.at("agents/helper/HEARTBEAT.md")).unwrap();
        eventually("the heartbeat says it", || heart().contains("record"));
        home.run(&["audit", "tail"]).fails(4, "cannot be reached");
        cluster.resume();
        eventually("it is ready again", || ready(&gateway).starts_with("HTTP/1.1 200"));
        home.run(&["chat", "helper", "hi"]).done().has("hello");
        let tells = || alerts().len() > told;
        eventually_or("the record tells of its outage", tells, || format!("{:?}{}", alerts(), home.recent()));
    }
    assert!(
        alerts().iter().all(|alert| alert["event"] == "record.failed" && alert["facts"]["since"].is_string())
    );
    assert!(home.records(&[]).len() > before);
    home.verifies();
}

/// The server's words for it.
const CROWDED: &str = "too many connections for role";

#[test]
fn a_server_without_connections_left_refuses_looks_and_a_gateway_without_its_own_is_not_ready() {
    // What a role may have holds for the whole cluster, so it is nobody else's.
    let cluster = match Cluster::start(&[]) {
        Ok(cluster) => cluster,
        Err(why) => return skipped("scenarios::server::a_server_without_connections_left", &why),
    };
    let home = Home::new();
    let (address, database) = record(&home, &cluster);
    on(&home, &format!("[record]\ndatabase = \"{address}\"\nwait = \"5s\""));
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    let gateway = home.json(&["gateway", "status"])["address"].as_str().unwrap().to_owned();
    let message = home.records(&["--event", "message.received"])[0]["seq"].to_string();
    let look = ["audit", "show", &message, "--content"];
    home.run(&look).done().has("hi");

    // Nobody new is let in. The gateway goes on with the connections that it has, and whoever needs another is told.
    let limit = |most: &str| {
        cluster.sql("postgres", &format!("ALTER ROLE {ROLE} CONNECTION LIMIT {most}"));
    };
    let end = |which: &str| {
        let sql = format!(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = '{ROLE}' AND application_name LIKE '{which}'"
        );
        cluster.sql(&database, &sql);
    };
    limit("0");
    end("bulkhead reader");
    home.run(&look).fails(4, CROWDED);
    home.run(&["audit", "tail"]).fails(4, CROWDED);
    assert!(ready(&gateway).starts_with("HTTP/1.1 200"), "{}", ready(&gateway));
    assert_eq!(home.json(&["gateway", "status"])["ready"], true);

    // Without that to what goes on, no message can be taken, and it says so before anybody asks.
    end("bulkhead state");
    eventually("it says that it is not ready, and why", || {
        let said = ready(&gateway);
        said.starts_with("HTTP/1.1 503")
            && said.contains("can be written and not read")
            && said.contains(CROWDED)
    });
    home.run(&["chat", "helper", "hi"]).fails(4, CROWDED);
    let heart = || fs::read_to_string(home.at("agents/helper/HEARTBEAT.md")).unwrap();
    eventually("the heartbeat says it", || heart().contains("can be written and not read"));
    limit("-1");
    eventually("it is ready again", || ready(&gateway).starts_with("HTTP/1.1 200"));
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    let alerts = || home.records(&["--event", "record.failed"]);
    eventually("the record tells of it", || alerts().len() == 1);
    home.run(&look).done().has("hi");
    home.verifies();
}

#[test]
fn a_gateway_stops_though_the_end_of_its_record_cannot_be_signed() {
    let Some(cluster) = cluster("a_gateway_stops_though_the_end_of_its_record") else { return };
    let home = Home::new();
    let (_, database) = record(&home, cluster);
    let proxy = Proxy::new(cluster.folder());
    // Whoever signs looks at the record by a connection of its own, and would wait for so long.
    let address = proxy.url(ROLE, &database);
    on(&home, &format!("[record]\ndatabase = \"{address}\"\nwait = \"30s\""));
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    let gateway = home.gateway();
    proxy.set(Way::MuteToNew);
    let ended = std::process::Command::new("kill").arg(gateway.to_string()).status().unwrap();
    assert!(ended.success());
    eventually("the gateway has ended", || !procs::lives(gateway));
    let log = fs::read_to_string(home.at("data/gateway.log")).unwrap();
    assert!(log.contains("the end of the record was not signed within 5s"), "{log}");
    proxy.set(Way::Open);
    home.start();
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    home.verifies();
}

#[test]
fn an_eraser_that_is_refused_is_told_by_doctor_and_keeps_nobody_from_working() {
    let Some(cluster) = cluster("an_eraser_that_is_refused_is_told_by_doctor") else { return };
    let home = Home::new();
    let (address, _) = record(&home, cluster);
    on(&home, &format!("[record]\ndatabase = \"{address}\"\neraser = \"{ROLE}\""));
    let chat = home.run(&["chat", "helper", "hi", "--json"]).done().lines();
    let session = chat[0]["session"].as_str().unwrap();
    let asked = ["audit", "erase", "request", "--session", session, "--reason", "the wrong agent"];
    let refused = format!("is erased by the user `{ROLE}`, and the server refuses that: permission denied");
    home.run(&asked).fails(4, &refused);
    let gateway = home.json(&["gateway", "status"])["address"].as_str().unwrap().to_owned();
    assert!(ready(&gateway).starts_with("HTTP/1.1 200"));
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    let doctor = home.json_whatever(&["doctor"]);
    let found = doctor["findings"].as_array().unwrap().iter().find(|one| one["check"] == "record:eraser");
    let found = found.unwrap_or_else(|| panic!("{doctor}"));
    assert_eq!(found["state"], "missing", "{found}");
    let message = format!("the eraser `{ROLE}` may not DELETE in `bulkhead.payload`");
    assert!(found["message"].as_str().unwrap().contains(&message), "{found}");
    home.edit(&format!("eraser = \"{ROLE}\""), "eraser = \"postgres\"");
    let doctor = home.json_whatever(&["doctor"]);
    let unsafe_ones = doctor["findings"].as_array().unwrap().iter();
    let unsafe_ones = unsafe_ones.filter(|one| one["check"] == "record:eraser" && one["state"] == "unsafe");
    let words: Vec<&str> = unsafe_ones.filter_map(|one| one["message"].as_str()).collect();
    assert!(words.iter().any(|words| words.contains("the eraser `postgres` is a superuser")), "{words:?}");
    home.verifies();
}

/// A cluster that others reach over TLS alone, with a password, and shows the certificate of `folder`.
fn secured(folder: &std::path::Path, port: &str) -> Result<Cluster, String> {
    let files = ["certificate.pem", "key.pem"].map(|name| fs::read(folder.join(name)).unwrap());
    let settings = [("listen_addresses", "localhost"), ("port", port), ("ssl", "on")];
    Cluster::start_with(&settings, |data| {
        for (name, bytes) in ["server.crt", "server.key"].into_iter().zip(&files) {
            fs::write(data.join(name), bytes).unwrap();
        }
        let who = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), who).unwrap();
    })
}

#[test]
fn a_server_elsewhere_is_spoken_to_by_tls_and_by_its_own_name() {
    let test = "scenarios::server::a_server_elsewhere_is_spoken_to_by_tls";
    let folder = tempfile::tempdir().unwrap();
    tls::certificates(folder.path());
    let place = Port::held();
    let port = place.number.to_string();
    let cluster = match secured(folder.path(), &port) {
        Ok(cluster) => cluster,
        Err(why) => return skipped(test, &why),
    };
    let home = Home::new();
    let database = cluster.database();
    cluster.sql(
        "postgres",
        "SET password_encryption = 'scram-sha-256'; ALTER ROLE postgres PASSWORD 'of the administrator'",
    );
    let password = folder.path().join("password");
    fs::write(&password, "of the administrator\n").unwrap();
    let at = |user: &str, host: &str| format!("postgres://{user}@{host}:{port}/{database}?sslmode=require");
    let init = |authority: &str, host: &str| {
        let (address, authority) = (at("postgres", host), folder.path().join(authority));
        let file = password.to_str().unwrap();
        home.run(&[
            "record",
            "init",
            "--as",
            &address,
            "--password-file",
            file,
            "--authority",
            authority.to_str().unwrap(),
            "--gateway",
            ROLE,
        ])
    };
    // Somebody else's authority, and a name that the certificate is not for.
    let other = tempfile::tempdir().unwrap();
    tls::certificates(other.path());
    fs::copy(other.path().join("authority.pem"), folder.path().join("other.pem")).unwrap();
    init("other.pem", "localhost").fails(4, "certificate");
    init("authority.pem", "127.0.0.1").fails(4, "certificate");
    init("authority.pem", "localhost").done();
    cluster.sql(
        "postgres",
        &format!("SET password_encryption = 'scram-sha-256'; ALTER ROLE {ROLE} PASSWORD 'of-the-gateway'"),
    );

    fs::copy(folder.path().join("authority.pem"), home.at("authority.pem")).unwrap();
    let address = at(ROLE, "localhost");
    home.add(&format!(
        "[record]\ndatabase = \"{address}\"\npassword = \"secret:record\"\nauthority = \"authority.pem\""
    ));
    home.run(&["gateway", "start"]).fails(4, "record");
    fs::create_dir_all(home.at("secrets")).unwrap();
    let secret = home.at("secrets/record");
    fs::write(&secret, "not-that-one").unwrap();
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    home.run(&["gateway", "start"]).fails(4, "password authentication failed");
    fs::write(&secret, "of-the-gateway").unwrap();
    home.scene("turns: [{say: hello, repeat: true}]");
    home.start();
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    home.verifies();
    let tls = cluster.sql("postgres", "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'bulkhead_gw'");
    assert_eq!(tls, "t");
    let all = [home.run(&["doctor"]).out, fs::read_to_string(home.at("data/gateway.log")).unwrap()].concat();
    assert!(!all.contains("of-the-gateway"), "the password was told");
}

#[test]
fn settings_that_reach_no_record_are_one_sentence_each() {
    let home = Home::new();
    let settings = fs::read_to_string(home.at("bulkhead.toml")).unwrap();
    for (record, words) in [
        ("database = \"mysql://a@b/c\"", "is no PostgreSQL database"),
        ("database = \"postgres://a:geheim@b/c\"", "move it into a secret"),
        ("database = \"postgres://a:geh?eim@b:99999/c\"", "is no PostgreSQL database"),
        ("database = \"postgres://a:geheim/c\"", "is no PostgreSQL database"),
        ("database = \"postgres://b/c\"", "names no user"),
        ("database = \"postgres://a@b\"", "names no database"),
        ("database = \"postgres://a@b,d/c\"", "several servers"),
        ("database = \"postgres://a@b.example/c?sslmode=disable\"", "TLS is always used there"),
        ("database = \"postgres://a@localhost/c\"\ngateway = \"a b\"", "cannot be a gateway's name"),
        ("database = \"postgres://a@localhost/c\"\nwait = \"0s\"", "is not a time from 100ms"),
        ("password = \"secret:x\"", "set `database`"),
        ("database = \"postgres://a@localhost/c\"\npassword = \"geheim\"", "secret"),
        ("database = \"postgres://a@localhost:1/c\"", "cannot be reached"),
    ] {
        fs::write(home.at("bulkhead.toml"), format!("{settings}\n[record]\n{record}\n")).unwrap();
        let said = home.run(&["gateway", "start"]);
        assert!([2, 4].contains(&said.code) && said.err.contains(words), "{record}: {}", said.err);
        assert!(!said.err.contains("geh") && !said.err.contains("eim"), "{}", said.err);
    }
    fs::write(home.at("bulkhead.toml"), settings).unwrap();
}
