//! The table of known forms. Each says what it takes to fit, what it becomes and what may be claimed for it.

use vocab::Verb;

use super::words::Slot::{Any, Many, One, Opt};
use super::words::{Slot, Words};
use crate::charter::{Detector, Strength};

/// What may be claimed for a form.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Claim {
    Always(Strength),
    /// Enforced once a source carries the label that the policy looks for; screened before.
    OnceLabelled,
}

/// A forbid of every action.
pub(super) const ALL: &[Verb] = &[];

/// The policy that a form becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Effect {
    None,
    Forbid {
        /// Of these actions; none means all.
        verbs: &'static [Verb],
        when: Option<&'static str>,
    },
    /// A person must approve.
    Ask {
        when: &'static str,
    },
}

/// One known form.
pub(crate) struct Form {
    /// The wording that is offered to those whose rule is near it.
    pub(crate) canonical: &'static str,
    pub(crate) fits: fn(&Words) -> bool,
    /// A rule with a word of each group probably means this form.
    pub(crate) near: &'static [&'static [&'static str]],
    pub(crate) strength: Claim,
    pub(crate) by: &'static [&'static str],
    pub(crate) effect: Effect,
    pub(crate) detector: Option<Detector>,
    /// Why something is stopped, without the rule's text.
    pub(crate) reason: &'static str,
}

const HAS_PERSONAL_DATA: &str = "context.labels.contains(\"employee-personal-data\")";
const OUTPUT_HAS_PERSONAL_DATA: &str = "context.effect != \"read\" && context.effect != \"model\" && context.labels.contains(\"employee-personal-data\")";
/// A model call is no publication; where models run is named in the settings.
const LEAVES_CONVERSATION: &str = "context.external && context.effect != \"model\"";

/// Every form, the narrower ones before the wider.
pub(crate) const FORMS: [Form; 9] = [
    Form {
        canonical: "Never execute code or system commands",
        fits: executes,
        near: &[
            &["execute", "executing", "execution", "run", "running", "invoke"],
            &[
                "code", "command", "commands", "shell", "bash", "script", "scripts", "program", "programs",
                "terminal",
            ],
        ],
        strength: Claim::Always(Strength::Enforced),
        by: &[
            "policy: command.run is denied for every command, whatever `exec` grants, and so is every skill not granted",
            "sandbox: no process of the agent can start a program",
        ],
        effect: Effect::Forbid { verbs: &[Verb::CommandRun, Verb::SkillCall], when: None },
        detector: None,
        reason: "code and commands are never executed, and no skill that could is called",
    },
    Form {
        canonical: "Never access external networks",
        fits: goes_out,
        near: &[
            &["access", "use", "connect", "contact", "reach", "browse", "visit", "open", "call"],
            &["network", "networks", "internet", "web", "website", "websites", "online", "external", "apis"],
        ],
        strength: Claim::Always(Strength::Enforced),
        by: &["policy: web.get is denied for every host", "sandbox: no process of the agent has a network"],
        effect: Effect::Forbid { verbs: &[Verb::WebGet], when: None },
        detector: None,
        reason: "external networks are never accessed",
    },
    Form {
        canonical: "Read internal documents only",
        fits: reads_internal,
        near: &[
            &["internal"],
            &["document", "documents", "docs", "files", "sources", "material", "materials"],
        ],
        strength: Claim::Always(Strength::Enforced),
        by: &[
            "policy: web.get is denied for every host",
            "policy: file.read is permitted only beneath the paths that `## Skills` grants",
        ],
        effect: Effect::Forbid { verbs: &[Verb::WebGet], when: None },
        detector: None,
        reason: "only internal documents are read",
    },
    Form {
        canonical: "All outputs must be reviewed before publishing",
        fits: reviewed,
        near: &[
            &[
                "review",
                "reviewed",
                "reviewing",
                "approve",
                "approved",
                "approval",
                "checked",
                "signoff",
                "human",
            ],
            &[
                "publish",
                "published",
                "publishing",
                "publication",
                "post",
                "posts",
                "posted",
                "posting",
                "release",
                "output",
                "outputs",
                "send",
                "sent",
                "sending",
            ],
        ],
        strength: Claim::Always(Strength::Enforced),
        by: &["policy: what leaves the conversation waits for a person's approval"],
        effect: Effect::Ask { when: LEAVES_CONVERSATION },
        detector: None,
        reason: "a person reviews what leaves the conversation",
    },
    Form {
        canonical: "Never access or reference employee personal data",
        fits: touches_employee_data,
        near: &[
            &["employee", "employees", "staff", "personnel", "hr", "colleagues"],
            &["data", "information", "records", "details", "pii", "salary", "salaries"],
        ],
        strength: Claim::OnceLabelled,
        by: &[
            "policy: nothing moves data that carries the label employee-personal-data",
            "detector: personal data in what carries no label (it can miss)",
        ],
        effect: Effect::Forbid { verbs: ALL, when: Some(HAS_PERSONAL_DATA) },
        detector: Some(Detector::PersonalData),
        reason: "employee personal data is neither accessed nor referenced",
    },
    Form {
        canonical: "Never output employee personal data",
        fits: outputs_employee_data,
        near: &[],
        strength: Claim::Always(Strength::Screened),
        by: &[
            "detector: personal data in outputs (it can miss)",
            "policy: no output carries the label employee-personal-data",
        ],
        effect: Effect::Forbid { verbs: ALL, when: Some(OUTPUT_HAS_PERSONAL_DATA) },
        detector: Some(Detector::PersonalData),
        reason: "employee personal data is never output",
    },
    Form {
        canonical: "Never output personal data",
        fits: any_personal_data,
        near: &[&["personal", "pii", "private"], &["data", "information", "details", "pii"]],
        strength: Claim::Always(Strength::Screened),
        by: &["detector: personal data (it can miss)"],
        effect: Effect::None,
        detector: Some(Detector::PersonalData),
        reason: "personal data is kept out",
    },
    Form {
        canonical: "Never provide financial, legal, or medical advice",
        fits: advises,
        near: &[
            &["financial", "legal", "medical", "investment", "tax", "health"],
            &["advice", "advise", "guidance", "recommendation", "recommendations", "counsel"],
        ],
        strength: Claim::Always(Strength::Screened),
        by: &["detector: financial, legal and medical advice (it can miss)"],
        effect: Effect::None,
        detector: Some(Detector::ProfessionalAdvice),
        reason: "no financial, legal or medical advice is given",
    },
    Form {
        canonical: "Flag any request that involves financial transactions",
        fits: flags_transactions,
        near: &[
            &["flag", "report", "escalate", "payment", "payments", "transfer", "transfers", "money"],
            &["financial", "payment", "payments", "transaction", "transactions", "money", "bank"],
        ],
        strength: Claim::Always(Strength::Screened),
        by: &["detector: requests to move money (it can miss)"],
        effect: Effect::None,
        detector: Some(Detector::FinancialTransaction),
        reason: "a request that involves financial transactions is flagged",
    },
];

