//! What each skill declares: its schema, which way data moves, and which argument names its target.

use serde_json::{Value, json};
use vocab::collection::{
    DEFAULT_PASSAGES, MAX_COLLECTION_NAME_BYTES, MAX_DOCUMENT_NAME_BYTES, MAX_PASSAGES, MAX_SEARCH_BYTES,
};
use vocab::limits::{MAX_ARGUMENT_BYTES, MAX_RESULT_BYTES};
use vocab::spec::TargetKind;
use vocab::table::{MAX_DATABASE_NAME_BYTES, MAX_QUERY_BYTES, MAX_TABLES};
use vocab::{Effect, SkillSpec, Verb};

/// The longest path, in characters (Linux's `PATH_MAX`).
const MAX_PATH_CHARS: usize = 4096;

/// The longest address of a page, in characters.
const MAX_URL_CHARS: usize = 2048;

/// The longest name of a channel, in characters.
const MAX_CHANNEL_CHARS: usize = 128;

/// The most arguments of a command.
const MAX_ARGS: usize = 512;

/// The longest argument of a command, in characters.
const MAX_ARG_CHARS: usize = 32 * 1024;

/// The longest name of a table with its database's, in characters.
const MAX_RESOURCE_CHARS: usize = 256;

/// The longest post, in characters.
pub(crate) const MAX_POST_CHARS: usize = 16 * 1024;

/// The skills of this version, in the order in which a model is shown them.
#[must_use]
pub fn specs() -> Vec<SkillSpec> {
    vec![
        file_reader(),
        file_writer(),
        browser(),
        message(),
        exec(),
        sql(),
        documents_search(),
        documents_read(),
    ]
}

/// An object that takes `properties` and nothing else.
fn schema(properties: Value, required: &[&str]) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn path() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": MAX_PATH_CHARS,
        "description": "Absolute, or relative to the workspace.",
    })
}

fn file_reader() -> SkillSpec {
    let properties = json!({
        "path": path(),
        "offset": {
            "type": "integer", "minimum": 0,
            "description": "Bytes of the file to pass over; 0 when left out.",
        },
        "limit": {
            "type": "integer", "minimum": 1, "maximum": MAX_RESULT_BYTES,
            "description": "The most bytes to read.",
        },
    });
    SkillSpec {
        name: "file-reader".into(),
        skill: "file-reader".into(),
        verb: Verb::FileRead,
        effect: Effect::Read,
        target: "path".into(),
        target_kind: TargetKind::Path,
        description: "Reads a UTF-8 text file, or lists a folder.".into(),
        schema: schema(properties, &["path"]),
    }
}

fn file_writer() -> SkillSpec {
    let properties = json!({
        "path": path(),
        "content": {
            "type": "string", "maxLength": MAX_ARGUMENT_BYTES,
            "description": "The file's whole new text, or what is added to it.",
        },
        "append": {
            "type": "boolean",
            "description": "true adds to the end of the file; otherwise the file is replaced.",
        },
    });
    SkillSpec {
        name: "file-writer".into(),
        skill: "file-writer".into(),
        verb: Verb::FileWrite,
        effect: Effect::Write,
        target: "path".into(),
        target_kind: TargetKind::Path,
        description: "Writes a text file; missing folders are made.".into(),
        schema: schema(properties, &["path", "content"]),
    }
}

fn browser() -> SkillSpec {
    let properties = json!({
        "url": {
            "type": "string", "minLength": 1, "maxLength": MAX_URL_CHARS,
            "description": "An http or https address.",
        },
    });
    SkillSpec {
        name: "browser".into(),
        skill: "browser".into(),
        verb: Verb::WebGet,
        effect: Effect::Egress,
        target: "url".into(),
        target_kind: TargetKind::Url,
        description: "Fetches one page and gives it back as text.".into(),
        schema: schema(properties, &["url"]),
    }
}

fn message() -> SkillSpec {
    let properties = json!({
        "channel": {
            "type": "string", "minLength": 1, "maxLength": MAX_CHANNEL_CHARS,
            "description": "One of the agent's channels, such as board:forum.",
        },
        "text": {
            "type": "string", "minLength": 1, "maxLength": MAX_POST_CHARS,
            "description": "The words to post.",
        },
    });
    SkillSpec {
        name: "message".into(),
        skill: "message".into(),
        verb: Verb::MessagePost,
        effect: Effect::Egress,
        target: "channel".into(),
        target_kind: TargetKind::Channel,
        description: "Posts a text to a channel, where others read it.".into(),
        schema: schema(properties, &["channel", "text"]),
    }
}

