//! What the tests of this crate share.
#![expect(dead_code, reason = "each test binary uses a part")]
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test, here as in a test function"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;
use std::sync::OnceLock;

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use soul::{Charter, Diagnostic, Place, Rule, Strength};

/// The schema that the monitor validates against.
const SCHEMA: &str = include_str!("../../../../guardrails/schema.cedarschema");

pub(crate) fn place() -> Place {
    Place {
        workspace: "/home/bulkhead/agents/echo/workspace".into(),
        labelled: BTreeSet::new(),
        databases: BTreeSet::from(["crm".to_owned()]),
        collections: BTreeSet::from(["law".to_owned(), "wiki".to_owned()]),
    }
}

pub(crate) fn labelled_place() -> Place {
    Place { labelled: BTreeSet::from(["employee-personal-data".to_owned()]), ..place() }
}

/// A file with these rules, each an item, and a few skills.
pub(crate) fn with_rules(rules: &[&str]) -> String {
    let rules: String = rules.iter().map(|rule| format!("- {rule}\n")).collect();
    format!(
        "# T\n## Identity\n- Name: Echo\n- Role: R\n## Skills\n- browser: b\n  - hosts: example.org\n- file-reader: r\n- file-writer: w\n- message: m\n## Channels\n- board: forum\n## Rules\n{rules}"
    )
}

pub(crate) fn compile(source: &str) -> Charter {
    soul::compile(source, &place()).unwrap_or_else(|errors| panic!("{errors:#?}\n{source}"))
}

pub(crate) fn errors(source: &str) -> Vec<Diagnostic> {
    soul::compile(source, &place()).expect_err("the file has errors")
}

/// One rule, compiled alone.
pub(crate) fn rule(text: &str) -> Rule {
    compile(&with_rules(&[text])).rules.remove(0)
}

pub(crate) fn strength(text: &str) -> Strength {
    rule(text).strength
}

fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| Validator::new(Schema::from_cedarschema_str(SCHEMA).expect("a schema").0))
}

/// Parses and strictly validates Cedar text.
pub(crate) fn policies(text: &str) -> PolicySet {
    let set = PolicySet::from_str(text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let result = validator().validate(&set, ValidationMode::Strict);
    assert!(result.validation_passed(), "{result}\n{text}");
    set
}

/// The policies of one effect, by their text, with `rule:N` and the message, which names a line, taken out.
pub(crate) fn bodies(charter: &Charter, effect: cedar_policy::Effect) -> BTreeMap<String, usize> {
    let mut bodies = BTreeMap::new();
    for policy in policies(&charter.policies).policies().filter(|policy| policy.effect() == effect) {
        let json = policy.to_json().expect("a static policy has a JSON form");
        let mut json = json.as_object().expect("an object").clone();
        let annotations = json.remove("annotations").expect("every policy has an id");
        let id = annotations["id"].as_str().expect("a string").to_owned();
        let id = if id.starts_with("rule:") { "rule".to_owned() } else { id };
        let decision = annotations.get("decision").map(ToString::to_string).unwrap_or_default();
        let key = format!("{id} {decision} {}", serde_json::Value::from(json));
        *bodies.entry(key).or_default() += 1;
    }
    bodies
}
