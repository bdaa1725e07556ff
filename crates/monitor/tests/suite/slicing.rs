//! Slicing changes no answer: on random policies and requests, what is judged from slices is what Cedar's own
//! authorizer finds in the whole set, for lineages that are written out in full here.

use std::collections::{BTreeSet, HashSet};
use std::sync::OnceLock;

use bulkhead_monitor::{Explained, explained};
use cedar_policy::{
    AuthorizationError, Authorizer, Context, Entities, Entity, EntityUid, Policy, PolicyId, PolicySet,
    Request, Response, RestrictedExpression, Schema,
};
use proptest::prelude::*;
use vocab::{Decision, Group, Intent, Layer, Rights};

use crate::common::*;

/// A request, and how Cedar is to be told of it without our code.
#[derive(Debug, Clone)]
struct Case {
    intent: Intent,
    verb: &'static str,
    resource: String,
    above: Vec<String>,
    external: bool,
    effect: &'static str,
}

fn path_case(path: &str, writes: bool) -> Case {
    let mut above = Vec::new();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    for end in 1..parts.len() {
        above.push(format!("Path::\"/{}\"", parts[..end].join("/")));
    }
    above.push("Path::\"/\"".to_owned());
    let resource = format!("Path::\"{path}\"");
    if writes {
        above.push("Path::\"/home/agents/*/workspace\"".to_owned());
        let intent = write(path, "x");
        return Case { intent, verb: "file.write", resource, above, external: false, effect: "write" };
    }
    Case { intent: read(path), verb: "file.read", resource, above, external: false, effect: "read" }
}

fn cases() -> Vec<Case> {
    let hosts = |names: &[&str]| names.iter().map(|name| format!("Host::\"{name}\"")).collect::<Vec<_>>();
    let host = |name: &str, above: &[&str]| Case {
        intent: get(&format!("https://{name}/x")),
        verb: "web.get",
        resource: format!("Host::\"{name}\""),
        above: hosts(above),
        external: true,
        effect: "egress",
    };
    vec![
        path_case("/srv/docs/a.md", false),
        path_case("/srv/docs/b/c/d.md", false),
        path_case("/srv/docs", false),
        path_case("/home/agents/echo/workspace/x/y", true),
        host("docs.example.org", &["*.example.org", "*.org", "*"]),
        host(
            "a.b.wiki.example.org",
            &["*.b.wiki.example.org", "*.wiki.example.org", "*.example.org", "*.org", "*"],
        ),
        host("127.0.0.1", &["*"]),
        Case {
            intent: reply("x"),
            verb: "reply",
            resource: "Person::\"mia\"".into(),
            above: vec![],
            external: false,
            effect: "reply",
        },
        Case {
            intent: ask_model("x"),
            verb: "model.call",
            resource: "Model::\"ollama/llama3\"".into(),
            above: vec!["Model::\"ollama\"".into()],
            external: false,
            effect: "model",
        },
    ]
}

