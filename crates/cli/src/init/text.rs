//! The texts of a new home.

use vocab::PersonId;

/// The pages of the sample agent's handbook.
pub(super) const HANDBOOK: [(&str, &str); 2] = [
    ("expenses.md", include_str!("samples/expenses.md")),
    ("time-off.md", include_str!("samples/time-off.md")),
];

/// The first person of a home.
#[derive(Debug, Clone)]
pub(crate) struct Administrator {
    pub(crate) person: PersonId,
    /// The operating-system user who is this person.
    pub(crate) os_user: String,
    /// Whether others are to come, so that nobody approves their own requests.
    pub(crate) team: bool,
}

/// `bulkhead.toml` of a new home.
pub(super) fn settings(first: &Administrator) -> String {
    let person = &first.person;
    let alone = if first.team {
        "# Nobody approves their own requests: a second person with `approve` rights is needed.\n\
         # In a home of one person, `solo = \"NAME\"` lets that person do so; the record calls it self-approved.\n"
            .to_owned()
    } else {
        format!(
            "# This home has one person, who may approve their own requests; the record calls it self-approved.\n\
             # Remove this line when a second person comes.\nsolo = \"{person}\"\n"
        )
    };
    include_str!("samples/bulkhead.toml")
        .replace("{{alone}}\n", &alone)
        .replace("{{person}}", person.as_str())
        .replace("{{os-user}}", &toml::Value::String(first.os_user.clone()).to_string())
}
