//! What other pages, names and origins get from the gateway's address: nothing.

use bulkhead_tests::web::PASSWORD;
use bulkhead_tests::{Browser, Home};
use serde_json::json;

fn home() -> Home {
    let home = Home::new();
    home.scene("turns: [{say: hello, repeat: true}]");
    home.start();
    home
}

fn first(home: &Home) -> String {
    home.json(&["people", "list"])[0]["id"].as_str().unwrap().to_owned()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn another_page_does_nothing_with_a_persons_cookie() {
    let home = home();
    let ada = Browser::signed_in(&home, &first(&home));
    let json = pair("content-type", "application/json");
    let own = format!("http://{}", ada.address);
    let elsewhere = own.replace(":", ":1");
    for foreign in [
        vec![json.clone()],
        vec![json.clone(), pair("origin", "http://evil.example")],
        vec![json.clone(), pair("origin", "null")],
        vec![json.clone(), pair("origin", &elsewhere)],
        vec![json.clone(), pair("sec-fetch-site", "cross-site")],
        vec![json.clone(), pair("sec-fetch-site", "same-site")],
        vec![json.clone(), pair("origin", &own), pair("sec-fetch-site", "cross-site")],
        vec![pair("content-type", "text/plain"), pair("origin", "http://evil.example")],
        vec![pair("content-type", "application/x-www-form-urlencoded"), pair("origin", "null")],
    ] {
        let headers = [ada.headers(), foreign.clone()].concat();
        drop(ada.send("POST", "/api/v1/kill", &headers, b"{}").is(403));
    }
    // From our own page a form is still no JSON.
    let headers = [ada.headers(), vec![pair("content-type", "text/plain"), pair("origin", &own)]].concat();
    drop(ada.send("POST", "/api/v1/checkpoint", &headers, b"{}").is(400));
    for site in ["cross-site", "same-site"] {
        for path in ["/api/v1/me", "/api/v1/events", "/api/v1/agents"] {
            let headers = [ada.headers(), vec![pair("sec-fetch-site", site)]].concat();
            drop(ada.send("GET", path, &headers, b"").is(403));
        }
    }
    // No page of another origin is told that it may, whatever it asks first.
    let headers = [
        ada.headers(),
        vec![pair("origin", "http://evil.example"), pair("access-control-request-method", "POST")],
    ]
    .concat();
    let preflight = ada.send("OPTIONS", "/api/v1/kill", &headers, b"");
    assert!(preflight.status >= 400 && preflight.header("access-control-allow-origin").is_empty());
    assert_eq!(home.records(&["--event", "agent.killed"]).len(), 0);
    drop(ada.post("kill", &json!({})).is(200));
}

#[test]
fn no_page_of_another_origin_hears_what_happens_by_events_or_a_websocket() {
    let home = home();
    let ada = Browser::signed_in(&home, &first(&home));
    let own = format!("http://{}", ada.address);
    let upgrade = [
        pair("connection", "upgrade"),
        pair("upgrade", "websocket"),
        pair("sec-websocket-version", "13"),
        pair("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let events = [pair("accept", "text/event-stream")];
    for how in [&events[..], &upgrade[..]] {
        for from in [
            pair("origin", "http://evil.example"),
            pair("origin", "null"),
            pair("origin", &own.replace(':', ":1")),
            pair("sec-fetch-site", "cross-site"),
            pair("sec-fetch-site", "same-site"),
        ] {
            for path in ["/api/v1/events", "/api/v1/turns/t-none/events"] {
                let headers = [&ada.headers(), how, std::slice::from_ref(&from)].concat();
                let answer = ada.send("GET", path, &headers, b"").is(403);
                assert_eq!(answer.header("access-control-allow-origin"), "", "{answer:?}");
            }
        }
        let headers = [&ada.headers(), how, &[pair("origin", &own)]].concat();
        let answer = ada.send("GET", "/api/v1/events", &headers, b"").is(200);
        assert!(answer.header("upgrade").is_empty(), "no WebSocket is spoken here: {answer:?}");
    }
}

#[test]
fn no_path_and_no_parameter_sends_a_browser_elsewhere() {
    let home = home();
    let nobody = Browser::at(&home);
    for path in [
        "//evil.example",
        "//evil.example/%2e%2e",
        "/\\evil.example",
        "/%2f%2fevil.example",
        "/http://evil.example",
        "/?next=http://evil.example",
        "/sign-in?redirect=//evil.example&return_to=//evil.example",
        "/api/v1/sign-in?next=//evil.example",
        "/assets/..//evil.example",
    ] {
        let answer = nobody.send("GET", path, &nobody.headers(), b"");
        assert!(answer.status / 100 != 3, "{path}: {answer:?}");
        for name in ["location", "refresh", "content-location"] {
            assert_eq!(answer.header(name), "", "{path}: {answer:?}");
        }
    }
}

#[test]
fn a_name_that_was_made_to_point_here_gets_nothing() {
    let home = home();
    let ada = Browser::signed_in(&home, &first(&home));
    let port = ada.address.rsplit(':').next().unwrap().to_owned();
    for host in ["evil.example", "127.0.0.1.evil.example", "10.1.2.3", "user@127.0.0.1", "0.0.0.0"] {
        for path in ["/", "/healthz", "/api/v1/me", "/assets/x.js"] {
            let mut headers = ada.headers();
            headers[0].1 = format!("{host}:{port}");
            drop(ada.send("GET", path, &headers, b"").is(403));
        }
    }
    let mut twice = ada.headers();
    twice.push(pair("host", "evil.example"));
    let refused = ada.send("GET", "/api/v1/me", &twice, b"");
    assert!(refused.status == 400 || refused.status == 403, "{refused:?}");
    let absolute = format!("http://evil.example:{port}/api/v1/me");
    drop(ada.send("GET", &absolute, &ada.headers(), b"").is(403));
}

#[test]
fn the_name_that_the_settings_give_is_answered_and_no_other_and_its_cookies_are_for_tls() {
    let home = Home::new();
    for bad in ["http://bulkhead.example", "https://10.0.0.1", "https://bulkhead.example/console"] {
        home.edit("[gateway]\n", &format!("[gateway]\norigin = \"{bad}\"\n"));
        home.run(&["gateway", "start"]).fails(2, "is not an origin for browsers");
        home.edit(&format!("origin = \"{bad}\"\n"), "");
    }
    home.edit("[gateway]\n", "[gateway]\norigin = \"https://bulkhead.example\"\n");
    home.start();
    let person = first(&home);
    let code = home.json(&["people", "invite", &person])["code"].as_str().unwrap().to_owned();
    let nobody = Browser::at(&home);
    let at = |host: &str, origin: &str| {
        vec![pair("host", host), pair("origin", origin), pair("content-type", "application/json")]
    };
    let claim = json!({ "code": code, "password": PASSWORD }).to_string();
    let ask =
        |headers: &[(String, String)]| nobody.send("POST", "/api/v1/sign-in/code", headers, claim.as_bytes());
    for (host, origin) in [
        ("bulkhead.example", "http://bulkhead.example"),
        ("bulkhead.example:7400", "https://bulkhead.example"),
        ("evil.bulkhead.example", "https://evil.bulkhead.example"),
        (nobody.address.as_str(), "https://bulkhead.example"),
    ] {
        drop(ask(&at(host, origin)).is(403));
    }
    let ways =
        nobody.send("GET", "/api/v1/sign-in/ways", &at("bulkhead.example", "https://bulkhead.example"), b"");
    assert_eq!(ways.is(200).json()["passkeys"], "https://bulkhead.example");
    let answer = ask(&at("bulkhead.example", "https://bulkhead.example")).is(200);
    assert!(answer.header("set-cookie").ends_with("; Path=/; Secure"), "{answer:?}");
    // On this machine there is no TLS, and none is asked for.
    let here = nobody.post("sign-in", &json!({ "person": person, "password": PASSWORD })).is(200);
    assert!(here.header("set-cookie").ends_with("; Path=/"), "{here:?}");
}

#[test]
fn every_answer_keeps_other_pages_from_framing_and_reading_it() {
    let home = home();
    let ada = Browser::signed_in(&home, &first(&home));
    let nobody = Browser::at(&home);
    let refused = [pair("host", "evil.example")];
    let answers = [
        nobody.send("GET", "/", &nobody.headers(), b"").is(200),
        nobody.send("GET", "/no/such/page", &nobody.headers(), b""),
        nobody.send("GET", "/healthz", &nobody.headers(), b"").is(200),
        nobody.send("GET", "/", &refused, b"").is(403),
        nobody.get("me").is(401),
        ada.get("me").is(200),
        ada.get("nowhere").is(404),
        ada.post("me", &json!({})).is(405),
        ada.get("events"),
    ];
    for answer in &answers {
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self';",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(part), "{part}: {answer:?}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'), "{policy}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{name}: {answer:?}");
        }
        // Nothing here sends a browser anywhere.
        assert!(answer.header("location").is_empty() && answer.status / 100 != 3, "{answer:?}");
        assert!(answer.header("access-control-allow-origin").is_empty());
    }
    for answer in &answers[4..] {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    }
    assert!(answers[4].header("www-authenticate").starts_with("Bearer"));
}

