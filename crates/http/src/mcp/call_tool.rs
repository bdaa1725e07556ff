//! `tools/call`: a skill call like any other. What was denied, failed or waits is the call's result, so that the
//! model behind the program reads why.

use rmcp::ErrorData;
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock};
use serde_json::Value;
use turn::{Came, Run};
use vocab::Intent;

use crate::openai::{pending, sentence};

/// The name that the record gives to a call over this protocol.
const CALL: &str = "mcp";

pub(super) async fn call_tool(
    run: &Run,
    request: CallToolRequestParams,
) -> Result<CallToolResponse, ErrorData> {
    let arguments = Value::Object(request.arguments.unwrap_or_default()).to_string();
    let intent = Intent::SkillCall { call_id: CALL.to_owned(), skill: request.name.into_owned(), arguments };
    let came = run.propose(intent).await;
    let no = |text: String| CallToolResult::error(vec![ContentBlock::text(text)]);
    let result = match came {
        Ok(Came::Text(text)) => CallToolResult::success(vec![ContentBlock::text(text)]),
        Ok(Came::Answer(answer)) => CallToolResult::success(vec![ContentBlock::text(answer.text)]),
        Ok(Came::Denied(reasons)) => no(sentence(&reasons)),
        Ok(Came::Failed { text, .. }) => no(text),
        Ok(Came::Waiting(approval)) => no(pending(&approval)),
        Err(refusal) => no(refusal.message),
    };
    Ok(result.into())
}
