//! Which of many: `filter`, `startIndex` and `count`.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Fault, Scim};

/// The most that one answer has.
pub(super) const MAX_RESULTS: usize = 200;

/// The most names of attributes that are looked at.
const MAX_NAMES: usize = 64;

/// The longest filter, in bytes.
const MAX_FILTER_BYTES: usize = 1024;

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// What stands behind the `?`. What is not named here changes nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Which {
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    attributes: Option<String>,
    excluded_attributes: Option<String>,
}

/// The names of a list, without their schemas; none where it says nothing.
fn named(list: Option<&str>) -> Option<Vec<&str>> {
    let list = list.map(str::trim).filter(|list| !list.is_empty())?;
    let bare = |name: &'_ str| -> usize { name.rfind(':').map_or(0, |at| at.saturating_add(1)) };
    Some(list.split(',').map(str::trim).take(MAX_NAMES).filter_map(|name| name.get(bare(name)..)).collect())
}

/// The attribute that a part of it is of.
fn top(name: &str) -> &str {
    name.split_once('.').map_or(name, |(top, _)| top)
}

/// `NAME eq "VALUE"`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Equals {
    /// In lower case.
    pub(super) name: String,
    pub(super) value: String,
}

impl Which {
    /// The one comparison that it asks for; none without a filter.
    pub(super) fn equals(&self, names: &[&str]) -> Result<Option<Equals>, Fault> {
        let Some(filter) = self.filter.as_deref().map(str::trim).filter(|filter| !filter.is_empty()) else {
            return Ok(None);
        };
        let found =
            parse(filter).filter(|equals| names.iter().any(|name| name.eq_ignore_ascii_case(&equals.name)));
        found.map(Some).ok_or_else(|| {
            let names = names.join("`, `");
            Fault::invalid("invalidFilter", format!("a filter here is `NAME eq \"VALUE\"`, of `{names}`"))
        })
    }

    /// Whether only some are wanted.
    pub(super) const fn filters(&self) -> bool {
        self.filter.is_some()
    }

    /// How many to pass over, and how many to give at most.
    pub(super) fn page(&self) -> (usize, usize) {
        let number = |given: Option<i64>, otherwise: usize| {
            given.map_or(otherwise, |given| usize::try_from(given.max(0)).unwrap_or(usize::MAX))
        };
        (
            number(self.start_index, 1).max(1).saturating_sub(1),
            number(self.count, MAX_RESULTS).min(MAX_RESULTS),
        )
    }

    /// What of it is wanted, by the names of attributes; `schemas` and `id` always. Of what an attribute consists of, all or nothing.
    pub(super) fn pick(&self, mut resource: Value) -> Value {
        let always = |name: &str| matches!(name, "schemas" | "id");
        if let Some(fields) = resource.as_object_mut() {
            if let Some(wanted) = named(self.attributes.as_deref()) {
                fields.retain(|name, _| {
                    always(name) || wanted.iter().any(|one| top(one).eq_ignore_ascii_case(name))
                });
            }
            if let Some(excluded) = named(self.excluded_attributes.as_deref()) {
                fields.retain(|name, _| {
                    always(name) || !excluded.iter().any(|one| one.eq_ignore_ascii_case(name))
                });
            }
        }
        resource
    }

    /// Whether members of groups are not wanted.
    pub(super) fn leaves_members(&self) -> bool {
        let excluded = self.excluded_attributes.as_deref().unwrap_or_default();
        excluded.split(',').any(|name| name.trim().eq_ignore_ascii_case("members"))
    }
}

/// What a filter compares and with what, the name in lower case; none where it is no filter that is understood here. For
/// whoever tries what can be sent.
#[must_use]
pub fn scim_filter(filter: &str) -> Option<(String, String)> {
    parse(filter).map(|equals| (equals.name, equals.value))
}

fn parse(filter: &str) -> Option<Equals> {
    if filter.len() > MAX_FILTER_BYTES {
        return None;
    }
    let (name, rest) = filter.split_once(' ')?;
    let (operator, value) = rest.trim_start().split_once(' ')?;
    let value = value.trim();
    let value: String = serde_json::from_str(value).ok()?;
    operator.eq_ignore_ascii_case("eq").then(|| Equals { name: name.to_ascii_lowercase(), value })
}

/// A list as an answer.
pub(super) fn listed(total: usize, start: usize, all: Vec<Value>) -> Scim {
    let list = json!({
        "schemas": [LIST], "totalResults": total, "startIndex": start, "itemsPerPage": all.len(), "Resources": all,
    });
    Scim(StatusCode::OK, list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_one_comparison_and_nothing_else() {
        let equals = |name: &str, value: &str| Some(Equals { name: name.into(), value: value.into() });
        assert_eq!(parse(r#"userName eq "ada@example.org""#), equals("username", "ada@example.org"));
        assert_eq!(parse(r#"externalId EQ  "a \"b\" eq c""#), equals("externalid", r#"a "b" eq c"#));
        for bad in [
            "",
            "userName",
            "userName eq",
            "userName eq ada",
            r#"userName sw "a""#,
            r#"userName eq "a" or id eq "b""#,
            r#"not (userName eq "a")"#,
            r#"userName eq "a"#,
            r#"userName eq ["a"]"#,
            "userName eq true",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse(&format!("userName eq \"{}\"", "x".repeat(2_000))), None);
    }

    #[test]
    fn what_is_picked_is_what_was_named_and_what_says_which_it_is() {
        let which = |attributes: &str, excluded: &str| Which {
            attributes: Some(attributes.into()),
            excluded_attributes: Some(excluded.into()),
            ..Which::default()
        };
        let whole = json!({ "schemas": ["s"], "id": "d-1", "userName": "ada", "groups": [], "meta": {} });
        let picked = |attributes: &str, excluded: &str| -> String {
            let picked = which(attributes, excluded).pick(whole.clone());
            picked.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(picked("", ""), "schemas id userName groups meta");
        assert_eq!(picked("USERNAME", ""), "schemas id userName");
        assert_eq!(
            picked("urn:ietf:params:scim:schemas:core:2.0:User:groups.display, nothing", ""),
            "schemas id groups"
        );
        assert_eq!(picked("", "id,schemas,meta"), "schemas id userName groups");
        assert_eq!(
            picked("", "groups.display"),
            "schemas id userName groups meta",
            "a part is not taken out"
        );
        assert_eq!(picked(&",".repeat(10_000), ""), "schemas id");
        assert_eq!(which("a", "b").pick(json!("text")), json!("text"));
    }

    #[test]
    fn a_page_is_within_its_bounds() {
        let page = |start, count| Which { start_index: start, count, ..Which::default() }.page();
        assert_eq!(page(None, None), (0, 200));
        assert_eq!(page(Some(11), Some(10)), (10, 10));
        assert_eq!(page(Some(-7), Some(-1)), (0, 0));
        assert_eq!(page(Some(i64::MAX), Some(i64::MAX)).1, 200);
    }
}
