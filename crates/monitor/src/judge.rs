//! The judgement: every layer is asked, and the strictest answer wins.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use vocab::{
    Action, Decision, Digest, Effect, Intent, Labels, Layer, Outcome, Person, Proposal, Reason, Resource,
    Timestamp, Verb, Verdict,
};

use crate::advice;
use crate::collection;
use crate::command;
use crate::compartment::{Compartment, Tool};
use crate::flow::{Movement, Parties};
use crate::judgement::{Judgement, bind};
use crate::monitor::Known;
use crate::permit::Bounds;
use crate::policy::words::Circumstances;
use crate::policy::{self, Opinion};
use crate::programs::Programs;
use crate::queue;
use crate::rates::{self, Pace, Rates};
use crate::reach::reach;
use crate::resolve::path::is_within;
use crate::resolve::{Resolved, Setting, printable, shown};
use crate::table;

/// What stands when a proposal is judged.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    /// Who asked. Judged as the settings have this person, whatever else stands in it.
    pub asker: &'a Person,
    /// The labels of all that the session has seen.
    pub labels: &'a Labels,
    /// The labels of files that agents wrote, by absolute path.
    pub marks: &'a BTreeMap<String, Labels>,
    /// What has been delivered of the present reply: a part is judged with it, and nothing else is.
    pub said: &'a str,
    /// What has been counted so far.
    pub rates: Rates,
    /// What a person approved: the binding of an earlier judgement of this proposal.
    pub approved: Option<&'a Digest>,
    /// Where programs lie.
    pub programs: &'a dyn Programs,
    /// The time.
    pub now: Timestamp,
}

/// The answers so far, by strictness.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    kills: Vec<Reason>,
    denies: Vec<Reason>,
    asks: Vec<Reason>,
    /// What permits it, and notices.
    grants: Vec<Reason>,
}

impl Answers {
    pub(crate) fn deny(&mut self, layer: Layer, policy: &str, message: String) {
        self.denies.push(Reason { layer, policy: policy.to_owned(), message });
    }

    /// The strictest answer with its reasons first. What was granted matters only when nothing refuses. A part of a reply is
    /// denied where anybody would be asked: they would see half of what they say yes to.
    fn decide(self, is_part: bool) -> (Decision, Vec<Reason>) {
        let Self { mut kills, mut denies, mut asks, mut grants } = self;
        if is_part && kills.is_empty() && denies.is_empty() && !asks.is_empty() {
            denies.push(unasked());
        }
        // What holds for several tables alike is said once.
        for reasons in [&mut kills, &mut denies, &mut asks, &mut grants] {
            once(reasons);
        }
        let decision = match (kills.is_empty(), denies.is_empty(), asks.is_empty()) {
            (false, _, _) => Decision::Kill,
            (true, false, _) => Decision::Deny,
            (true, true, false) => Decision::Ask,
            (true, true, true) => Decision::Permit,
        };
        kills.append(&mut denies);
        kills.append(&mut asks);
        if matches!(decision, Decision::Ask | Decision::Permit) {
            kills.append(&mut grants);
        }
        (decision, kills)
    }
}

/// Leaves each reason once, where it came first.
fn once(reasons: &mut Vec<Reason>) {
    if reasons.len() < 2 {
        return;
    }
    let mut said: Vec<Reason> = Vec::with_capacity(reasons.len());
    for reason in reasons.drain(..) {
        if !said.contains(&reason) {
            said.push(reason);
        }
    }
    *reasons = said;
}

/// Judges one proposal. Pure: the same compartment, proposal, standing and gate give the same judgement.
#[must_use = "a judgement does nothing until it is recorded and settled"]
pub fn judge(compartment: &Compartment, mut proposal: Proposal, standing: &Standing<'_>) -> Judgement {
    let Intent::ReplyPart { text } = &proposal.intent else {
        return judge_whole(compartment, proposal, standing, false);
    };
    // Judged is the reply that would end with the part; done and recorded is the part.
    let (whole, args) = (format!("{}{text}", standing.said), [("text".to_owned(), text.clone().into())]);
    let part = std::mem::replace(&mut proposal.intent, Intent::Reply { text: whole });
    let mut judgement = judge_whole(compartment, proposal, standing, true);
    judgement.proposal.intent = part;
    judgement.action.verb = Verb::ReplyPart;
    judgement.action.args = args.into_iter().collect();
    judgement.binding = OnceLock::new();
    judgement
}

