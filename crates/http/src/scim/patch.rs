//! A patch (RFC 7644, section 3.5.2) as a list of operations on attributes.

use serde_json::{Map, Value};

use super::{Fault, field, object, text};

/// The most operations of one patch.
const MAX_OPERATIONS: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Replace,
    Remove,
}

impl Op {
    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Remove => "remove",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Add, Self::Replace, Self::Remove].into_iter().find(|op| op.word().eq_ignore_ascii_case(word))
    }
}

/// One operation on one attribute.
#[derive(Debug, PartialEq)]
pub(super) struct Step {
    pub(super) op: Op,
    /// The attribute's name in lower case, without its schema.
    pub(super) name: String,
    /// The `value` that a path picks out of many: `members[value eq "ID"]`.
    pub(super) picked: Option<String>,
    pub(super) value: Value,
}

/// The operations of a body.
pub(super) fn steps(body: &Map<String, Value>) -> Result<Vec<Step>, Fault> {
    let wrong = || {
        Fault::invalid(
            "invalidSyntax",
            "a patch has `Operations`, each with `op` and, where it needs them, `path` and `value`",
        )
    };
    let Some(Value::Array(all)) = field(body, "Operations") else { return Err(wrong()) };
    if all.len() > MAX_OPERATIONS {
        return Err(Fault::invalid("tooMany", format!("a patch has at most {MAX_OPERATIONS} operations")));
    }
    let mut steps = Vec::new();
    for one in all {
        let one = one.as_object().ok_or_else(wrong)?;
        let op = text(one, "op")?.and_then(|word| Op::of(&word)).ok_or_else(wrong)?;
        let value = field(one, "value").cloned().unwrap_or(Value::Null);
        match (text(one, "path")?, value) {
            (Some(path), value) => {
                let (name, picked) = apart(&path).ok_or_else(|| {
                    Fault::invalid("invalidPath", format!("there is no path `{}` here", short(&path)))
                })?;
                steps.push(Step { op, name, picked, value });
            }
            // Without a path, the value names the attributes.
            (None, Value::Object(fields)) if op != Op::Remove => {
                steps.extend(fields.into_iter().map(|(name, value)| Step {
                    op,
                    name: bare(&name),
                    picked: None,
                    value,
                }));
            }
            (None, _) => {
                return Err(Fault::invalid(
                    "noTarget",
                    "an operation without a path names attributes in its value",
                ));
            }
        }
    }
    Ok(steps)
}

/// One operation on one attribute, as [`scim_patch`] tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScimStep {
    /// `add`, `replace` or `remove`.
    pub op: &'static str,
    /// The attribute's name in lower case, without its schema.
    pub name: String,
    /// The value that a path picks out of many; empty for a condition of another kind, which picks nothing.
    pub picked: Option<String>,
}

/// What the body of a patch changes; none where it is refused. For whoever tries what can be sent.
#[must_use]
pub fn scim_patch(body: &[u8]) -> Option<Vec<ScimStep>> {
    let steps = object(body).and_then(|body| steps(&body)).ok()?;
    let told = |step: Step| ScimStep { op: step.op.word(), name: step.name, picked: step.picked };
    Some(steps.into_iter().map(told).collect())
}

fn short(path: &str) -> String {
    path.chars().take(64).collect()
}

/// A name without its schema, in lower case.
fn bare(name: &str) -> String {
    let name = if name.to_ascii_lowercase().starts_with("urn:") {
        name.rsplit(':').next().unwrap_or(name)
    } else {
        name
    };
    name.to_ascii_lowercase()
}

fn apart(path: &str) -> Option<(String, Option<String>)> {
    let Some((name, rest)) = path.split_once('[') else { return Some((bare(path), None)) };
    let (condition, after) = rest.split_once(']')?;
    let mut words = condition.split_whitespace();
    let (what, eq, value) = (words.next()?, words.next()?, words.next()?);
    let plain = what.eq_ignore_ascii_case("value") && eq.eq_ignore_ascii_case("eq") && words.next().is_none();
    if !plain || !after.is_empty() {
        // Such as `emails[type eq "work"].value`: nothing of it is kept here.
        return Some((bare(name), Some(String::new())));
    }
    Some((bare(name), Some(serde_json::from_str(value).ok()?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(body: Value) -> Result<Vec<Step>, Fault> {
        steps(body.as_object().unwrap())
    }

    #[test]
    fn what_real_directories_send_is_understood() {
        let all = of(json!({ "Operations": [
            { "op": "Replace", "path": "active", "value": "False" },
            { "op": "replace", "value": { "active": false, "urn:ietf:params:scim:schemas:core:2.0:User:displayName": "Ada" } },
            { "op": "remove", "path": "members[value eq \"d-1\"]" },
            { "op": "add", "path": "members", "value": [{ "value": "d-2" }] },
            { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "a@b" },
        ]}))
        .unwrap();
        let names: Vec<_> =
            all.iter().map(|step| (step.op, step.name.as_str(), step.picked.as_deref())).collect();
        assert_eq!(
            names,
            [
                (Op::Replace, "active", None),
                (Op::Replace, "active", None),
                (Op::Replace, "displayname", None),
                (Op::Remove, "members", Some("d-1")),
                (Op::Add, "members", None),
                (Op::Replace, "emails", Some("")),
            ]
        );
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        for bad in [
            json!({}),
            json!({ "Operations": {} }),
            json!({ "Operations": [7] }),
            json!({ "Operations": [{ "op": "move", "path": "a" }] }),
            json!({ "Operations": [{ "op": "remove" }] }),
            json!({ "Operations": [{ "op": "replace", "value": 7 }] }),
            json!({ "Operations": [{ "op": "remove", "path": "members[value eq d-1" }] }),
            json!({ "Operations": [{ "op": "remove", "path": "members[value eq d-1]" }] }),
            json!({ "Operations": vec![json!({ "op": "add", "path": "a", "value": 1 }); 1_001] }),
        ] {
            assert!(of(bad.clone()).is_err(), "{bad}");
        }
    }
}
