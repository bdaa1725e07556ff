//! The Model Context Protocol side of a run: the agent's skills as tools.
//!
//! In: JSON-RPC over streamable HTTP, as the `rmcp` crate reads it. Out: the skills that SOUL.md grants and this
//! gateway has, and what became of each call. There are no sessions here to fill up: every request stands alone.

mod call_tool;
mod list_tools;

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use turn::Run;

use crate::bounds::MAX_MCP_BYTES;

/// The skills of one run.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    run: Arc<Run>,
}

/// The protocol's server for one run. Who asks, and by which name, is the router's to check.
pub(crate) fn service(run: Arc<Run>) -> StreamableHttpService<Tools, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .disable_allowed_hosts()
        .with_max_request_body_bytes(MAX_MCP_BYTES);
    StreamableHttpService::new(move || Ok(Tools { run: Arc::clone(&run) }), Arc::default(), config)
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let agent = self.run.agent();
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("bulkhead", env!("CARGO_PKG_VERSION")))
            .with_instructions(format!(
                "The skills of the agent `{agent}`. Every call is judged before it happens: one that is denied did not happen, and one that waits for a person has not happened yet."
            ))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(list_tools::list_tools(&self.run))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        call_tool::call_tool(&self.run, request).await
    }
}