#[test]
fn a_cookie_that_somebody_planted_is_not_what_a_person_is_signed_in_with() {
    let home = home();
    let ada = Browser::signed_in(&home, &first(&home));
    let planted = format!("i-planted.{}", "0".repeat(64));
    let claim = json!({ "person": first(&home), "password": PASSWORD });
    let answer = ada.with_cookie(&planted).post("sign-in", &claim).is(200);
    assert_ne!(answer.cookie().unwrap(), planted);
    drop(ada.with_cookie(&planted).get("me").is(401));
    // Two cookies of the name are none: which of them the page meant nobody knows.
    let mut headers = ada.headers();
    headers[1].1 = format!("{}; bulkhead={planted}", headers[1].1);
    drop(ada.send("GET", "/api/v1/me", &headers, b"").is(401));
    drop(ada.get("me").is(200));
}

#[test]
fn broken_crossed_and_misplaced_secrets_are_nobodys() {
    let home = home();
    let ada = Browser::signed_in(&home, &first(&home));
    let wanted = json!({ "name": "x", "scopes": ["read"], "days": 1 });
    let token = ada.post("tokens", &wanted).is(200).json()["token"].as_str().unwrap().to_owned();
    let cookie = ada.cookie.clone().unwrap();
    for bad in [
        token[..token.len() - 1].to_owned(),
        format!("{token}0"),
        token.to_uppercase(),
        "x".repeat(8_000),
        cookie.clone(),
    ] {
        drop(ada.with_token(&bad).get("me").is(401));
    }
    for bad in [
        cookie[..cookie.len() - 1].to_owned(),
        cookie.to_uppercase(),
        cookie.replace('.', ""),
        "x".repeat(8_000),
        token.clone(),
    ] {
        drop(ada.with_cookie(&bad).get("me").is(401));
    }
    // A broken token beside a good cookie is a broken token.
    let mut both = ada.headers();
    both.push(pair("authorization", "Bearer bh_x"));
    drop(ada.send("GET", "/api/v1/me", &both, b"").is(401));
    for query in [format!("token={token}"), format!("access_token={token}"), format!("x={token}")] {
        let refused = ada.get(&format!("me?{query}")).is(400);
        assert!(refused.json()["detail"].as_str().unwrap().contains("does not belong into an address"));
        assert!(!refused.body.contains(&token));
    }
    let program = ada.with_token(&token);
    drop(program.get("me").is(200));
}