fn exec() -> SkillSpec {
    let properties = json!({
        "command": {
            "type": "string", "minLength": 1, "maxLength": MAX_PATH_CHARS,
            "description": "One of the granted commands, exactly as it is granted; its name alone, without arguments.",
        },
        "args": {
            "type": "array", "maxItems": MAX_ARGS, "items": { "type": "string", "maxLength": MAX_ARG_CHARS },
            "description": "The arguments, one by one. No shell reads them: no quotes, pipes, patterns or variables.",
        },
        "stdin": {
            "type": "string", "maxLength": MAX_ARGUMENT_BYTES,
            "description": "What the command reads from its standard input.",
        },
        "folder": {
            "type": "string", "minLength": 1, "maxLength": MAX_PATH_CHARS,
            "description": "Where it starts: absolute, or relative to the workspace, where it starts when this is left out.",
        },
    });
    SkillSpec {
        name: "exec".into(),
        skill: "exec".into(),
        verb: Verb::CommandRun,
        effect: Effect::Write,
        target: "command".into(),
        target_kind: TargetKind::Command,
        description: "Runs one of the granted commands, without a network, and gives back what it writes."
            .into(),
        schema: schema(properties, &["command"]),
    }
}

fn sql() -> SkillSpec {
    let properties = json!({
        "database": {
            "type": "string", "minLength": 1, "maxLength": MAX_DATABASE_NAME_BYTES,
            "description": "The granted database.",
        },
        "tables": {
            "type": "array", "minItems": 1, "maxItems": MAX_TABLES,
            "items": { "type": "string", "minLength": 1, "maxLength": MAX_RESOURCE_CHARS },
            "description": "Every table and view that the query reads, those that a view reads included.",
        },
        "query": {
            "type": "string", "minLength": 1, "maxLength": MAX_QUERY_BYTES,
            "description": "One SELECT of SQLite. Only the granted columns are there.",
        },
    });
    SkillSpec {
        name: "sql".into(),
        skill: "sql".into(),
        verb: Verb::TableRead,
        effect: Effect::Read,
        target: "database".into(),
        target_kind: TargetKind::Database,
        description: "Reads tables of a database by one SELECT, and changes nothing. The first line that comes back has the \
                      names of the columns, each further line a row, as JSON."
            .into(),
        schema: schema(properties, &["database", "tables", "query"]),
    }
}

fn collection() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": MAX_COLLECTION_NAME_BYTES,
        "description": "One of the granted collections.",
    })
}

fn documents_search() -> SkillSpec {
    let properties = json!({
        "collection": collection(),
        "query": {
            "type": "string", "minLength": 1, "maxLength": MAX_SEARCH_BYTES,
            "description": "Words to look for. A passage with more and rarer ones of them comes first; there are no operators.",
        },
        "limit": {
            "type": "integer", "minimum": 1, "maximum": MAX_PASSAGES,
            "description": format!("The most passages; {DEFAULT_PASSAGES} when left out."),
        },
    });
    SkillSpec {
        name: "documents-search".into(),
        skill: "documents".into(),
        verb: Verb::DocumentsSearch,
        effect: Effect::Read,
        target: "collection".into(),
        target_kind: TargetKind::Collection,
        description: "Finds passages in a collection of documents. Each comes as `document:first-last`, its lines, and what \
                      of it fits; cite it like that."
            .into(),
        schema: schema(properties, &["collection", "query"]),
    }
}

