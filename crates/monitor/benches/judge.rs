//! What a judgement costs at 10, 100 and 1,000 policies, beside what Cedar costs on the same policies unsliced.
//!
//! `cargo bench -p bulkhead-monitor`. A third of the policies are the agent's grants, a third the asker's rights,
//! a third guardrails, each about a resource of its own. It prints medians in microseconds and the two ratios
//! that matter; it asserts nothing, because a machine's day is no test.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulkhead_monitor::{
    Compartment, Config, Gate, Monitor, PolicyText, Rates, SHIPPED_GUARDRAILS, Standing, explained, judge,
};
use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
};
use serde_json::json;
use soul::Place;
use vocab::spec::TargetKind;
use vocab::{
    AgentName, Decision, Effect, Group, Intent, Labels, Layer, Person, PersonId, Proposal, ProposalId,
    Rights, SessionId, SkillSpec, Timestamp, TurnId, Verb,
};

/// Judgements that are timed at each size, after as many to warm up.
const ROUNDS: usize = 20_000;
/// Unsliced evaluations at each size; they are slow.
const RAW_ROUNDS: usize = 400;
const SIZES: [usize; 3] = [10, 100, 1_000];

/// Policies that are there at any size: the guardrails that ship, the agent's reply and model, the right to both.
const FIXED: usize = 9;
/// The most paths that one grant takes.
const MAX_GRANTED: usize = 256;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    println!("{:>9} {:>12} {:>12} {:>16}", "policies", "judge p50", "judge p99", "unsliced p50");
    let mut sliced = Vec::new();
    let mut whole = Vec::new();
    for size in SIZES {
        let compartment = compartment(size)?;
        let (p50, p99) = judged(&compartment, size)?;
        let raw = unsliced(&compartment)?;
        let size = explained(&compartment).len();
        println!("{size:>9} {:>9.1} µs {:>9.1} µs {:>13.1} µs", micros(p50), micros(p99), micros(raw));
        sliced.push(micros(p50));
        whole.push(micros(raw));
    }
    let growth =
        |figures: &[f64]| figures.last().zip(figures.first()).map_or(f64::NAN, |(last, first)| last / first);
    println!(
        "1,000 policies over 10: judge {:.1} times, unsliced {:.1} times",
        growth(&sliced),
        growth(&whole)
    );
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// An agent under about `size` policies.
fn compartment(size: usize) -> Result<Compartment, Failure> {
    let granted = teams(size);
    let folders: Vec<String> = (0..granted).map(|n| format!("/srv/docs/team-{n}/shared")).collect();
    // What a SOUL.md cannot take is made up by guardrails.
    let guarded = size.saturating_sub(FIXED).saturating_sub(granted.saturating_mul(2));
    let secrets = (0..guarded).map(|n| {
        format!("@id(\"s{n}\") @message(\"secret\") forbid (principal, action, resource in Path::\"/srv/docs/team-{n}/shared/secret\");\n")
    });
    let shipped = SHIPPED_GUARDRAILS
        .iter()
        .map(|(name, text)| PolicyText { name: (*name).into(), text: (*text).into() });
    let guardrails = shipped.chain([PolicyText { name: "secrets.cedar".into(), text: secrets.collect() }]);
    let group = Group {
        name: "staff".into(),
        rights: Rights { agents: vec!["echo".into()], read: folders.clone(), ..Rights::default() },
    };
    let monitor = Monitor::new(Config {
        guardrails: guardrails.collect(),
        people: vec![mia()?],
        groups: vec![group],
        skills: vec![reader()],
        agents_dir: PathBuf::from("/home/agents"),
        default_model: "ollama/llama3".into(),
        ..Config::default()
    })?;
    let source = format!(
        "# Echo\n## Identity\n- Name: Echo\n- Role: Reader\n## Rules\n- Be concise\n## Skills\n- file-reader: read\n  - paths: {}\n## Limits\n- actions-per-minute: 1000\n",
        folders.join(", ")
    );
    let place = Place {
        workspace: "/home/agents/echo/workspace".into(),
        labelled: Default::default(),
        databases: Default::default(),
        collections: Default::default(),
    };
    let charter = soul::compile(&source, &place).map_err(|errors| format!("{errors:?}"))?;
    Ok(monitor.compartment(Arc::new(charter), Gate::new())?)
}

/// Folders that are granted to the agent and to the asker.
fn teams(size: usize) -> usize {
    size.saturating_sub(FIXED).div_euclid(3).clamp(1, MAX_GRANTED)
}

fn mia() -> Result<Person, Failure> {
    Ok(Person {
        id: PersonId::new("mia")?,
        os_user: None,
        chat: None,
        groups: vec!["staff".into()],
        clearance: Labels::default(),
        administrator: false,
    })
}