#[test]
fn a_flood_of_large_and_broken_sign_ins_is_refused_early() {
    let home = home();
    let nobody = Browser::at(&home);
    let person = first(&home);
    drop(nobody.post("sign-in", &json!({ "person": person, "password": "x".repeat(1_000_000) })).is(413));
    drop(nobody.post("sign-in", &json!({ "person": person, "password": "x".repeat(2_000) })).is(400));
    for body in [
        json!({}),
        json!([]),
        json!({ "person": person, "password": 7 }),
        json!({ "person": "p4ss-in-name", "password": null }),
    ] {
        let refused = nobody.post("sign-in", &body).is(400);
        assert!(!refused.body.contains("p4ss"), "{refused:?}");
    }
    // A list of what the fields would have is no object.
    drop(nobody.post("sign-in", &json!([person, PASSWORD])).is(400));
    let guess =
        || nobody.post("sign-in", &json!({ "person": "nobody", "password": "wrong horse battery" })).status;
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..30).map(|_| scope.spawn(guess)).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let wrong = answers.iter().filter(|status| **status == 401).count();
    assert_eq!(wrong, people::MAX_GUESSES_OF_PERSON as usize, "{answers:?}");
    assert!(answers.iter().all(|status| matches!(status, 401 | 429)), "{answers:?}");
    drop(nobody.send("GET", "/healthz", &nobody.headers(), b"").is(200));
}

#[test]
fn the_local_socket_knows_no_cookies_and_no_tokens() {
    let home = home();
    let socket = home.at("gateway.sock");
    let me = home.json(&["people", "list"]);
    assert_eq!(me.as_array().unwrap().len(), 1);
    let ask = |path: &str| {
        let script = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
            s.sendall(('POST /api/v1/'+sys.argv[2]+' HTTP/1.1\\r\\nhost: x\\r\\ncontent-type: application/json\\r\\ncontent-length: 2\\r\\nconnection: close\\r\\n\\r\\n{}').encode())\n\
            s.settimeout(30)\nout=b''\nwhile True:\n  d=s.recv(65536)\n  if not d: break\n  out+=d\n\
            sys.stdout.write(out.decode())";
        let output = std::process::Command::new("python3")
            .args(["-c", script, socket.to_str().unwrap(), path])
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    for path in ["sign-in", "sign-in/code", "sign-out", "confirm", "me/password"] {
        assert!(ask(path).starts_with("HTTP/1.1 404"), "{path}");
    }
}
