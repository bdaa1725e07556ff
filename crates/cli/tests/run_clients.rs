//! Programs on other people's libraries, run as an agent: they find the model and the skills, and nothing else.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use std::fs;

use common::Home;
use common::clients::{clients, house, run};
use serde_json::Value;

const TOOLS: &str = "
turns:
  - when: What is 2 and 3?
    calls: [{skill: add, arguments: {a: 2, b: 3}}]
  - expect: '5'
    say: It is five.
";

const OPENAI: &str = r#"
import json, openai
client = openai.OpenAI()
tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
messages = [{"role": "user", "content": "What is 2 and 3?"}]
while True:
    message = client.chat.completions.create(model="gpt-4o", messages=messages, tools=[tool]).choices[0].message
    messages.append(message.model_dump(exclude_none=True))
    if not message.tool_calls:
        break
    for call in message.tool_calls:
        given = json.loads(call.function.arguments)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": str(given["a"] + given["b"])})
print(message.content)
"#;

const MCP: &str = r#"
import asyncio, os
from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

async def main():
    key = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    async with create_mcp_http_client(headers=key) as http:
        async with Client(streamable_http_client(os.environ["BULKHEAD_MCP_URL"], http_client=http)) as client:
            print(sorted(tool.name for tool in (await client.list_tools()).tools))
            here = os.path.join(os.getcwd(), "note.txt")
            for path in (here, "/etc/hostname"):
                result = await client.call_tool("file-reader", {"path": path})
                print(result.is_error, result.content[0].text)

asyncio.run(main())
"#;

#[test]
fn the_openai_package_runs_a_tool_loop_inside_the_jail() {
    let Some(clients) = clients("the_openai_package_runs_a_tool_loop_inside_the_jail") else { return };
    let home = house(&clients, TOOLS);
    let said = run(&home, &clients, OPENAI).done();
    assert_eq!(said.out, "[rehearsal] It is five.\n");
    let records = home.run(&["audit", "query", "--agent", "coder", "--json"]).done().lines();
    let calls = |kind: &str| {
        let of = |record: &&Value| record["kind"] == kind && record["action"]["verb"] == "model.call";
        records.iter().filter(of).count()
    };
    assert_eq!((calls("verdict"), calls("outcome")), (2, 2));
    home.run(&["gateway", "stop"]).done();
    home.run(&["audit", "verify"]).done();
}

#[test]
fn the_mcp_package_calls_skills_inside_the_jail() {
    let Some(clients) = clients("the_mcp_package_calls_skills_inside_the_jail") else { return };
    let home = house(&clients, TOOLS);
    fs::write(home.path().join("agents/coder/workspace/note.txt"), "kept here").unwrap();
    let said = run(&home, &clients, MCP).done();
    let (listed, called) = said.out.split_once('\n').unwrap();
    assert_eq!(listed, "['file-reader', 'file-writer', 'message']");
    let (inside, outside) = called.split_once("\nTrue ").unwrap();
    assert!(inside.starts_with("False ") && inside.contains("kept here"), "{}", said.out);
    assert!(outside.contains("`/etc/hostname` is in no `file-reader` grant of `coder`"), "{}", said.out);
}

#[test]
fn an_environment_that_is_not_granted_is_named_with_its_grant() {
    let Some(clients) = clients("an_environment_that_is_not_granted_is_named_with_its_grant") else { return };
    let home = Home::running(TOOLS).with_coder();
    let bin = clients.join("venv/bin");
    run(&home, &clients, OPENAI).fails(3, &format!("add `{}` to `paths` of `file-reader`", bin.display()));
}
