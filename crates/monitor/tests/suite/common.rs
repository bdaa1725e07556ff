//! A small home for the tests: three people, two groups, four skills, one agent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bulkhead_monitor::{
    Collection, Compartment, Config, Database, Found, Gate, Judgement, Monitor, PolicyText, Programs, Rates,
    SHIPPED_GUARDRAILS, Sink, Source, Standing, TableLabels, judge,
};
use serde_json::{Value, json};
use soul::{Charter, Place};
use vocab::spec::TargetKind;
use vocab::{
    AgentName, ChatMessage, Decision, Digest, Effect, Group, Intent, Labels, Person, PersonId, Proposal,
    ProposalId, Resource, Rights, Role, SessionId, SkillSpec, Timestamp, TurnId, Verb,
};

pub(crate) const SOUL: &str = "\
# Echo
## Identity
- Name: Echo
- Role: Writer
## Rules
- Be concise
## Skills
- file-reader: read
  - paths: /srv/docs, /srv/hr
- file-writer: write drafts
- browser: research
  - hosts: docs.example.org, *.wiki.example.org
- message: tell people
## Channels
- board: forum
- board: staff
## Limits
- actions-per-minute: 20
- actions-per-turn: 10
- model-tokens-per-day: 1000
- turn-time: 60s
";

pub(crate) const SCREENED: &str = "\
# Echo
## Identity
- Name: Echo
- Role: Writer
## Rules
- Never output employee personal data
- Never provide financial, legal, or medical advice
- Flag any request that involves financial transactions
## Skills
- file-reader: read
  - paths: /srv/docs, /srv/hr
- file-writer: write drafts
- browser: research
  - hosts: docs.example.org
- message: tell people
## Channels
- board: forum
";

pub(crate) fn labels(names: &[&str]) -> Labels {
    Labels::from_names(names.iter().copied()).unwrap()
}

pub(crate) fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(crate) fn person(id: &str, groups: &[&str], clearance: &[&str]) -> Person {
    Person {
        id: PersonId::new(id).unwrap(),
        os_user: Some(format!("os-{id}")),
        chat: None,
        groups: strings(groups),
        clearance: labels(clearance),
        administrator: false,
    }
}

/// `mia` may nearly everything that echo may; `tom` may ask and nothing else; `eve` is cleared for more.
pub(crate) fn config() -> Config {
    let staff = Rights {
        agents: strings(&["echo"]),
        read: strings(&["/srv/docs"]),
        hosts: strings(&["docs.example.org", "*.wiki.example.org"]),
        channels: strings(&["board:forum"]),
        models: strings(&["ollama"]),
        commands: strings(&["git", "awk", "/usr/bin/git", "/home/agents/echo/workspace/tool", "gone"]),
        tables: strings(&["crm/orders"]),
        collections: strings(&["handbook"]),
        approve: strings(&["echo"]),
        ..Rights::default()
    };
    let askers = Rights { agents: strings(&["*"]), models: strings(&["*"]), ..Rights::default() };
    let personnel = Rights {
        read: strings(&["/srv/hr"]),
        tables: strings(&["crm/salaries"]),
        collections: strings(&["personnel"]),
        ..Rights::default()
    };
    let group = |name: &str, rights| Group { name: name.to_owned(), rights };
    Config {
        guardrails: shipped(),
        people: vec![
            person("mia", &["staff"], &["internal"]),
            person("tom", &["askers"], &["internal"]),
            person("eve", &["staff", "personnel"], &["restricted", "employee-personal-data"]),
        ],
        groups: vec![group("staff", staff), group("askers", askers), group("personnel", personnel)],
        databases: vec![Database { name: "crm".into(), path: "/data/crm/crm.db".into() }],
        table_labels: vec![TableLabels {
            table: "crm/salaries".into(),
            labels: labels(&["restricted", "employee-personal-data"]),
        }],
        collections: vec![
            collection("handbook", None),
            collection("personnel", Some(&["restricted", "employee-personal-data"])),
        ],
        sources: vec![
            source("/srv/docs/public", &["public"]),
            source("/srv/hr", &["restricted", "employee-personal-data"]),
            source("/srv/docs/plans", &["confidential"]),
            source("/srv/docs/plans/x", &["internal", "project-x"]),
        ],
        sinks: vec![
            Sink { resource: Resource::Host("*.wiki.example.org".into()), clearance: labels(&["public"]) },
            Sink {
                resource: Resource::Path("/home/agents/echo/workspace/out".into()),
                clearance: labels(&["public"]),
            },
        ],
        skills: skills(),
        agents_dir: "/home/agents".into(),
        default_model: "ollama/llama3".into(),
        remote_models: strings(&["openai"]),
        role_files: Vec::new(),
        roles: Vec::new(),
        queues: Vec::new(),
    }
}