fn any_of(words: &Words, patterns: &[&[Slot]]) -> bool {
    patterns.iter().any(|pattern| words.fit(pattern))
}

fn executes(words: &Words) -> bool {
    const WHAT: &[&str] = &[
        "code",
        "command",
        "commands",
        "script",
        "scripts",
        "program",
        "programs",
        "system",
        "shell",
        "any",
        "arbitrary",
        "terminal",
        "bash",
        "or",
        "and",
        "nor",
    ];
    const THING: &[&str] = &["code", "command", "commands", "script", "scripts", "program", "programs"];
    any_of(
        words,
        &[
            &[One(&["never"]), Many(&["execute", "run", "or", "and"]), Any(WHAT), One(THING)],
            &[One(&["no"]), Many(&["code", "command", "shell", "script", "or", "and"]), One(&["execution"])],
        ],
    ) && words.has_any(&["execute", "run", "execution"])
}

fn goes_out(words: &Words) -> bool {
    const NET: &[&str] = &["network", "networks", "internet", "web", "website", "websites"];
    const WHICH: &[&str] = &[
        "the", "any", "external", "outside", "public", "or", "and", "network", "networks", "internet", "web",
    ];
    any_of(
        words,
        &[
            &[
                One(&["never"]),
                Many(&["access", "use", "browse", "visit", "reach", "contact", "or"]),
                Any(WHICH),
                One(NET),
            ],
            &[One(&["never"]), One(&["connect"]), One(&["to"]), Any(WHICH), One(NET)],
            &[
                One(&["never"]),
                One(&["make"]),
                Any(&["any", "external", "outside"]),
                One(&["network"]),
                One(&["requests", "calls", "connections"]),
            ],
            &[
                One(&["no"]),
                Any(&["external", "outside"]),
                One(&["network", "internet", "web"]),
                One(&["access"]),
            ],
        ],
    ) && words.has_any(NET)
}

fn reads_internal(words: &Words) -> bool {
    const READ: &[&str] = &["read", "access", "use", "consult", "or", "and"];
    const DOCS: &[&str] = &["document", "documents", "docs", "files", "documentation"];
    any_of(
        words,
        &[
            &[Many(READ), One(&["internal"]), One(DOCS), One(&["only"])],
            &[One(&["only"]), Many(READ), One(&["internal"]), One(DOCS)],
            &[Many(READ), One(&["only"]), One(&["internal"]), One(DOCS)],
        ],
    ) && words.has_any(&["read", "access", "use", "consult"])
}