/// The scope and the condition of one random policy. Kinds match, so that the schema takes it.
fn clause() -> impl Strategy<Value = String> {
    let paths =
        ["/", "/srv", "/srv/docs", "/srv/docs/b", "/srv/docs/a.md", "/home/agents/*/workspace", "/etc"];
    let hosts = ["*", "*.org", "*.example.org", "docs.example.org", "*.b.wiki.example.org", "127.0.0.1"];
    let scope = |verbs: &'static [&'static str], kind: &'static str, names: Vec<&'static str>| {
        (prop::sample::select(verbs), prop::sample::select(names), 0..6_u8).prop_map(
            move |(verb, name, form)| {
                let action = format!("action == Action::\"{verb}\"");
                match form {
                    0 => format!("{action}, resource == {kind}::\"{name}\""),
                    1 => format!("{action}, resource in {kind}::\"{name}\""),
                    2 => format!("{action}, resource is {kind}"),
                    3 => format!("{action}, resource is {kind} in {kind}::\"{name}\""),
                    4 => format!("action, resource in {kind}::\"{name}\""),
                    _ => format!("{action}, resource"),
                }
            },
        )
    };
    let scope = prop_oneof![
        4 => scope(&["file.read", "file.write"], "Path", paths.to_vec()),
        3 => scope(&["web.get"], "Host", hosts.to_vec()),
        1 => scope(&["model.call"], "Model", vec!["ollama", "ollama/llama3", "openai"]),
        1 => scope(&["reply"], "Person", vec!["mia", "tom"]),
        1 => Just("action, resource".to_owned()),
        1 => Just("action in [Action::\"file.read\", Action::\"reply\"], resource".to_owned()),
    ];
    let condition = prop::sample::select(vec![
        "",
        "",
        "",
        "when { context.external }",
        "unless { context.external }",
        "when { context.labels.contains(\"internal\") }",
        "when { context.labels.contains(\"secret\") }",
        "when { context.asker in Group::\"staff\" }",
        "when { context.agent == Agent::\"other\" }",
        "when { context.effect == \"read\" }",
        "when { resource is Path && resource in Path::\"/srv/docs/b\" }",
        "when { resource is Host && resource in Host::\"*.org\" }",
        "when { 9223372036854775807 + (if context.external then 1 else 0) > 0 }",
    ]);
    (scope, condition).prop_map(|(scope, condition)| format!("{scope}) {condition};"))
}

fn texts(clauses: &[(bool, bool, String)], permits_too: bool) -> String {
    let mut text = String::new();
    for (number, (permits, asks, clause)) in clauses.iter().enumerate() {
        // A guardrail that can never apply is refused, so one about a kind of resource is about all actions.
        let about = clause.split_once("when { resource is").filter(|_| !permits_too);
        let clause =
            about.map_or(clause.clone(), |(_, rest)| format!("action, resource) when {{ resource is{rest}"));
        let effect = if *permits && permits_too { "permit" } else { "forbid" };
        let ask = if *asks && effect == "forbid" { "@decision(\"ask\") " } else { "" };
        text.push_str(&format!(
            "@id(\"{effect}-{number}\") {ask}@message(\"m\") {effect} (principal, {clause}\n"
        ));
    }
    text
}

/// The whole set of one layer: its permits and its forbids, apart, because Cedar names no permits when a
/// forbid applies.
struct Whole {
    layer: Layer,
    permits: PolicySet,
    forbids: PolicySet,
    asks: BTreeSet<String>,
}

impl Whole {
    fn new(layer: Layer, policies: &[Explained]) -> Self {
        let of = |permits: bool| {
            let of_layer = policies.iter().filter(|policy| policy.layer == layer);
            let chosen = of_layer.filter(|policy| (policy.effect == "permit") == permits);
            PolicySet::from_policies(
                chosen.map(|policy| Policy::parse(Some(PolicyId::new(&policy.id)), &policy.policy).unwrap()),
            )
            .unwrap()
        };
        let asks = policies.iter().filter(|policy| policy.effect == "ask").map(|policy| policy.id.clone());
        Self { layer, permits: of(true), forbids: of(false), asks: asks.collect() }
    }

    /// What applies: permits, forbids, and what failed.
    fn answer(&self, request: &Request, entities: &Entities) -> [BTreeSet<String>; 3] {
        let of = |set| Authorizer::new().is_authorized(request, set, entities);
        let (permits, forbids) = (of(&self.permits), of(&self.forbids));
        let named = |response: &Response| response.diagnostics().reason().map(ToString::to_string).collect();
        let errors = permits.diagnostics().errors().chain(forbids.diagnostics().errors());
        let failed =
            errors.map(|AuthorizationError::PolicyEvaluationError(error)| error.policy_id().to_string());
        [named(&permits), named(&forbids), failed.collect()]
    }
}

/// The schema, read once.
fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| Schema::from_cedarschema_str(bulkhead_monitor::SCHEMA).unwrap().0)
}

