//! One agent, ready to be judged: its charter, its policies in slices, its tools, its gate.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use soul::{Charter, SkillGrant};
use vocab::{AgentName, Digest, Labels, SkillSpec};

use crate::config::ConfigError;
use crate::gate::Gate;
use crate::monitor::House;
use crate::policy::slices::Slices;
use crate::policy::words::{Lineage, Named};

/// An agent under the monitor. Everything is parsed; a judgement only looks things up.
#[derive(Debug)]
pub struct Compartment {
    pub(crate) house: Arc<House>,
    pub(crate) charter: Arc<Charter>,
    pub(crate) gate: Gate,
    pub(crate) policies: Slices,
    /// What the agent's own policies name.
    pub(crate) named: Named,
    pub(crate) agent: Lineage,
    pub(crate) tools: Vec<Tool>,
    /// What a model is told of the tools.
    pub(crate) offered: Value,
    pub(crate) system: String,
    pub(crate) model: String,
    pub(crate) workspace: String,
    pub(crate) version: Digest,
}

/// What a skill can do that the agent has and the gateway too.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) spec: SkillSpec,
    pub(crate) grant: SkillGrant,
    pub(crate) validator: Arc<Validator>,
}

impl Tool {
    /// The arguments, when they fit the schema; else why not, without repeating them.
    pub(crate) fn fit(&self, args: Map<String, Value>) -> Result<Map<String, Value>, String> {
        let args = Value::Object(args);
        if let Err(error) = self.validator.validate(&args) {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { String::new() } else { format!(" (at `{place}`)") };
            return Err(format!("{}{place}", error.masked()));
        }
        match args {
            Value::Object(args) => Ok(args),
            _ => Err("not an object".to_owned()),
        }
    }
}

impl Compartment {
    pub(crate) fn new(house: Arc<House>, charter: Arc<Charter>, gate: Gate) -> Result<Self, ConfigError> {
        let file = soul_file(&charter.name);
        let policies = Slices::new(&file, house.read_charter(&charter)?)?;
        let tools: Vec<Tool> = charter
            .skills
            .iter()
            .filter(|grant| grant.available)
            .flat_map(|grant| house.of_skill(&grant.skill).map(move |skill| (grant, skill)))
            .map(|(grant, (spec, validator))| Tool {
                spec: spec.clone(),
                grant: grant.clone(),
                validator: Arc::clone(validator),
            })
            .collect();
        let offered = tools.iter().map(|tool| {
            let SkillSpec { name, description, schema, .. } = &tool.spec;
            json!({ "name": name, "description": description, "schema": schema })
        });
        let version = Digest::of_parts(&[
            house.version.as_bytes(),
            charter.digest.as_bytes(),
            charter.policies.as_bytes(),
        ]);
        Ok(Self {
            offered: Value::Array(offered.collect()),
            agent: house.words.agent(&charter.name),
            system: charter.prompt(),
            model: charter.model.clone().unwrap_or_else(|| house.default_model.clone()),
            workspace: house.words.workspace(charter.name.as_str()),
            named: Slices::named([&policies]),
            house,
            charter,
            gate,
            policies,
            tools,
            version,
        })
    }

    /// The agent's SOUL.md, compiled.
    #[must_use]
    pub const fn charter(&self) -> &Arc<Charter> {
        &self.charter
    }

    /// The agent's gate.
    #[must_use]
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The version of everything that this agent is judged by.
    #[must_use]
    pub const fn version(&self) -> Digest {
        self.version
    }

    /// The labels of everything at and beneath `path`, by the settings and by `marks`.
    #[must_use]
    pub fn labels_beneath(&self, path: &str, marks: &BTreeMap<String, Labels>) -> Labels {
        self.house.flow.beneath(path, marks)
    }

    /// The model that the agent's calls go to.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// What a model is told of the agent's skills: a list of `name`, `description` and `schema`. Only those that
    /// this gateway has and SOUL.md grants.
    #[must_use]
    pub const fn offered(&self) -> &Value {
        &self.offered
    }

    /// How many bytes the system message and the tools of a model call have.
    #[must_use]
    pub fn prompt_bytes(&self) -> usize {
        self.system.len().saturating_add(self.offered.to_string().len())
    }
}

/// How errors and `explain` name where an agent's policies are from.
pub(crate) fn soul_file(agent: &AgentName) -> String {
    format!("agents/{agent}/SOUL.md")
}