fn judge_whole(
    compartment: &Compartment,
    proposal: Proposal,
    standing: &Standing<'_>,
    is_part: bool,
) -> Judgement {
    let generation = compartment.gate.generation();
    let Resolved { mut action, program, tool, refusal } =
        setting(compartment, standing).resolve(&proposal.intent, standing.asker);
    let mut answers = Answers::default();
    answers.denies.extend(refusal);
    addressed(compartment, &proposal, generation.is_open(), &mut answers);
    match rates::judge(&standing.rates, &compartment.charter.limits, action.verb) {
        Pace::Within => {}
        Pace::Over(reasons) => answers.denies.extend(reasons),
        Pace::Runaway(reason) => answers.kills.push(reason),
    }
    let known = compartment.house.known(&standing.asker.id);
    if known.is_none() {
        let message = format!("`{}` is not among the people of the settings", standing.asker.id);
        answers.deny(Layer::Rights, "person:unknown", message);
    }
    let asker = known.map_or(standing.asker, |known| &known.person);
    let parties =
        Parties { agent: &compartment.charter.name, agent_clearance: &compartment.charter.clearance, asker };
    let reach =
        (action.verb == Verb::CommandRun).then(|| reach(compartment, asker, standing.labels, standing.marks));
    if let Some(reach) = &reach {
        command::spell_out(&mut action, reach, &compartment.workspace);
    }
    let Movement { labels, returns, marks, denies } =
        compartment.house.flow.judge(&action, standing.labels, standing.marks, reach.as_ref(), &parties);
    answers.denies.extend(denies);

    let binding = OnceLock::new();
    let approved = approval(compartment, &action, &labels, standing.approved, &binding, &mut answers);
    let mut bounds = Bounds::None;
    if let Some(known) = known {
        let case = Case { compartment, known, action: &action, labels: &labels, tool, approved };
        bounds = case.policies(&mut answers);
        if let Some(reach) = reach {
            bounds = command::bounds(&case, program, reach, standing.programs, &mut answers);
        }
    }
    let screened = advice::screen(&compartment.charter.screens, &action);
    answers.denies.extend(screened.denies);
    answers.asks.extend(screened.asks.into_iter().filter(|_| !approved));
    answers.grants.extend(screened.notices);

    answers.denies.extend(unconnected(&action));
    if !answers.asks.is_empty() {
        answers.denies.extend(divided(compartment, &action, &labels));
    }
    let (decision, reasons) = answers.decide(is_part);
    Judgement {
        verdict: Verdict { decision, reasons, policy_version: compartment.version, labels },
        asker: standing.asker.id.clone(),
        at: standing.now,
        gate: compartment.gate.clone(),
        proposal,
        action,
        bounds,
        returns,
        marks,
        generation,
        binding,
        content: OnceLock::new(),
        subject: OnceLock::new(),
    }
}

/// That a proposal is of the compartment's own agent, and that this works.
fn addressed(compartment: &Compartment, proposal: &Proposal, is_open: bool, answers: &mut Answers) {
    if proposal.agent != compartment.charter.name {
        let message =
            format!("this proposal is of `{}`, not of `{}`", proposal.agent, compartment.charter.name);
        answers.deny(Layer::Policy, "proposal:agent", message);
    }
    if !is_open {
        let message = format!("`{}` has been stopped", compartment.charter.name);
        answers.deny(Layer::Policy, "agent:stopped", message);
    }
}