fn reviewed(words: &Words) -> bool {
    const WHAT: &[&str] = &[
        "output",
        "outputs",
        "content",
        "post",
        "posts",
        "draft",
        "drafts",
        "article",
        "articles",
        "publications",
    ];
    const DONE: &[&str] = &["reviewed", "approved"];
    const PUBLISH: &[&str] = &["publishing", "publication", "published", "publish", "posting", "posted"];
    any_of(
        words,
        &[
            &[
                Opt(&["all", "every", "each", "any"]),
                Many(WHAT),
                One(&["must", "shall", "should"]),
                One(&["be"]),
                Many(&["reviewed", "approved", "or", "and"]),
                Opt(&["by"]),
                Any(&["a", "human", "person", "someone"]),
                One(&["before"]),
                Any(&["being", "it", "they", "is", "are", "any"]),
                One(PUBLISH),
            ],
            &[
                One(&["never"]),
                Many(&["publish", "post", "or"]),
                Any(&[
                    "anything", "any", "all", "output", "outputs", "content", "posts", "drafts", "articles",
                ]),
                One(&["without"]),
                Any(&["a", "prior", "human", "persons"]),
                One(&["review", "approval"]),
            ],
        ],
    ) && (words.has_any(DONE) || words.has_any(&["review", "approval"]))
}

const ACCESS: [&str; 12] = [
    "access",
    "reference",
    "read",
    "view",
    "use",
    "process",
    "collect",
    "store",
    "retrieve",
    "handle",
    "mention",
    "discuss",
];
const OUTPUT: [&str; 11] = [
    "output", "share", "disclose", "reveal", "publish", "post", "expose", "print", "include", "leak", "send",
];
const VERBS: &[&str] = &[
    "access",
    "reference",
    "read",
    "view",
    "use",
    "process",
    "collect",
    "store",
    "retrieve",
    "handle",
    "mention",
    "discuss",
    "output",
    "share",
    "disclose",
    "reveal",
    "publish",
    "post",
    "expose",
    "print",
    "include",
    "leak",
    "send",
    "or",
    "and",
    "nor",
];
const DATA: &[&str] = &["data", "information", "details", "records"];
const WHOSE: &[&str] = &["employee", "employees", "staff", "personnel"];

/// "never VERBS employee personal data", whatever the verbs.
fn employee_data(words: &Words) -> bool {
    let has_verb = words.has_any(&ACCESS) || words.has_any(&OUTPUT);
    has_verb
        && any_of(
            words,
            &[
                &[
                    One(&["never"]),
                    Many(VERBS),
                    Any(&["any", "the", "to"]),
                    One(WHOSE),
                    One(&["personal", "private"]),
                    One(DATA),
                ],
                &[One(&["never"]), Many(VERBS), Any(&["any", "the"]), One(WHOSE), One(&["pii"])],
                &[
                    One(&["never"]),
                    Many(VERBS),
                    Any(&["any", "the"]),
                    One(&["personal", "private"]),
                    One(DATA),
                    One(&["of", "about"]),
                    Opt(&["our", "any"]),
                    One(WHOSE),
                ],
            ],
        )
}

fn touches_employee_data(words: &Words) -> bool {
    employee_data(words) && words.has_any(&ACCESS)
}

fn outputs_employee_data(words: &Words) -> bool {
    employee_data(words) && !words.has_any(&ACCESS)
}

/// Personal data of anybody: no label stands for it, so only the detector does.
fn any_personal_data(words: &Words) -> bool {
    let has_verb = words.has_any(&ACCESS) || words.has_any(&OUTPUT);
    has_verb
        && any_of(
            words,
            &[
                &[
                    One(&["never"]),
                    Many(VERBS),
                    Any(&["any"]),
                    One(&["personal"]),
                    One(&["data", "information", "details"]),
                ],
                &[One(&["never"]), Many(VERBS), Any(&["any"]), One(&["pii"])],
            ],
        )
}

/// All three kinds, because the detector does not tell them apart.
fn advises(words: &Words) -> bool {
    const KINDS: [&str; 3] = ["financial", "legal", "medical"];
    KINDS.into_iter().all(|kind| words.has(kind))
        && any_of(
            words,
            &[&[
                One(&["never"]),
                Many(&["provide", "give", "offer", "or"]),
                Any(&["any"]),
                Many(&["financial", "legal", "medical", "or", "and"]),
                One(&["advice"]),
            ]],
        )
}

fn flags_transactions(words: &Words) -> bool {
    any_of(
        words,
        &[&[
            One(&["flag"]),
            Any(&["any", "all", "every", "each"]),
            One(&["request", "requests", "message", "messages"]),
            Opt(&["that", "which"]),
            One(&["involves", "involve", "involving", "concerning"]),
            Any(&["a", "any"]),
            One(&["financial"]),
            One(&["transaction", "transactions"]),
        ]],
    )
}
