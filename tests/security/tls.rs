//! The gateway's address where others reach it: over TLS, by its name, and not otherwise.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use bulkhead_tests::tls::{ask, certificates};
use bulkhead_tests::web::PASSWORD;
use bulkhead_tests::{ANSWERS, Home, PATIENCE, Port};
use serde_json::json;

/// A home that is to listen on every address of this machine, and the port.
fn home() -> (Home, Port) {
    let home = Home::new();
    home.scene(ANSWERS);
    renew(&home);
    let place = Port::held();
    let port = place.number;
    let at = |file: &str| home.at(file).display().to_string();
    let (chain, key) = (at("tls/certificate.pem"), at("tls/key.pem"));
    let settings = format!(
        "0.0.0.0:{port}\"\norigin = \"https://localhost:{port}\"\ncertificate = \"{chain}\"\nkey = \"{key}"
    );
    home.edit("127.0.0.1:0", &settings);
    (home, place)
}

/// A new certificate, by an authority of its own.
fn renew(home: &Home) {
    fs::create_dir_all(home.at("tls")).unwrap();
    certificates(&home.at("tls"));
    fs::set_permissions(home.at("tls/key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
}

fn get(host: &str, path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{more}\r\n")
}

#[test]
fn others_reach_the_address_over_tls_by_its_name_alone() {
    let (home, place) = home();
    let port = place.number;
    home.start();
    let (name, trust) = (format!("localhost:{port}"), home.at("tls"));
    // Another address of this machine than the one that is only its own by convention.
    let there = format!("127.0.0.2:{port}");
    let said = ask(&trust, &there, &get(&name, "/healthz", "")).unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    let status = home.json(&["gateway", "status"]);
    assert_eq!(status["origin"], format!("https://{name}"));
    let person = status["person"].as_str().unwrap();
    let code = home.json(&["people", "invite", person])["code"].as_str().unwrap().to_owned();
    let claim = json!({ "code": code, "password": PASSWORD }).to_string();
    let post = format!(
        "POST /api/v1/sign-in/code HTTP/1.1\r\nhost: {name}\r\norigin: https://{name}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{claim}",
        claim.len()
    );
    let said = ask(&trust, &there, &post).unwrap();
    let cookie = said.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect(&said);
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let me = ask(&trust, &there, &get(&name, "/api/v1/me", &format!("cookie: {cookie}\r\n"))).unwrap();
    assert!(me.starts_with("HTTP/1.1 200"), "{me}");
    for other in ["evil.example", &there, &format!("127.0.0.1:{port}"), "localhost"] {
        let said = ask(&trust, &there, &get(other, "/", "")).unwrap();
        assert!(said.starts_with("HTTP/1.1 403"), "{other}: {said}");
    }
    // Unencrypted, it says nothing that a browser would understand.
    let mut stream = TcpStream::connect(&there).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(get(&name, "/healthz", "").as_bytes()).unwrap();
    let mut said = Vec::new();
    drop(stream.read_to_end(&mut said));
    assert!(!String::from_utf8_lossy(&said).contains("HTTP/1.1"), "{said:?}");
    home.verifies();
}

#[test]
fn a_renewed_certificate_is_taken_up_and_one_that_does_not_hold_is_not() {
    let (home, place) = home();
    let port = place.number;
    home.start();
    let (name, trust) = (format!("localhost:{port}"), home.at("tls"));
    let there = format!("127.0.0.1:{port}");
    let health = get(&name, "/healthz", "");
    drop(ask(&trust, &there, &health).unwrap());
    let before = home.outside().join("before");
    fs::create_dir(&before).unwrap();
    fs::copy(trust.join("authority.pem"), before.join("authority.pem")).unwrap();
    renew(&home);
    // Written so that everybody may read it, and mended as the log says to.
    let key = home.at("tls/key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    drop(ask(&before, &there, &health).unwrap());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    drop(ask(&trust, &there, &health).unwrap());
    assert!(ask(&before, &there, &health).is_err(), "the one before is still shown");
    fs::write(trust.join("certificate.pem"), "-----BEGIN nothing").unwrap();
    drop(ask(&trust, &there, &health).unwrap());
    home.run(&["gateway", "restart"]).fails(2, "certificate");
}

#[test]
fn what_does_not_hold_is_one_sentence_and_nothing_is_served() {
    let (home, _place) = home();
    let key = home.at("tls/key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    home.run(&["gateway", "start"]).fails(2, "everybody on this machine may read the key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let kept = fs::read(&key).unwrap();
    renew(&home);
    fs::write(&key, kept).unwrap();
    home.run(&["gateway", "start"]).fails(2, "do not go together");
    fs::write(&key, "").unwrap();
    home.run(&["gateway", "start"]).fails(2, "no private key");
    fs::remove_file(&key).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &key, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    home.run(&["gateway", "start"]).fails(2, "it is no file");
    fs::remove_file(&key).unwrap();
    home.run(&["gateway", "start"]).fails(2, "cannot be read");
    home.edit("origin = \"https://", "origin = \"http://");
    home.run(&["gateway", "start"]).fails(2, "needs the `origin`");
    let shown = format!("\nkey = \"{}\"", key.display());
    home.edit(&shown, "");
    home.run(&["gateway", "start"]).fails(2, "needs its `key`");
}

#[test]
fn no_agent_reads_the_key_whatever_it_is_granted() {
    let (home, _place) = home();
    home.scene(
        "turns: [{calls: [{skill: file-reader, arguments: {path: HOME/tls/key.pem}}]}, {say: So it is., repeat: true}]",
    );
    home.soul(
        "echo",
        "# Echo\n## Identity\n- Name: Echo\n- Role: Reader\n## Skills\n- file-reader: read\n  - paths: HOME/tls\n",
    );
    home.start();
    drop(home.run(&["chat", "echo", "hello"]).done());
    let judged = home.records(&["--kind", "verdict", "--action", "file.read"]);
    assert!(judged.len() == 1 && judged[0].to_string().contains("home:own-"), "{judged:?}");
}
