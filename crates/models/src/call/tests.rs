use serde_json::{Map, Value, json};
use vocab::{Resource, Verb};

use super::*;
use crate::client::hostile::{Deed, Hostile, response, stream};
use crate::rehearsal::MARK;

const STOP: &str = r#"{"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}"#;

fn server(name: &str, url: &str) -> Server {
    Server { name: name.into(), url: url.into(), api_key: None, context_tokens: None }
}

fn models(servers: Vec<Server>) -> Models {
    Models::new(Config { servers, ..Config::default() }).unwrap()
}

fn action(model: &str) -> Action {
    let args: Map<String, Value> = serde_json::from_value(
        json!({"system": "s", "tools": [], "messages": [{"role": "user", "content": "x"}]}),
    )
    .unwrap();
    Action { verb: Verb::ModelCall, resource: Resource::Model(model.into()), args }
}

fn json_response(body: &Value) -> Deed {
    Deed::Say(response("200 OK", "application/json", &body.to_string()))
}

#[test]
fn settings_of_no_use_are_refused() {
    let new = |servers| Models::new(Config { servers, ..Config::default() }).err();
    assert_eq!(
        new(vec![server("a", "http://h"), server("a", "http://g")]),
        Some(ConfigError::Twice("a".into()))
    );
    assert!(matches!(new(vec![server("a", "h")]), Some(ConfigError::Url { .. })));
    let many: Vec<Server> = (0..=MAX_SERVERS).map(|n| server(&format!("s{n}"), "http://h")).collect();
    assert_eq!(new(many), Some(ConfigError::TooMany(MAX_SERVERS)));
    assert_eq!(
        new(vec![server("ollama", "http://10.0.0.1:11434"), server("far", "http://example.org")]),
        None
    );
}

#[tokio::test]
async fn a_server_that_nobody_named_is_not_reached() {
    let models = models(vec![server("mine", "http://127.0.0.1:9")]);
    for name in ["example.org", "http://example.org/m", "mine2/m", "Ollama/x"] {
        let error = models.find(name).await.unwrap_err();
        assert!(matches!(error, ModelError::NoServer { .. }), "{error}");
        assert!(error.to_string().contains("`mine`") && error.to_string().contains("`ollama`"), "{error}");
        assert!(models.answer(&action(name), &|_| ()).await.is_err());
    }
}

#[tokio::test]
async fn a_server_alone_means_its_first_model() {
    let list = json!({"data": [{"id": "big-embed"}, {"id": "org/chat", "max_model_len": 4242}]});
    let hostile =
        Hostile::new(vec![json_response(&list), json_response(&list), Deed::Say(stream(&[STOP]))]).await;
    let models = models(vec![server("mine", &hostile.url)]);
    let found = models.find("mine").await.unwrap();
    assert_eq!((found.model.as_str(), found.context_tokens, found.context_known), ("org/chat", 4242, true));
    assert_eq!(models.answer(&action("mine"), &|_| ()).await.unwrap().text, "hi");
    assert!(hostile.requests()[2].contains("\"model\":\"org/chat\""));
}

#[tokio::test]
async fn the_window_is_asked_for_where_the_list_is_silent() {
    let list = json!({"data": [{"id": "m:latest", "owned_by": "library"}]});
    let loaded = json!({"models": [{"name": "other", "context_length": 1}, {"name": "m:latest", "context_length": 16384}]});
    let hostile = Hostile::new(vec![json_response(&list), json_response(&loaded)]).await;
    assert_eq!(
        models(vec![server("mine", &hostile.url)]).find("mine/m").await.unwrap().context_tokens,
        16384
    );
    assert!(hostile.requests()[1].starts_with("GET /api/ps "));

    let silent =
        Hostile::new(vec![json_response(&list), Deed::Say(response("404 No", "text/plain", ""))]).await;
    let found = models(vec![server("mine", &silent.url)]).find("mine").await.unwrap();
    assert_eq!((found.context_tokens, found.context_known), (crate::DEFAULT_CONTEXT_TOKENS, false));

    let mut told = server("mine", &silent.url);
    told.context_tokens = Some(9);
    assert_eq!(models(vec![told]).find("mine/m").await.unwrap().context_tokens, 9);
}

#[tokio::test]
async fn a_server_without_models_says_so() {
    for (body, none) in [
        (json!({"data": []}), true),
        (json!({"data": [{"id": 7}]}), true),
        (json!({}), true),
        (json!([]), true),
    ] {
        let hostile = Hostile::new(vec![json_response(&body)]).await;
        let models = models(vec![server("mine", &hostile.url)]);
        let error = models.find("mine").await.unwrap_err();
        assert_eq!(
            matches!(error, ModelError::NoModel { .. } | ModelError::Garbage { .. }),
            none,
            "{body}: {error}"
        );
        assert!(models.find("mine/m").await.is_ok(), "a model that was named may be there all the same");
    }
}

#[tokio::test]
async fn auto_takes_the_first_that_answers() {
    let list = json!({"data": [{"id": "m", "max_model_len": 5}]});
    let web = Hostile::new(vec![Deed::Say(response("200 OK", "text/html", "<html>"))]).await;
    let good = Hostile::new(vec![json_response(&list), Deed::Say(stream(&[STOP]))]).await;
    let mut models = models(Vec::new());
    models.usual =
        [web.url.as_str(), good.url.as_str()].map(|url| Endpoint::usual("u", url).unwrap()).to_vec();
    assert_eq!(models.answer(&action("auto"), &|_| ()).await.unwrap().text, "hi");
    models.usual.truncate(1);
    let error = models.find("auto").await.unwrap_err();
    assert!(
        matches!(error, ModelError::NothingFound { .. }) && error.to_string().contains(&web.url),
        "{error}"
    );
}

#[tokio::test]
async fn a_rehearsal_goes_the_same_way_and_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.yaml"), "turns: [{say: hello}]").unwrap();
    let models = Models::new(Config { rehearsal_dir: dir.path().into(), ..Config::default() }).unwrap();
    let answer = models.answer(&action("rehearsal/a"), &|_| ()).await.unwrap();
    assert_eq!(answer.text, format!("{MARK} hello"));
    assert_eq!(models.describe("rehearsal/a"), "rehearsal model: a script, not a real model");
    assert_eq!(models.find("rehearsal/a").await.unwrap().context_tokens, REHEARSAL_CONTEXT_TOKENS);
    assert!(matches!(
        models.answer(&action("rehearsal/b"), &|_| ()).await,
        Err(ModelError::Rehearsal { .. })
    ));
}

#[test]
fn descriptions_say_where_a_model_is() {
    let models = models(vec![server("far", "http://example.org")]);
    assert!(models.describe("far/m").contains("on another machine"));
    assert!(models.describe("ollama/llama3").contains("on this machine"));
    assert!(models.describe("nowhere/m\u{1b}").contains("no model server here"));
}
