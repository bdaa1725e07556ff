//! The gateway: whether it runs and answers, as which version, and who can reach it.

use serde_json::Value;

use super::{Finding, State, exports};
use crate::client::Client;
use crate::daemon::holder;
use crate::home::Home;
use crate::settings::Settings;

/// The version of this binary.
const OWN: &str = env!("CARGO_PKG_VERSION");

/// Asks the gateway how it is.
pub(super) async fn look(home: &Home) -> Vec<Finding> {
    let status = match holder(home) {
        Ok(Some(_)) => Some(ask(home).await),
        _ => None,
    };
    let answered = status.as_ref().and_then(|status| status.as_ref().ok());
    let mut found: Vec<Finding> = answered.map(exports::standing).into_iter().flatten().collect();
    found.extend(answered.map(short).into_iter().flatten());
    std::iter::once(running(home, status)).chain(found).collect()
}

/// Queues in which what waits can only end in a no. Only the gateway knows whom the directory names.
fn short(status: &Value) -> Vec<Finding> {
    let told = status.get("short").cloned().unwrap_or_default();
    let queues: Vec<turn::Short> = serde_json::from_value(told).unwrap_or_default();
    let finding = |one: turn::Short| {
        let turn::Short { queue, agent, needed, there } = one;
        let message = format!(
            "the queue `{queue}` needs {needed} to say yes to `{agent}` and {there} of its approvers may: what waits there ends in a no"
        );
        let mend = format!(
            "give more of its approvers a group with `approve = [\"{agent}\"]`, or lower `needed`, in bulkhead.toml"
        );
        Finding::of("approvals", State::Warning, message, mend)
    };
    queues.into_iter().map(finding).collect()
}

/// What a gateway finds of itself.
pub(super) fn of_itself(status: &Value) -> Vec<Finding> {
    std::iter::once(told(status)).chain(exports::standing(status)).collect()
}

fn running(home: &Home, status: Option<Result<Value, String>>) -> Finding {
    match holder(home) {
        Ok(None) => Finding::of(
            "gateway",
            State::Warning,
            "no gateway is running",
            "`bulkhead gateway start` starts it",
        ),
        Ok(Some(_)) => match status {
            Some(Ok(status)) => told(&status),
            Some(Err(why)) => {
                Finding::of("gateway", State::Missing, why, "`bulkhead gateway restart` starts it again")
            }
            None => Finding::of("gateway", State::Warning, "a gateway is just starting", "look again"),
        },
        Err(error) => {
            Finding::of("gateway", State::Missing, error.to_string(), "run this as the user whose home it is")
        }
    }
}

async fn ask(home: &Home) -> Result<Value, String> {
    let client = Client::new(home).map_err(|failure| failure.sentence)?;
    client
        .get("status")
        .await
        .map_err(|failure| format!("a gateway holds the home's lock, but: {}", failure.sentence))
}

fn told(status: &Value) -> Finding {
    let text = |name: &str| status.get(name).and_then(Value::as_str).unwrap_or_default();
    let restart = "`bulkhead gateway restart`";
    if status.get("ready") != Some(&Value::Bool(true)) {
        let message = format!("the gateway runs and is not ready: {}", text("why"));
        return Finding::of("gateway", State::Missing, message, "mend that; it is ready again by itself");
    }
    if text("version") != OWN {
        let message = format!("the gateway is version `{}` and this is {OWN}", text("version"));
        return Finding::of("gateway", State::Warning, message, format!("{restart} runs this version"));
    }
    Finding::ok("gateway", format!("the gateway is ready, version {OWN}"))
}

/// Who can reach it over the network.
pub(super) fn exposure(settings: &Settings) -> Finding {
    let address = settings.gateway.address;
    if address.ip().is_loopback() {
        return Finding::ok("exposure", format!("the address {address} is this machine's alone"));
    }
    if settings.gateway.certificate().is_some() {
        return Finding::ok("exposure", format!("the address {address} is served over TLS"));
    }
    Finding::of(
        "exposure",
        State::Unsafe,
        format!("the address {address} can be reached from other machines, and the gateway refuses it"),
        "give it a `certificate`, its `key` and an `origin`, or set `address = \"127.0.0.1:7400\"`, in `[gateway]` of bulkhead.toml",
    )
}
