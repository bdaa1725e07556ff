//! Slicing changes no answer: on random policies and requests, what is judged from slices is what Cedar's own
//! authorizer finds in the whole set, for lineages that are written out in full here.

use std::collections::{BTreeSet, HashSet};

use bulkhead_monitor::explained;
use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
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

/// What the whole set of one layer says: the permits, the forbids and the errors.
fn whole(policies: &[(String, String)], request: &Request, entities: &Entities) -> [BTreeSet<String>; 3] {
    let mut found: [BTreeSet<String>; 3] = Default::default();
    for (place, effect) in ["permit", "forbid"].into_iter().enumerate() {
        // Apart, because Cedar names no permits when a forbid applies.
        let mut set = PolicySet::new();
        for (id, text) in policies {
            let parsed = cedar_policy::Policy::parse(Some(cedar_policy::PolicyId::new(id)), text).unwrap();
            if parsed.effect().to_string() == effect {
                set.add(parsed).unwrap();
            }
        }
        let response = Authorizer::new().is_authorized(request, &set, entities);
        found[place].extend(response.diagnostics().reason().map(ToString::to_string));
        for error in response.diagnostics().errors() {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            found[2].insert(error.policy_id().to_string());
        }
    }
    found
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
    let schema = cedar_policy::Schema::from_cedarschema_str(bulkhead_monitor::SCHEMA).unwrap().0;
    let action = uid(&format!("Action::\"{}\"", case.verb));
    let request = Request::new(uid(principal), action, uid(&case.resource), context, Some(&schema)).unwrap();
    (request, Entities::from_entities(known, Some(&schema)).unwrap())
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
        for case in cases() {
            let judged = home.judge("mia", case.intent.clone());
            let mut expected: BTreeSet<(Layer, String)> = BTreeSet::new();
            let (mut denied, mut held) = (false, false);
            for layer in [Layer::Policy, Layer::Rights, Layer::Guardrail] {
                let of_layer = all.iter().filter(|policy| policy.layer == layer);
                let set: Vec<_> = of_layer.clone().map(|p| (p.id.clone(), p.policy.clone())).collect();
                let asks = |id: &String| of_layer.clone().any(|p| p.id == *id && p.effect == "ask");
                let principal = if layer == Layer::Rights { "Person::\"mia\"" } else { "Agent::\"echo\"" };
                let (request, entities) = asked(&case, principal);
                let [permits, forbids, errors] = whole(&set, &request, &entities);
                denied |= !errors.is_empty() || forbids.iter().any(|id| !asks(id));
                denied |= permits.is_empty() && layer != Layer::Guardrail;
                held |= !forbids.is_empty();
                expected.extend(forbids.into_iter().chain(errors).map(|id| (layer, id)));
            }
            let decision = match (denied, held) {
                (true, _) => Decision::Deny,
                (false, true) => Decision::Ask,
                (false, false) => Decision::Permit,
            };
            let verdict = judged.verdict();
            prop_assert_eq!(verdict.decision, decision, "{:?}: {:?}", case, verdict.reasons);
            let ids: BTreeSet<&str> = all.iter().filter(|p| p.effect != "permit").map(|p| p.id.as_str()).collect();
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