fn reader() -> SkillSpec {
    SkillSpec {
        name: "file-reader".into(),
        skill: "file-reader".into(),
        verb: Verb::FileRead,
        effect: Effect::Read,
        target: "path".into(),
        target_kind: TargetKind::Path,
        description: "Reads a file.".into(),
        schema: json!({
            "type": "object",
            "properties": {"path": {"type": "string", "minLength": 1, "maxLength": 4096}},
            "required": ["path"],
            "additionalProperties": false,
        }),
    }
}

/// The median and the 99th hundredth of a permitted read, each of another folder.
fn judged(compartment: &Compartment, size: usize) -> Result<(Duration, Duration), Failure> {
    let (mia, labels, marks) = (mia()?, Labels::default(), BTreeMap::new());
    let standing = Standing {
        asker: &mia,
        labels: &labels,
        marks: &marks,
        said: "",
        rates: Rates::default(),
        programs: &(),
        approved: None,
        now: Timestamp::UNIX_EPOCH,
    };
    let mut times = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS.saturating_mul(2) {
        let proposal = proposal(round % teams(size))?;
        let start = Instant::now();
        let judgement = judge(compartment, black_box(proposal), &standing);
        let time = start.elapsed();
        if judgement.verdict().decision != Decision::Permit {
            return Err(format!("not permitted: {:?}", judgement.verdict()).into());
        }
        if round >= ROUNDS {
            times.push(time);
        }
    }
    times.sort_unstable();
    let at = |hundredth: usize| times.get(times.len() * hundredth / 100).copied().unwrap_or_default();
    Ok((at(50), at(99)))
}

fn proposal(team: usize) -> Result<Proposal, Failure> {
    Ok(Proposal {
        id: ProposalId::new("p-1")?,
        agent: AgentName::new("echo")?,
        session: SessionId::new("s-1")?,
        turn: TurnId::new("t-1")?,
        ordinal: 1,
        intent: Intent::SkillCall {
            call_id: "c1".into(),
            skill: "file-reader".into(),
            arguments: format!("{{\"path\": \"/srv/docs/team-{team}/shared/notes/today.md\"}}"),
        },
    })
}

/// The median of Cedar alone on all policies of the three layers, entities and context made ahead.
fn unsliced(compartment: &Compartment) -> Result<Duration, Failure> {
    let uid = |text: &str| text.parse::<EntityUid>().map_err(Failure::from);
    let policies = explained(compartment);
    let set = |layer: Layer| -> Result<PolicySet, Failure> {
        let text: Vec<String> = policies
            .iter()
            .filter(|policy| policy.layer == layer)
            .map(|policy| policy.policy.clone())
            .collect();
        Ok(text.join("\n").parse()?)
    };
    let (agent, person) = (uid("Agent::\"echo\"")?, uid("Person::\"mia\"")?);
    let resource = uid("Path::\"/srv/docs/team-0/shared/notes/today.md\"")?;
    let above = [
        "/",
        "/srv",
        "/srv/docs",
        "/srv/docs/team-0",
        "/srv/docs/team-0/shared",
        "/srv/docs/team-0/shared/notes",
    ];
    let above: Result<_, Failure> = above.iter().map(|path| uid(&format!("Path::\"{path}\""))).collect();
    let entities = Entities::from_entities(
        [
            Entity::new_no_attrs(person.clone(), [uid("Group::\"staff\"")?].into()),
            Entity::new_no_attrs(resource.clone(), above?),
        ],
        None,
    )?;
    let context = Context::from_pairs([
        ("approved".into(), RestrictedExpression::new_bool(false)),
        ("audience_wider".into(), RestrictedExpression::new_bool(false)),
        ("external".into(), RestrictedExpression::new_bool(false)),
        ("effect".into(), RestrictedExpression::new_string("read".into())),
        (
            "labels".into(),
            RestrictedExpression::new_set([RestrictedExpression::new_string("internal".into())]),
        ),
        ("asker".into(), RestrictedExpression::new_entity_uid(person.clone())),
        ("agent".into(), RestrictedExpression::new_entity_uid(agent.clone())),
    ])?;
    let request = |principal: EntityUid| {
        Request::new(principal, uid("Action::\"file.read\"")?, resource.clone(), context.clone(), None)
            .map_err(Failure::from)
    };
    let layers = [
        (set(Layer::Policy)?, request(agent.clone())?),
        (set(Layer::Rights)?, request(person.clone())?),
        (set(Layer::Guardrail)?, request(agent.clone())?),
    ];
    let authorizer = Authorizer::new();
    let mut times: Vec<Duration> = (0..RAW_ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for (set, request) in &layers {
                black_box(authorizer.is_authorized(request, set, &entities));
            }
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}