/// Nobody is asked to decide for those who decide on the rest.
fn divided(compartment: &Compartment, action: &Action, labels: &Labels) -> Option<Reason> {
    let queues = &compartment.house.queues;
    queue::differ(queues, &compartment.charter.name, action, labels).then(|| Reason {
        layer: Layer::Approval,
        policy: "approval:queues".to_owned(),
        message: "others decide on some of these tables than on the rest; read them one at a time".to_owned(),
    })
}

/// Why a part is not put before a person.
fn unasked() -> Reason {
    Reason {
        layer: Layer::Approval,
        policy: "approval:part".to_owned(),
        message: "nobody is asked about a part of an answer; a reply that a person has to see first waits for them whole"
            .to_owned(),
    }
}

/// Nobody is asked to approve a post that goes nowhere.
fn unconnected(action: &Action) -> Option<Reason> {
    let Resource::Channel(channel) = &action.resource else { return None };
    let kind = channel.split_once(':').map_or(channel.as_str(), |(kind, _)| kind);
    if soul::CONNECTED.contains(&kind) {
        return None;
    }
    let message = format!(
        "`{}` channels are not connected in this version, so nothing would be delivered; connected: {}",
        shown(kind),
        soul::CONNECTED.join(", ")
    );
    Some(Reason { layer: Layer::Policy, policy: "channel:not-connected".to_owned(), message })
}

fn setting<'a>(compartment: &'a Compartment, standing: &Standing<'a>) -> Setting<'a> {
    Setting {
        charter: &compartment.charter,
        model: &compartment.model,
        system: &compartment.system,
        tools: &compartment.tools,
        offered: &compartment.offered,
        house: &compartment.house,
        workspace: &compartment.workspace,
        programs: standing.programs,
    }
}

/// Whether exactly this was approved. An approval of anything else denies: something has changed since.
fn approval(
    compartment: &Compartment,
    action: &Action,
    labels: &Labels,
    approved: Option<&Digest>,
    binding: &OnceLock<Digest>,
    answers: &mut Answers,
) -> bool {
    let Some(approved) = approved else { return false };
    let current = binding.get_or_init(|| bind(action, &compartment.version, labels));
    if current == approved {
        let message = "a person approved exactly this".to_owned();
        answers.grants.push(Reason { layer: Layer::Approval, policy: "approval".to_owned(), message });
        return true;
    }
    let message = "the action, the policies or the labels have changed since it was approved".to_owned();
    answers.deny(Layer::Approval, "approval:changed", message);
    false
}

/// An action before the policies.
pub(crate) struct Case<'a> {
    pub(crate) compartment: &'a Compartment,
    pub(crate) known: &'a Known,
    pub(crate) action: &'a Action,
    pub(crate) labels: &'a Labels,
    pub(crate) tool: Option<&'a Tool>,
    pub(crate) approved: bool,
}

