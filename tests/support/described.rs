//! The API as it describes itself, and whether what it answers is what it describes.

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::Browser;
use crate::web::Answer;

/// The description, with no room left for fields that it does not name.
#[derive(Debug)]
pub struct Described {
    /// The OpenAPI document.
    pub document: Value,
}

impl Described {
    /// What the gateway says to somebody who is signed in.
    #[must_use]
    pub fn to(person: &Browser) -> Self {
        let mut document = person.get("openapi.json").is(200).json();
        close(&mut document);
        Self { document }
    }

    /// An operation, by its method and its path below `/api/v1/`.
    #[must_use]
    pub fn operation(&self, method: &str, path: &str) -> &Value {
        &self.document["paths"][format!("/api/v1/{path}")][method.to_lowercase()]
    }

    /// What is wrong with an answer to this operation; nothing when it is as described.
    #[must_use]
    pub fn wrong(&self, method: &str, path: &str, answer: &Answer) -> Vec<String> {
        let response = &self.operation(method, path)["responses"][answer.status.to_string()];
        let response = match response["$ref"].as_str() {
            Some(place) => self.document.pointer(place.trim_start_matches('#')).unwrap(),
            None => response,
        };
        if response.is_null() {
            return vec![format!("no answer {} is described", answer.status)];
        }
        let kind = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
        let content = &response["content"][&kind];
        if content.is_null() {
            return vec![format!("no answer {} as `{kind}` is described", answer.status)];
        }
        if kind.ends_with("json") { self.misfits(&content["schema"], &answer.json()) } else { Vec::new() }
    }

    /// What is wrong with one thing that a stream of this operation says.
    #[must_use]
    pub fn wrong_line(&self, method: &str, path: &str, line: &Value) -> Vec<String> {
        let content = &self.operation(method, path)["responses"]["200"]["content"];
        self.misfits(&content["application/jsonl"]["x-item-schema"], line)
    }

    fn misfits(&self, schema: &Value, value: &Value) -> Vec<String> {
        let whole = json!({ "allOf": [schema], "components": self.document["components"] });
        let validator = Validator::new(&whole).unwrap();
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }
}

/// Says of each object with fields that it has no others.
fn close(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(close),
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            let is_object = fields.get("type").is_some_and(|kind| kind == "object");
            if is_object && fields.get("properties").is_some_and(Value::is_object) {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        _ => {}
    }
}
