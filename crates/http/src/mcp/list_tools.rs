//! `tools/list`: the skills that the agent was granted and this gateway has, with their schemas.

use rmcp::model::{ListToolsResult, Tool};
use serde_json::Value;
use turn::Run;

pub(super) fn list_tools(run: &Run) -> ListToolsResult {
    ListToolsResult::with_all_items(run.skills().into_iter().filter_map(tool).collect())
}

fn tool(skill: Value) -> Option<Tool> {
    let Value::Object(mut skill) = skill else { return None };
    match (skill.remove("name"), skill.remove("description"), skill.remove("schema")) {
        (Some(Value::String(name)), Some(Value::String(description)), Some(Value::Object(schema))) => {
            Some(Tool::new(name, description, schema))
        }
        _ => None,
    }
}
