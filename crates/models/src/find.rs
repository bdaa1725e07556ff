//! Which server and model a name means, and how much the model takes.
//!
//! Asks servers what they have, which carries nothing of a conversation and so needs no permit.

use serde_json::Value;

use crate::client::Client;
use crate::error::ModelError;
use crate::server::{AUTO, Endpoint, REHEARSAL};

/// The context window of a model whose server does not say, in tokens: what Ollama loads a model with
/// unless told otherwise. Too low a guess drops old messages; too high a one has the server drop them
/// unsaid.
pub const DEFAULT_CONTEXT_TOKENS: u32 = 4096;

/// The window of a rehearsal, in tokens: more than a whole transcript, since a script's place is told by
/// the messages that came before.
pub const REHEARSAL_CONTEXT_TOKENS: u32 = 4 * 1024 * 1024;

/// The most of the window that is kept free for the answer, in tokens; a quarter, if that is less.
const MAX_ANSWER_TOKENS: u32 = 8192;

/// Bytes of a prompt that are taken for one token.
pub const BYTES_PER_TOKEN: usize = 3;

/// The most models of one server that are looked at.
const MAX_MODELS: usize = 4096;

/// The longest name of a model, in bytes.
const MAX_MODEL_BYTES: usize = 256;

/// A model that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The server's name; `rehearsal` for a scenario.
    pub server: String,
    /// The server's address; empty for a scenario.
    pub url: String,
    /// The model, as its server names it.
    pub model: String,
    /// The context window, in tokens: system message, conversation and answer together.
    pub context_tokens: u32,
    /// Whether the server or the settings said so; otherwise it is [`DEFAULT_CONTEXT_TOKENS`].
    pub context_known: bool,
    /// Whether a call stays on this machine.
    pub local: bool,
}

impl Found {
    /// How many tokens of conversation fit beside a system message and tools of `prompt_bytes` and an answer.
    #[must_use]
    pub fn conversation_tokens(&self, prompt_bytes: usize) -> u32 {
        let answer = self.context_tokens.checked_div(4).unwrap_or(0).min(MAX_ANSWER_TOKENS);
        let prompt = u32::try_from(prompt_bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX);
        self.context_tokens.saturating_sub(answer).saturating_sub(prompt)
    }

    /// How many tokens a whole prompt of so many bytes has, by estimate, and how many fit beside an answer.
    pub(crate) fn fit(&self, prompt_bytes: usize) -> (u32, u32) {
        let tokens = u32::try_from(prompt_bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX);
        (tokens, self.conversation_tokens(0))
    }
}

/// What a model's name refers to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    /// Whatever answers on this machine.
    Auto,
    /// A scenario.
    Rehearsal(&'a str),
    /// A server, and its model where one is named.
    Server(&'a str, Option<&'a str>),
}

impl<'a> Name<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let text = text.trim();
        match text.split_once('/') {
            Some((REHEARSAL, name)) => Self::Rehearsal(name),
            Some((server, model)) => Self::Server(server, Some(model).filter(|model| !model.is_empty())),
            None if text == AUTO || text.is_empty() => Self::Auto,
            None => Self::Server(text, None),
        }
    }
}

/// The model at `endpoint`: `wanted`, or the server's first.
pub(crate) async fn at(
    client: &Client,
    endpoint: &Endpoint,
    wanted: Option<&str>,
) -> Result<Found, ModelError> {
    let listed = match client.about(endpoint, endpoint.api("models")).await {
        Ok(list) => list,
        // Some services have no list; a model that was named may be there all the same.
        Err(ModelError::Refused { .. }) if wanted.is_some() => Value::Null,
        Err(error) => return Err(error),
    };
    let models = models(&listed);
    let (name, entry) = match wanted {
        Some(name) => (name, models.iter().copied().find(|entry| is_named(entry, name))),
        None => {
            let first =
                first(&models).ok_or_else(|| ModelError::NoModel { server: endpoint.name().to_owned() })?;
            (id(first).unwrap_or_default(), Some(first))
        }
    };
    if listed.get("data").is_none() && wanted.is_none() {
        return Err(ModelError::garbage(endpoint.name(), "no list of models"));
    }
    let said = match endpoint.context_tokens().or_else(|| entry.and_then(window)) {
        Some(tokens) => Some(tokens),
        None => elsewhere(client, endpoint, entry, name).await,
    };
    Ok(Found {
        server: endpoint.name().to_owned(),
        url: endpoint.shown(),
        model: name.to_owned(),
        context_tokens: said.unwrap_or(DEFAULT_CONTEXT_TOKENS),
        context_known: said.is_some(),
        local: endpoint.is_local(),
    })
}

fn models(list: &Value) -> Vec<&Value> {
    let data = list.get("data").and_then(Value::as_array);
    data.into_iter().flatten().take(MAX_MODELS).filter(|entry| id(entry).is_some()).collect()
}

fn id(entry: &Value) -> Option<&str> {
    let id = entry.get("id").and_then(Value::as_str)?;
    ((1..=MAX_MODEL_BYTES).contains(&id.len()) && !id.chars().any(char::is_control)).then_some(id)
}

