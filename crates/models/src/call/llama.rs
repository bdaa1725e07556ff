//! The client against a real llama.cpp server, where `tests/model-server/run build` has made one.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Map, Value, json};
use vocab::{Answer, Resource, Verb};

use crate::call::{Config, Models};
use crate::error::ModelError;
use crate::server::Server;
use crate::wire::{Style, ToolChoice};

/// How often the server is asked whether it is up, a quarter of a second apart.
const ASKED_AT_MOST: u32 = 240;

struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Starts the server, or says loudly that this test is skipped.
async fn running(test: &str) -> Option<Running> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dir = std::env::var_os("BULKHEAD_MODEL_SERVER")
        .map_or_else(|| root.join(".tools/model-server"), PathBuf::from);
    if !dir.join("ready").is_file() {
        // Written past the test harness, which keeps the output of tests that pass.
        let why = format!("no model server in {} (run tests/model-server/run build)", dir.display());
        let line = format!("SKIPPED models::llama: {test}: {why}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return None;
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new(root.join("tests/model-server/run"))
        .args(["start", &port.to_string()])
        .arg(&dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running { child, url: format!("http://127.0.0.1:{port}/v1") };
    let models = running.models(Style::default());
    for _ in 0..ASKED_AT_MOST {
        if models.find("real").await.is_ok() {
            return Some(running);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("the model server in {} does not come up", dir.display());
}

impl Running {
    fn models(&self, style: Style) -> Models {
        let server =
            Server { name: "real".into(), url: self.url.clone(), api_key: None, context_tokens: None };
        Models::new(Config { servers: vec![server], style, ..Config::default() }).unwrap()
    }
}

fn action(messages: Value, tools: bool) -> vocab::Action {
    let tool = json!({
        "name": "file-reader",
        "description": "Reads a file.",
        "schema": {
            "type": "object",
            "properties": {"path": {"type": "string", "maxLength": 8}},
            "required": ["path"],
            "additionalProperties": false,
        },
    });
    let mut args = Map::new();
    args.insert("system".into(), json!("You follow rules."));
    args.insert("tools".into(), if tools { json!([tool]) } else { json!([]) });
    args.insert("messages".into(), messages);
    vocab::Action { verb: Verb::ModelCall, resource: Resource::Model("real".into()), args }
}

fn limited(tool_choice: ToolChoice) -> Style {
    Style { tool_choice, max_answer_tokens: Some(512) }
}

async fn asked(models: &Models, messages: Value, tools: bool) -> Result<Answer, ModelError> {
    models.answer(&action(messages, tools), &|_| ()).await
}

#[tokio::test]
async fn a_real_server_answers_and_counts() {
    let Some(server) = running("a_real_server_answers_and_counts").await else { return };
    let models = server.models(limited(ToolChoice::Auto));
    let found = models.find("real").await.unwrap();
    assert_eq!((found.context_tokens, found.context_known, found.local), (8192, true, true));
    let answer = asked(&models, json!([{"role": "user", "content": "hello"}]), false).await.unwrap();
    assert!(["stop", "length"].contains(&answer.finish.as_str()), "{answer:?}");
    assert!(answer.prompt_tokens > 0 && answer.completion_tokens > 0, "{answer:?}");
}

#[tokio::test]
async fn a_real_server_that_must_calls_tools_with_json() {
    let Some(server) = running("a_real_server_that_must_calls_tools_with_json").await else { return };
    let models = server.models(limited(ToolChoice::Required));
    let mut seen = 0;
    for number in 0..8 {
        let answer =
            asked(&models, json!([{"role": "user", "content": format!("read file {number}")}]), true).await;
        let answer = match answer {
            Ok(answer) => answer,
            // It may call more tools at once than we take.
            Err(ModelError::TooLarge { .. }) => continue,
            Err(error) => panic!("{error}"),
        };
        if answer.finish != "tool_calls" {
            continue;
        }
        assert!(!answer.tool_calls.is_empty(), "{answer:?}");
        for call in &answer.tool_calls {
            assert_eq!(call.name, "file-reader");
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
            assert!(arguments["path"].is_string(), "{arguments}");
        }
        let ids: std::collections::BTreeSet<_> = answer.tool_calls.iter().map(|call| &call.id).collect();
        assert_eq!(ids.len(), answer.tool_calls.len());
        seen += 1;
    }
    assert!(seen > 0, "of 8 answers not one ended with its tool calls");
}

#[tokio::test]
async fn a_real_server_takes_a_past_call_whose_arguments_are_not_json() {
    let Some(server) = running("a_real_server_takes_a_past_call_whose_arguments_are_not_json").await else {
        return;
    };
    let models = server.models(limited(ToolChoice::Auto));
    let messages = json!([
        {"role": "user", "content": "read"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "name": "file-reader", "arguments": "{broken"}]},
        {"role": "tool", "content": "these arguments are not JSON", "tool_call_id": "a"},
    ]);
    let answer = asked(&models, messages, true).await.unwrap();
    assert!(answer.completion_tokens > 0);
}

#[tokio::test]
async fn a_real_server_whose_window_is_full_is_understood() {
    let Some(server) = running("a_real_server_whose_window_is_full_is_understood").await else { return };
    let models = server.models(limited(ToolChoice::Auto));
    let error =
        asked(&models, json!([{"role": "user", "content": "x ".repeat(40_000)}]), false).await.unwrap_err();
    assert!(matches!(error, ModelError::ContextTooLong { .. }), "{error}");
}

#[tokio::test]
async fn a_real_server_that_is_killed_is_down() {
    let Some(mut server) = running("a_real_server_that_is_killed_is_down").await else { return };
    let models = server.models(limited(ToolChoice::Auto));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let error = asked(&models, json!([{"role": "user", "content": "x"}]), false).await.unwrap_err();
    assert!(matches!(error, ModelError::Down { .. }), "{error}");
}