pub(crate) fn shipped() -> Vec<PolicyText> {
    let text = |(name, text): &(&str, &str)| PolicyText { name: (*name).into(), text: (*text).into() };
    SHIPPED_GUARDRAILS.iter().map(text).collect()
}

pub(crate) fn guardrail(name: &str, text: &str) -> PolicyText {
    PolicyText { name: name.into(), text: text.into() }
}

fn source(path: &str, names: &[&str]) -> Source {
    Source { path: path.into(), labels: labels(names) }
}

pub(crate) fn collection(name: &str, names: Option<&[&str]>) -> Collection {
    Collection { name: name.into(), folder: format!("/data/{name}"), labels: names.map(labels) }
}

pub(crate) fn skills() -> Vec<SkillSpec> {
    let text = json!({"type": "string", "minLength": 1});
    vec![
        spec(
            "file-reader",
            Verb::FileRead,
            Effect::Read,
            "path",
            TargetKind::Path,
            json!({"path": text, "limit": {"type": "integer"}}),
        ),
        spec(
            "file-writer",
            Verb::FileWrite,
            Effect::Write,
            "path",
            TargetKind::Path,
            json!({"path": text, "content": {"type": "string"}, "append": {"type": "boolean"}}),
        ),
        spec("browser", Verb::WebGet, Effect::Egress, "url", TargetKind::Url, json!({"url": text})),
        spec(
            "exec",
            Verb::CommandRun,
            Effect::Write,
            "command",
            TargetKind::Command,
            json!({"command": text, "args": {"type": "array"}, "stdin": {"type": "string"}, "folder": text}),
        ),
        spec(
            "sql",
            Verb::TableRead,
            Effect::Read,
            "database",
            TargetKind::Database,
            json!({"database": text, "tables": {"type": "array"}, "query": {"type": "string"}}),
        ),
        spec(
            "documents-search",
            Verb::DocumentsSearch,
            Effect::Read,
            "collection",
            TargetKind::Collection,
            json!({"collection": text, "query": {"type": "string"}, "limit": {"type": "integer"}}),
        ),
        spec(
            "documents-read",
            Verb::DocumentsRead,
            Effect::Read,
            "collection",
            TargetKind::Collection,
            json!({"collection": text, "document": {"type": "string"}, "from": {"type": "integer"}, "to": {"type": "integer"}}),
        ),
        spec(
            "message",
            Verb::MessagePost,
            Effect::Egress,
            "channel",
            TargetKind::Channel,
            json!({"channel": text, "text": text}),
        ),
    ]
}

pub(crate) fn spec(
    name: &str,
    verb: Verb,
    effect: Effect,
    target: &str,
    target_kind: TargetKind,
    properties: Value,
) -> SkillSpec {
    let schema = json!({"type": "object", "properties": properties, "required": [target], "additionalProperties": false});
    SkillSpec {
        name: name.into(),
        skill: if name.starts_with("documents-") { "documents" } else { name }.into(),
        verb,
        effect,
        target: target.into(),
        target_kind,
        description: format!("{name}."),
        schema,
    }
}

pub(crate) fn charter(source: &str) -> Charter {
    charter_in(source, "/home/agents/echo/workspace")
}

pub(crate) fn charter_in(source: &str, workspace: &str) -> Charter {
    try_charter_in(source, workspace).unwrap()
}

/// The agent of `source`, or what is wrong with it.
pub(crate) fn try_charter_in(source: &str, workspace: &str) -> Result<Charter, String> {
    let place = Place {
        workspace: workspace.into(),
        labelled: BTreeSet::from(["employee-personal-data".to_owned(), "project-x".to_owned()]),
        databases: BTreeSet::from(["crm".to_owned()]),
        collections: BTreeSet::from(["handbook".to_owned(), "personnel".to_owned()]),
    };
    soul::compile(source, &place).map_err(|diagnostics| format!("{diagnostics:?}"))
}

/// A machine with a few programs; `/usr/bin/awk` is a link.
#[derive(Debug)]
pub(crate) struct Fixed;

impl Programs for Fixed {
    fn find(&self, command: &str) -> Result<Found, String> {
        let (path, file) = match command {
            "git" | "/usr/bin/git" => ("/usr/bin/git", "/usr/bin/git"),
            "awk" => ("/usr/bin/awk", "/usr/bin/mawk"),
            "sleep" => ("/usr/bin/sleep", "/usr/bin/sleep"),
            "/home/agents/echo/workspace/tool" => (command, command),
            _ => return Err("it is not there".to_owned()),
        };
        Ok(Found { path: path.into(), file: file.into() })
    }
}