fn asked(case: &Case, principal: &str) -> (Request, Entities) {
    let uid = |text: &str| text.parse::<EntityUid>().unwrap();
    let above: HashSet<EntityUid> = case.above.iter().map(|above| uid(above)).collect();
    let mia = Entity::new_no_attrs(uid("Person::\"mia\""), [uid("Group::\"staff\"")].into());
    let resource = Entity::new_no_attrs(uid(&case.resource), above);
    let known = if case.verb == "reply" { vec![mia] } else { vec![mia, resource] };
    let context = Context::from_pairs([
        ("approved".into(), RestrictedExpression::new_bool(false)),
        ("audience_wider".into(), RestrictedExpression::new_bool(false)),
        ("external".into(), RestrictedExpression::new_bool(case.external)),
        ("effect".into(), RestrictedExpression::new_string(case.effect.into())),
        (
            "labels".into(),
            RestrictedExpression::new_set([RestrictedExpression::new_string("internal".into())]),
        ),
        ("asker".into(), RestrictedExpression::new_entity_uid(uid("Person::\"mia\""))),
        ("agent".into(), RestrictedExpression::new_entity_uid(uid("Agent::\"echo\""))),
    ])
    .unwrap();
    let action = uid(&format!("Action::\"{}\"", case.verb));
    let request = Request::new(uid(principal), action, uid(&case.resource), context, Some(schema())).unwrap();
    (request, Entities::from_entities(known, Some(schema())).unwrap())
}

fn rights() -> impl Strategy<Value = Rights> {
    let some = |names: &[&str]| prop::sample::subsequence(strings(names), 0..=names.len());
    (
        some(&["echo", "*", "other"]),
        some(&["/srv", "/srv/docs/b", "*", "/etc"]),
        some(&["*.org", "127.0.0.1", "*", "docs.example.org"]),
        some(&["ollama", "openai", "*"]),
    )
        .prop_map(|(agents, read, hosts, models)| Rights {
            agents,
            read,
            hosts,
            models,
            ..Rights::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn slices_answer_as_the_whole_set_does(
        own in prop::collection::vec((prop::bool::weighted(0.7), any::<bool>(), clause()), 0..24),
        guardrails in prop::collection::vec((Just(false), any::<bool>(), clause()), 0..12),
        rights in rights(),
    ) {
        let mut config = config();
        config.sinks.clear();
        config.sources.clear();
        config.guardrails = vec![guardrail("random.cedar", &texts(&guardrails, false))];
        config.groups[0] = Group { name: "staff".into(), rights };
        let mut charter = charter(&SOUL.replace("/srv/docs, /srv/hr", "/srv"));
        charter.policies = texts(&own, true);
        let home = Home::of(config, charter);
        let all = explained(&home.echo);
        let layers = [Layer::Policy, Layer::Rights, Layer::Guardrail].map(|layer| Whole::new(layer, &all));
        let ids: BTreeSet<&str> = all.iter().filter(|p| p.effect != "permit").map(|p| p.id.as_str()).collect();
        for case in cases() {
            let judged = home.judge("mia", case.intent.clone());
            let mut expected: BTreeSet<(Layer, String)> = BTreeSet::new();
            let (mut denied, mut held) = (false, false);
            for whole in &layers {
                let rights = whole.layer == Layer::Rights;
                let (request, entities) = asked(&case, if rights { "Person::\"mia\"" } else { "Agent::\"echo\"" });
                let [permits, forbids, errors] = whole.answer(&request, &entities);
                denied |= !errors.is_empty() || forbids.iter().any(|id| !whole.asks.contains(id));
                denied |= permits.is_empty() && whole.layer != Layer::Guardrail;
                held |= !forbids.is_empty();
                expected.extend(forbids.into_iter().chain(errors).map(|id| (whole.layer, id)));
            }
            let decision = match (denied, held) {
                (true, _) => Decision::Deny,
                (false, true) => Decision::Ask,
                (false, false) => Decision::Permit,
            };
            let verdict = judged.verdict();
            prop_assert_eq!(verdict.decision, decision, "{:?}: {:?}", case, verdict.reasons);
            let found: BTreeSet<(Layer, String)> = verdict
                .reasons
                .iter()
                .filter(|reason| ids.contains(reason.policy.as_str()) || reason.message.contains("failed to evaluate"))
                .map(|reason| (reason.layer, reason.policy.clone()))
                .collect();
            prop_assert_eq!(found, expected, "{:?}", case);
        }
    }
}
