//! The same for a program that nobody here wrote: no secret is in what it is answered, in what it can look into, or in what
//! it makes the gateway write.

use std::process::{Command, Stdio};

use bulkhead_tests::{Home, Said, skipped};

use super::{FAULTS, HOST_KEY, MODEL_KEY, PAGES, bearer, clean, home, model, nowhere, site, start};

/// Asks for all that there is, in every way, and prints whatever comes back and whatever it can see of any environment.
const PROGRAM: &str = r#"
import glob, json, os, sys, urllib.error, urllib.request

base, key, mcp = (os.environ[name] for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "BULKHEAD_MCP_URL"))
site, pages, faults = sys.argv[1], sys.argv[2].split(","), sys.argv[3].split(",")
headers = {
    "Authorization": "Bearer " + key,
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}


def ask(what, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as said:
            print(what, "answered", said.status, said.reason, said.headers, said.read().decode(), flush=True)
    except urllib.error.HTTPError as error:
        print(what, "refused", error.code, error.reason, error.headers, error.read().decode(), flush=True)
        print(what, error, error.headers, file=sys.stderr, flush=True)


ask("models", base + "/models")
for word in pages + faults:
    said = [{"role": "user", "content": word}]
    ask("plain " + word, base + "/chat/completions", {"model": "m", "messages": said})
    ask("streamed " + word, base + "/chat/completions", {"model": "m", "messages": said, "stream": True})

call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
said = [
    {"role": "user", "content": "look"},
    {"role": "assistant", "content": None, "tool_calls": [call]},
    {"role": "tool", "tool_call_id": "c1", "content": "seen"},
]
ask("plain tool", base + "/chat/completions", {"model": "m", "messages": said})
ask("streamed tool", base + "/chat/completions", {"model": "m", "messages": said, "stream": True})

for page in pages:
    params = {"name": "browser", "arguments": {"url": f"http://{site}/{page}"}}
    ask("skill " + page, mcp, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})

print(dict(os.environ))
for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline"):
    try:
        print("saw", path, open(path, "rb").read().decode("latin-1"))
    except OSError as error:
        print("did not see", error)
"#;

/// Runs the program to its end, with whatever waits let through.
fn ran(home: &Home, site: &str) -> Said {
    let (pages, faults) = (PAGES.join(","), FAULTS.join(","));
    let mut run = home.command(&["run", "scout", "--", "python3", "-c", PROGRAM, site, &pages, &faults]);
    // Whoever runs it may have the key; the program is not given it.
    run.env("FORUM_KEY", HOST_KEY).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = run.spawn().unwrap();
    let running = std::thread::spawn(move || Said::of(run));
    while !running.is_finished() {
        if let Some(id) = home.json(&["approvals", "list"])[0]["id"].as_str() {
            clean("an approval", home.run(&["approvals", "show", id]).done().out.as_bytes());
            home.run(&["approvals", "approve", id]).done();
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    running.join().unwrap()
}

#[test]
fn a_program_of_somebody_elses_comes_to_no_secret() {
    if !Command::new("python3").arg("-V").output().is_ok_and(|said| said.status.success()) {
        skipped("security::secrets::program::a_program_of_somebody_elses", "`python3` is not installed");
        return;
    }
    let site = site();
    let model = model(site.address.clone());
    let home = home(&model, &site);
    let soul = home.at("agents/scout/SOUL.md");
    let limits = "\n## Limits\n\n- actions-per-minute: 10000\n- actions-per-turn: 10000\n";
    std::fs::write(&soul, std::fs::read_to_string(&soul).unwrap() + limits).unwrap();
    start(&home);
    let said = ran(&home, &site.address).done();
    clean("what the program was answered and saw", said.out.as_bytes());
    clean("what the program was told of refusals", said.err.as_bytes());

    // It was answered and refused, both ways, and what took a key out says so.
    for word in PAGES.into_iter().chain(["tool"]) {
        said.has(&format!("plain {word} answered 200")).has(&format!("streamed {word} answered 200"));
    }
    for word in FAULTS {
        said.has(&format!("plain {word} refused")).has(&format!("streamed {word} refused"));
    }
    for page in PAGES {
        said.has(&format!("skill {page} answered 200"));
    }
    said.has("secret:box").has("secret:forum").has("saw /proc/self/environ");

    // Both keys arrived where they belong.
    let calls = model.requests("/chat/completions");
    assert!(calls.len() > 2 * PAGES.len() && calls.iter().all(|call| bearer(call) == MODEL_KEY));
    calls.iter().for_each(|call| clean("a prompt", &call.body));
    let asked = site.requests_beneath("/");
    assert!(asked.len() >= PAGES.len() && asked.iter().all(|request| bearer(request) == HOST_KEY));
    nowhere(&home);
}
