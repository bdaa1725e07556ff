//! The process of an agent that is ended from outside in the middle of its turn: the turn ends with one sentence, what was
//! open is known as unknown, nothing of it is left, and the conversation goes on.

use std::process::Command;

use bulkhead_tests::server::{Deed, Server, says, stream};
use bulkhead_tests::{Home, Said, eventually, procs};
use serde_json::{Value, json};

/// A word of what the model is asked that has it think without end.
const THINK: &str = "think";

/// A model that reads a file first, where it is told to think, and never answers after that; and answers whatever else.
fn thinker(file: String) -> Server {
    Server::model(move |body| {
        let messages = body["messages"].as_array().unwrap();
        let last = messages.last().unwrap();
        if last["role"] == "tool" {
            return Deed::Stall(vec![
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec(),
                b"data: {\"choices\": [{\"index\": 0, \"delta\": {\"reasoning_content\": \"hm\"}}]}\n\n"
                    .to_vec(),
            ]);
        }
        if last["content"].as_str().is_some_and(|text| text.contains(THINK)) {
            let function = json!({"name": "file-reader", "arguments": json!({"path": file}).to_string()});
            let calls = json!([{"index": 0, "id": "c1", "function": function}]);
            let call = json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]});
            let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
            return Deed::Say(stream(&[call, end], true));
        }
        Deed::Say(stream(&says("on it"), true))
    })
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

#[test]
fn an_agent_that_is_killed_while_its_model_thinks_ends_its_turn_and_nothing_else() {
    let home = Home::new();
    let model = thinker(home.at("handbook/expenses.md").display().to_string());
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.add(&model.settings());
    home.start();
    let gateway = home.gateway();
    let chat = home.begin(&["chat", "helper", THINK]);
    eventually("the model thinks about what was read", || model.requests("/chat/completions").len() == 2);
    let jailed = procs::jailed(gateway);
    let of = |role: &str| jailed.iter().find(|process| process.role == role).expect(role).pid;
    let (agent, worker) = (of("agent"), of("worker"));

    kill(agent);
    // The model goes on thinking: nothing of what follows waits for it.
    Said::of(chat).fails(4, "the agent process ended without an answer");
    eventually("its worker is gone", || !procs::lives(worker));
    // One that is being made ahead is not marked as that at once.
    eventually("no other process is in use", || procs::jailed(gateway).is_empty());

    let records = home.whole(&["--agent", "helper"]);
    let outcomes: Vec<&Value> = records.iter().filter(|record| record["kind"] == "outcome").collect();
    let told = |outcome: &Value| (outcome["action"]["verb"].to_string(), outcome["status"].to_string());
    let told: Vec<(String, String)> = outcomes.iter().map(|outcome| told(outcome)).collect();
    let expected = [("model.call", "done"), ("file.read", "done"), ("model.call", "unknown")];
    assert_eq!(told, expected.map(|(verb, status)| (format!("\"{verb}\""), format!("\"{status}\""))));
    let last = records.last().unwrap();
    assert_eq!(last["event"], "turn.ended");
    assert!(last["content"].to_string().contains("the agent process ended without an answer"), "{last}");

    // The conversation goes on, and so do others.
    let session = last["session"].as_str().unwrap();
    home.run(&["chat", "helper", "--session", session, "and now?"]).done().has("on it");
    home.run(&["chat", "helper", "hello"]).done().has("on it");
    home.verifies();
}