fn is_named(entry: &Value, name: &str) -> bool {
    let with_tag = |id: &str| id.strip_suffix(":latest") == Some(name);
    id(entry).is_some_and(|id| id == name || with_tag(id))
}

/// The first model that chats: embedding models stand in the same list.
fn first<'a>(models: &[&'a Value]) -> Option<&'a Value> {
    let chats = |entry: &&&Value| id(entry).is_some_and(|id| !id.contains("embed") && !id.contains("rerank"));
    models.iter().find(chats).or_else(|| models.first()).copied()
}

/// The context window that a list's entry states: vLLM, llama.cpp, LM Studio, OpenRouter.
fn window(entry: &Value) -> Option<u32> {
    ["/max_model_len", "/meta/n_ctx", "/loaded_context_length", "/context_length"]
        .into_iter()
        .find_map(|place| tokens(entry.pointer(place)))
}

fn tokens(value: Option<&Value>) -> Option<u32> {
    value.and_then(Value::as_u64).and_then(|tokens| u32::try_from(tokens).ok()).filter(|tokens| *tokens > 0)
}

/// The context window, where servers on this machine say it beside the API: llama.cpp in `/props`, Ollama
/// for a model that is loaded in `/api/ps`.
async fn elsewhere(client: &Client, endpoint: &Endpoint, entry: Option<&Value>, name: &str) -> Option<u32> {
    if !endpoint.is_local() {
        return None;
    }
    let owner = entry.and_then(|entry| entry.get("owned_by")).and_then(Value::as_str);
    let path = if owner == Some("llamacpp") { "/props" } else { "/api/ps" };
    match client.about(endpoint, endpoint.beside(path)).await {
        Ok(about) => {
            let loaded = about.get("models").and_then(Value::as_array).into_iter().flatten();
            let same = |entry: &&Value| {
                let called = entry.get("name").and_then(Value::as_str);
                called.is_some_and(|called| called == name || called.strip_suffix(":latest") == Some(name))
            };
            tokens(about.pointer("/default_generation_settings/n_ctx")).or_else(|| {
                loaded.take(MAX_MODELS).find(same).and_then(|entry| tokens(entry.get("context_length")))
            })
        }
        Err(error) => {
            tracing::debug!(server = endpoint.name(), %error, "the server does not say its context window");
            None
        }
    }
}

/// Whatever answers first of `usual`, in their order. An address where nothing listens costs no time.
pub(crate) async fn auto<'a>(
    client: &Client,
    usual: &'a [Endpoint],
) -> Result<(&'a Endpoint, Found), ModelError> {
    for endpoint in usual {
        match at(client, endpoint, None).await {
            Ok(found) => return Ok((endpoint, found)),
            Err(error) => tracing::debug!(server = endpoint.name(), %error, "no model server here"),
        }
    }
    let tried: Vec<String> = usual.iter().map(Endpoint::shown).collect();
    Err(ModelError::NothingFound { tried: tried.join(", ") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_taken_apart_at_the_first_slash() {
        assert_eq!(Name::of("auto"), Name::Auto);
        assert_eq!(Name::of(""), Name::Auto);
        assert_eq!(Name::of("rehearsal/incident"), Name::Rehearsal("incident"));
        assert_eq!(Name::of("vllm"), Name::Server("vllm", None));
        assert_eq!(Name::of("vllm/"), Name::Server("vllm", None));
        assert_eq!(Name::of("vllm/meta/llama"), Name::Server("vllm", Some("meta/llama")));
    }

    #[test]
    fn the_window_is_read_where_each_server_states_it() {
        assert_eq!(window(&json!({"id": "m", "max_model_len": 32768})), Some(32768));
        assert_eq!(window(&json!({"id": "m", "meta": {"n_ctx": 8192, "n_ctx_train": 9}})), Some(8192));
        assert_eq!(window(&json!({"id": "m", "max_model_len": -1})), None);
        assert_eq!(window(&json!({"id": "m", "max_model_len": u64::MAX})), None);
        assert_eq!(window(&json!({"id": "m"})), None);
    }

    #[test]
    fn a_model_that_chats_comes_before_one_that_embeds() {
        let list = json!({"data": [{"id": "nomic-embed-text"}, {"no": "id"}, {"id": "llama3:latest"}]});
        let models = models(&list);
        assert_eq!(first(&models).and_then(id), Some("llama3:latest"));
        assert!(is_named(models[1], "llama3") && !is_named(models[1], "llama"));
        assert!(first(&[]).is_none());
    }

    #[test]
    fn what_is_left_for_the_conversation_never_underflows() {
        let mut found = Found {
            server: String::new(),
            url: String::new(),
            model: String::new(),
            context_tokens: 4096,
            context_known: false,
            local: true,
        };
        assert_eq!(found.conversation_tokens(3000), 4096 - 1024 - 1000);
        assert_eq!(found.conversation_tokens(usize::MAX), 0);
        found.context_tokens = 0;
        assert_eq!(found.conversation_tokens(0), 0);
    }
}