fn documents_read() -> SkillSpec {
    let line = |what: &str| json!({ "type": "integer", "minimum": 1, "description": what });
    let properties = json!({
        "collection": collection(),
        "document": {
            "type": "string", "minLength": 1, "maxLength": MAX_DOCUMENT_NAME_BYTES,
            "description": "The document, as a search names it.",
        },
        "from": line("The first line; 1 when left out."),
        "to": line("The last line; as far as they fit when left out."),
    });
    SkillSpec {
        name: "documents-read".into(),
        skill: "documents".into(),
        verb: Verb::DocumentsRead,
        effect: Effect::Read,
        target: "collection".into(),
        target_kind: TargetKind::Collection,
        description: "Reads a document of a collection, or some lines of it.".into(),
        schema: schema(properties, &["collection", "document"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arguments that each skill takes, and some that it must not.
    fn examples(skill: &str) -> (Vec<Value>, Vec<Value>) {
        match skill {
            "file-reader" => (
                vec![json!({"path": "a"}), json!({"path": "/a", "offset": 3, "limit": 9})],
                vec![
                    json!({"path": ""}),
                    json!({"path": "a", "offset": -1}),
                    json!({"path": "a", "limit": 0}),
                ],
            ),
            "file-writer" => (
                vec![
                    json!({"path": "a", "content": ""}),
                    json!({"path": "a", "content": "x", "append": true}),
                ],
                vec![json!({"path": "a"}), json!({"path": "a", "content": 1})],
            ),
            "exec" => (
                vec![
                    json!({"command": "git"}),
                    json!({"command": "git", "args": ["log", ""], "stdin": "", "folder": "."}),
                ],
                vec![
                    json!({}),
                    json!({"command": ""}),
                    json!({"command": ["git"]}),
                    json!({"command": "git", "args": "log"}),
                    json!({"command": "git", "args": [1]}),
                    json!({"command": "git", "args": vec!["a"; MAX_ARGS + 1]}),
                ],
            ),
            "sql" => (
                vec![json!({"database": "crm", "tables": ["orders"], "query": "SELECT 1"})],
                vec![
                    json!({"database": "crm", "query": "SELECT 1"}),
                    json!({"database": "crm", "tables": [], "query": "SELECT 1"}),
                    json!({"database": "crm", "tables": "orders", "query": "SELECT 1"}),
                    json!({"database": "crm", "tables": ["orders"], "query": ["SELECT 1"]}),
                    json!({"database": "crm", "tables": vec!["a"; MAX_TABLES + 1], "query": "SELECT 1"}),
                    json!({"database": "crm", "tables": ["a"], "query": "x".repeat(MAX_QUERY_BYTES + 1)}),
                ],
            ),
            "documents-search" | "documents-read" => of_documents(skill),
            "browser" => (vec![json!({"url": "https://example.org/"})], vec![json!({"url": 7})]),
            _ => (
                vec![json!({"channel": "board:forum", "text": "hello"})],
                vec![json!({"channel": "board:forum", "text": ""}), json!({"channel": "board:forum"})],
            ),
        }
    }

    fn of_documents(skill: &str) -> (Vec<Value>, Vec<Value>) {
        match skill {
            "documents-search" => (
                vec![
                    json!({"collection": "handbook", "query": "days off"}),
                    json!({"collection": "handbook", "query": "\"", "limit": 3}),
                ],
                vec![
                    json!({"collection": "handbook"}),
                    json!({"collection": "handbook", "query": ""}),
                    json!({"collection": "handbook", "query": "a", "limit": 0}),
                    json!({"collection": "handbook", "query": "a", "limit": MAX_PASSAGES + 1}),
                    json!({"collection": "handbook", "query": "x".repeat(MAX_SEARCH_BYTES + 1)}),
                ],
            ),
            _ => (
                vec![
                    json!({"collection": "handbook", "document": "a.md"}),
                    json!({"collection": "handbook", "document": "a.md", "from": 3, "to": 9}),
                ],
                vec![
                    json!({"collection": "handbook"}),
                    json!({"collection": "handbook", "document": ["a.md"]}),
                    json!({"collection": "handbook", "document": "a.md", "from": 0}),
                ],
            ),
        }
    }

    #[test]
    fn every_schema_takes_what_it_should_and_nothing_else() {
        for spec in specs() {
            let schema = jsonschema::draft202012::new(&spec.schema).unwrap();
            let (good, bad) = examples(&spec.name);
            for arguments in good {
                assert!(schema.is_valid(&arguments), "{}: {arguments}", spec.name);
                let mut more = arguments.clone();
                more["sudo"] = Value::Bool(true);
                assert!(!schema.is_valid(&more), "{}: {more}", spec.name);
            }
            for arguments in bad {
                assert!(!schema.is_valid(&arguments), "{}: {arguments}", spec.name);
            }
        }
    }

    #[test]
    fn every_target_is_a_required_argument_and_every_text_has_a_length() {
        for spec in specs() {
            let required = spec.schema["required"].as_array().unwrap();
            assert!(required.contains(&Value::from(spec.target.as_str())), "{}", spec.name);
            for (name, property) in spec.schema["properties"].as_object().unwrap() {
                let bounded = property["type"] != "string" || property["maxLength"].is_u64();
                assert!(bounded, "{}: {name}", spec.name);
            }
        }
    }
}