/// Echo under a monitor, with somewhere to stand.
pub(crate) struct Home {
    pub(crate) monitor: Monitor,
    pub(crate) echo: Compartment,
    pub(crate) at: At,
}

/// Where a proposal stands.
#[derive(Debug, Default)]
pub(crate) struct At {
    pub(crate) session: Labels,
    pub(crate) marks: BTreeMap<String, Labels>,
    pub(crate) said: String,
    pub(crate) rates: Rates,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::with(config(), SOUL)
    }

    pub(crate) fn with(config: Config, soul: &str) -> Self {
        Self::of(config, charter(soul))
    }

    pub(crate) fn of(config: Config, charter: Charter) -> Self {
        let monitor = Monitor::new(config).unwrap();
        let echo = monitor.compartment(Arc::new(charter), Gate::new()).unwrap();
        Self { monitor, echo, at: At::default() }
    }

    pub(crate) fn judge(&self, asker: &str, intent: Intent) -> Judgement {
        self.judged(asker, intent, None, &self.at)
    }

    pub(crate) fn judge_at(&self, asker: &str, intent: Intent, at: &At) -> Judgement {
        self.judged(asker, intent, None, at)
    }

    pub(crate) fn judge_approved(&self, asker: &str, intent: Intent, approved: Option<&Digest>) -> Judgement {
        self.judged(asker, intent, approved, &self.at)
    }

    fn judged(&self, asker: &str, intent: Intent, approved: Option<&Digest>, at: &At) -> Judgement {
        let id = PersonId::new(asker).unwrap();
        let stranger = person(asker, &["staff"], &["restricted"]);
        let asker = self.monitor.person(&id).unwrap_or(&stranger);
        let At { session, marks, said, rates } = at;
        let standing = Standing {
            asker,
            labels: session,
            marks,
            said,
            rates: *rates,
            approved,
            programs: &Fixed,
            now: Timestamp::UNIX_EPOCH,
        };
        judge(&self.echo, proposal(intent), &standing)
    }

    /// The decision and the policies that it rests on.
    pub(crate) fn ruled(&self, asker: &str, intent: Intent) -> (Decision, Vec<String>) {
        let judgement = self.judge(asker, intent);
        let reasons = &judgement.verdict().reasons;
        (
            judgement.verdict().decision,
            reasons.iter().map(|reason| format!("{}/{}", reason.layer, reason.policy)).collect(),
        )
    }
}

pub(crate) fn proposal(intent: Intent) -> Proposal {
    Proposal {
        id: ProposalId::new("p-1").unwrap(),
        agent: AgentName::new("echo").unwrap(),
        session: SessionId::new("s-1").unwrap(),
        turn: TurnId::new("t-1").unwrap(),
        ordinal: 1,
        intent,
    }
}

pub(crate) fn call(skill: &str, arguments: &str) -> Intent {
    Intent::SkillCall { call_id: "c-1".into(), skill: skill.into(), arguments: arguments.into() }
}

pub(crate) fn read(path: &str) -> Intent {
    call("file-reader", &json!({ "path": path }).to_string())
}

pub(crate) fn write(path: &str, content: &str) -> Intent {
    call("file-writer", &json!({ "path": path, "content": content }).to_string())
}

pub(crate) fn run(command: &str, args: &[&str]) -> Intent {
    call("exec", &json!({ "command": command, "args": args }).to_string())
}

pub(crate) fn query(tables: &[&str], query: &str) -> Intent {
    call("sql", &json!({ "database": "crm", "tables": tables, "query": query }).to_string())
}

pub(crate) fn search(collection: &str, query: &str) -> Intent {
    call("documents-search", &json!({ "collection": collection, "query": query }).to_string())
}

pub(crate) fn document(collection: &str, document: &str) -> Intent {
    call("documents-read", &json!({ "collection": collection, "document": document }).to_string())
}

pub(crate) fn get(url: &str) -> Intent {
    call("browser", &json!({ "url": url }).to_string())
}

pub(crate) fn post(channel: &str, text: &str) -> Intent {
    call("message", &json!({ "channel": channel, "text": text }).to_string())
}

pub(crate) fn reply(text: &str) -> Intent {
    Intent::Reply { text: text.into() }
}

pub(crate) fn part(text: &str) -> Intent {
    Intent::ReplyPart { text: text.into() }
}

pub(crate) fn ask_model(text: &str) -> Intent {
    let message =
        ChatMessage { role: Role::User, content: text.into(), tool_calls: vec![], tool_call_id: None };
    Intent::ModelCall { messages: vec![message], dropped: 0 }
}