impl Case<'_> {
    /// Why the policies would not simply let it happen.
    pub(crate) fn refusal(&self) -> Option<Reason> {
        let mut answers = Answers::default();
        self.policies(&mut answers);
        match answers.decide(false) {
            (Decision::Permit, _) => None,
            (_, reasons) => reasons.into_iter().next(),
        }
    }

    /// Why a rule, a right or a guardrail forbids it or has it wait, whatever was granted.
    pub(crate) fn forbidden(&self) -> Option<Reason> {
        match self.opinions(&self.action.resource) {
            Ok(opinions) => {
                opinions.into_iter().flat_map(|opinion| opinion.denies.into_iter().chain(opinion.asks)).next()
            }
            Err(reason) => Some(reason),
        }
    }

    /// Asks the three layers and gives the bounds of what they permit.
    fn policies(&self, answers: &mut Answers) -> Bounds {
        let mut bounds = Bounds::None;
        for resource in self.action.resources() {
            match self.opinions(&resource) {
                Ok([own, rights, guardrails]) => {
                    bounds = self.bounds(&own, &rights, answers);
                    self.take(Layer::Policy, &resource, own, answers);
                    self.take(Layer::Rights, &resource, rights, answers);
                    self.take(Layer::Guardrail, &resource, guardrails, answers);
                }
                Err(reason) => answers.denies.push(reason),
            }
        }
        match self.action.verb {
            Verb::TableRead => table::bounds(self, answers),
            Verb::DocumentsSearch | Verb::DocumentsRead => collection::bounds(self, answers),
            _ => bounds,
        }
    }

    /// What the agent's policies, the asker's rights and the guardrails say of this happening to `resource`, in this order.
    fn opinions(&self, resource: &Resource) -> Result<[Opinion; 3], Reason> {
        let Self { compartment, known, action, .. } = self;
        let house = &compartment.house;
        let resource = match resource {
            Resource::Person(person) if *person == known.person.id.as_str() => known.lineage.clone(),
            other => house.words.resource(other, [&compartment.named, &house.named]),
        };
        let question = house.words.question(
            action.verb,
            &compartment.agent,
            &known.lineage,
            &resource,
            self.circumstances(),
        );
        let question = question.map_err(|error| Reason {
            layer: Layer::Policy,
            policy: "policy:question".to_owned(),
            message: error.to_string(),
        })?;
        let consult =
            |layer, slices, evaluator: &_| policy::consult(layer, slices, action.verb, &resource, evaluator);
        let of_agent = question.of_agent();
        let own = consult(Layer::Policy, &compartment.policies, &of_agent);
        let rights = consult(Layer::Rights, &house.rights, &question.of_asker());
        let guardrails = consult(Layer::Guardrail, &house.guardrails, &of_agent);
        Ok([own, rights, guardrails])
    }

    fn take(&self, layer: Layer, resource: &Resource, opinion: Opinion, answers: &mut Answers) {
        // What cannot be resolved has its reason already, and is permitted by nobody.
        let unresolved = self.action.verb == Verb::SkillCall && self.tool.is_none();
        if opinion.granted.is_empty() && layer != Layer::Guardrail && !unresolved {
            let (policy, message) = self.missing(layer, resource);
            answers.deny(layer, &policy, message);
        }
        answers.grants.extend(opinion.granted);
        answers.denies.extend(opinion.denies);
        if self.approved {
            // A forbid that asks and does not step aside once a person has approved would ask for ever.
            let stuck = opinion.asks.into_iter().map(|reason| Reason {
                message: format!("{} (an approval does not lift it)", reason.message),
                ..reason
            });
            answers.denies.extend(stuck);
        } else {
            answers.asks.extend(opinion.asks);
        }
    }

    fn circumstances(&self) -> Circumstances<'_> {
        let audience_wider = self.action.verb == Verb::MessagePost;
        let external = match self.action.verb {
            Verb::MessagePost | Verb::WebGet => true,
            Verb::ModelCall => self.compartment.house.is_remote(&self.action.resource),
            Verb::FileRead
            | Verb::FileWrite
            | Verb::CommandRun
            | Verb::TableRead
            | Verb::DocumentsSearch
            | Verb::DocumentsRead
            | Verb::Reply
            | Verb::ReplyPart
            | Verb::SkillCall => false,
        };
        let effect = match (self.action.verb, self.tool.map(|tool| tool.spec.effect)) {
            (Verb::ModelCall, _) => "model",
            (Verb::Reply | Verb::ReplyPart, _) => "reply",
            (_, Some(Effect::Read)) => "read",
            (_, Some(Effect::Write)) => "write",
            (_, Some(Effect::Egress) | None) => "egress",
        };
        Circumstances { approved: self.approved, audience_wider, external, effect, labels: self.labels }
    }

    /// Nobody granted it: says so in the words of SOUL.md and the settings.
    fn missing(&self, layer: Layer, resource: &Resource) -> (String, String) {
        let agent = &self.compartment.charter.name;
        let what = printable(resource.name());
        let skill = self.tool.map_or("", |tool| tool.grant.skill.as_str());
        if layer == Layer::Rights {
            let asker = &self.known.person.id;
            let (right, doing) = match self.action.verb {
                Verb::ModelCall => ("models", format!("use the model `{what}`")),
                Verb::FileRead => ("read", format!("read `{what}`")),
                Verb::FileWrite => ("write", format!("write `{what}`")),
                Verb::WebGet => ("hosts", format!("fetch from `{what}`")),
                Verb::MessagePost => ("channels", format!("post to `{what}`")),
                Verb::CommandRun => ("commands", format!("run `{what}`")),
                Verb::TableRead => ("tables", format!("read the table `{what}`")),
                Verb::DocumentsSearch | Verb::DocumentsRead => {
                    ("collections", format!("read the collection `{what}`"))
                }
                Verb::Reply | Verb::ReplyPart => ("agents", format!("ask `{agent}`")),
                Verb::SkillCall => ("skill", format!("call `{what}`")),
            };
            return (format!("rights:{right}"), format!("`{asker}` has no right to {doing}"));
        }
        match self.action.verb {
            Verb::ModelCall => (
                "identity:model".to_owned(),
                format!("the SOUL.md of `{agent}` does not have the model `{what}`"),
            ),
            Verb::Reply | Verb::ReplyPart => {
                ("identity:reply".to_owned(), format!("`{agent}` is not permitted to answer `{what}`"))
            }
            Verb::MessagePost => {
                (format!("skill:{skill}"), format!("`{what}` is in no channel of `{agent}`"))
            }
            _ => (format!("skill:{skill}"), format!("`{what}` is in no `{skill}` grant of `{agent}`")),
        }
    }

    /// How far the permitted action may reach. A file that no grant contains is denied, whatever a policy
    /// says, because there is nothing to hold it to.
    fn bounds(&self, own: &Opinion, rights: &Opinion, answers: &mut Answers) -> Bounds {
        let Some(tool) = self.tool else { return Bounds::None };
        let max_bytes = tool.grant.max_bytes;
        match self.action.verb {
            Verb::WebGet => Bounds::Web { max_bytes },
            Verb::FileRead | Verb::FileWrite => {
                let path = self.action.resource.name();
                let granted = tool.grant.paths.iter().filter_map(|root| root.to_str());
                let scopes = own.scopes.iter().chain(&rights.scopes).map(String::as_str);
                let deepest = granted.clone().chain(scopes).filter(|root| is_within(path, root));
                match deepest.max_by_key(|root| root.len()) {
                    Some(root) if granted.clone().any(|root| is_within(path, root)) => {
                        Bounds::File { root: PathBuf::from(root), max_bytes }
                    }
                    _ => {
                        if !own.granted.is_empty() {
                            let message =
                                format!("no folder of `{}` contains `{}`", tool.spec.name, shown(path));
                            let policy = format!("skill:{}", tool.spec.name);
                            answers.deny(Layer::Policy, &policy, message);
                        }
                        Bounds::None
                    }
                }
            }
            Verb::ModelCall
            | Verb::MessagePost
            | Verb::CommandRun
            | Verb::TableRead
            | Verb::DocumentsSearch
            | Verb::DocumentsRead
            | Verb::Reply
            | Verb::ReplyPart
            | Verb::SkillCall => Bounds::None,
        }
    }
}

/// Looks at what an effect brought back, before the agent sees it. What agent or asker may not see comes out
/// as [`vocab::Status::Withheld`], with one sentence in place of its content and without its labels, so that
/// the session is not marked by what it never saw. The reasons are for the record.
#[must_use]
pub fn admit(
    compartment: &Compartment,
    asker: &Person,
    action: &Action,
    outcome: Outcome,
) -> (Outcome, Vec<Reason>) {
    let asker = compartment.house.known(&asker.id).map_or(asker, |known| &known.person);
    let readers = advice::Readers {
        agent: &compartment.charter.name,
        agent_clearance: &compartment.charter.clearance,
        asker,
        screens: &compartment.charter.screens,
    };
    advice::admit(&readers, action, outcome)
}
