//! The clients that other people's programs are made with, against a real run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulkhead_tests::skipped;
use serde_json::Value;
use turn::Pending;

use crate::house::{House, begin};
use crate::wire::{KEY, serve};

const TOOLS: &str = "
turns:
  - when: Tell me of Anna
    say: Anna's card is 4111 1111 1111 1111.
  - when: What is 2 and 3?
    calls: [{skill: add, arguments: {a: 2, b: 3}}]
    prompt_tokens: 11
    completion_tokens: 7
  - expect: '5'
    say: It is five.
    prompt_tokens: 20
    completion_tokens: 5
";

/// Python with the clients, or says loudly that `test` is skipped.
fn python(test: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dir = std::env::var_os("BULKHEAD_CLIENTS").map_or_else(|| root.join(".tools/clients"), PathBuf::from);
    if dir.join("ready").is_file() {
        return Some(dir.join("venv/bin/python"));
    }
    skipped(test, &format!("no clients in {} (run tests/clients/run build)", dir.display()));
    None
}

/// Runs a program of `tests/clients` against the run at `address`, and gives what it told.
async fn told(python: PathBuf, program: &str, address: SocketAddr, args: &[PathBuf]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(program);
    let mut command = std::process::Command::new(python);
    command
        .arg(script)
        .args(args)
        .env("OPENAI_BASE_URL", format!("http://{address}/v1"))
        .env("OPENAI_API_KEY", KEY)
        .env("BULKHEAD_MCP_URL", format!("http://{address}/mcp"))
        .env("NO_PROXY", "127.0.0.1");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (said, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_package_runs_its_tool_loop() {
    let Some(python) = python("the_openai_package_runs_its_tool_loop") else { return };
    let house = House::new(TOOLS);
    let gateway = house.open().await;
    let run = Arc::new(begin(&gateway).await);
    let said = told(python, "openai_loop.py", serve(&run), &[]).await;
    assert_eq!(said[0]["models"][0], "bulkhead/echo");
    for (first, stream) in [(1, false), (3, true)] {
        let (call, end) = (&said[first], &said[first + 1]);
        assert_eq!(call["stream"], stream);
        assert_eq!((&call["finish"], &call["tokens"]), (&"tool_calls".into(), &18.into()), "{call}");
        assert_eq!((&end["finish"], &end["tokens"]), (&"stop".into(), &25.into()), "{end}");
        assert_eq!(end["text"], "[rehearsal] It is five.");
        assert_eq!(end["model"], "rehearsal/scene");
    }
    let refused: Vec<(&str, u64)> = said[5..]
        .iter()
        .map(|line| (line["error"].as_str().unwrap(), line["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        refused,
        [
            ("AuthenticationError", 401),
            ("BadRequestError", 400),
            ("NotFoundError", 404),
            ("PermissionDeniedError", 403)
        ]
    );
    assert!(said[8]["message"].as_str().unwrap().contains("denied: "), "{}", said[8]);
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
    // A refusal is not asked for again: four calls of the loops, and the one that was denied.
    assert_eq!(house.story().iter().filter(|line| *line == "model.call permit").count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mcp_package_calls_skills_inside_the_grant_and_no_others() {
    let Some(python) = python("the_mcp_package_calls_skills_inside_the_grant_and_no_others") else { return };
    let house = House::new(TOOLS);
    let gateway = house.open().await;
    let run = Arc::new(begin(&gateway).await);
    let files = [house.at("docs/status.md"), house.at("closed/pay.md")];
    let said = told(python, "mcp_calls.py", serve(&run), &files).await;
    for of_mode in said[..10].chunks(5) {
        assert_eq!(of_mode[0]["tools"], serde_json::json!(["file-reader", "message"]));
        assert_eq!(of_mode[1]["required"], serde_json::json!(["path"]));
        let [inside, outside, unknown] = &of_mode[2..] else { panic!("{of_mode:?}") };
        assert!(inside["error"] == false && inside["text"].as_str().unwrap().contains("all systems are up"));
        assert_eq!(outside["error"], true);
        assert!(
            outside["text"].as_str().unwrap().contains("is in no `file-reader` grant of `echo`"),
            "{outside}"
        );
        assert_eq!(unknown["error"], true);
        assert!(unknown["text"].as_str().unwrap().contains("there is no skill `shell` here"), "{unknown}");
    }
    assert_eq!(said[10]["wrong_key"], "refused", "{said:?}");
    gateway.shutdown(None, Pending::Cancel).await.unwrap();
    let story = house.story();
    let count = |line: &str| story.iter().filter(|told| *told == line).count();
    assert_eq!((count("file.read done"), count("file.read deny"), count("skill.call deny")), (2, 2, 2));
}
