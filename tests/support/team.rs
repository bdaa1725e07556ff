//! What many tests begin with: a few people, and a model that plays its part.

use serde_json::{Value, json};

use crate::web::Answer;
use crate::{Browser, Home};

/// A post, which waits for a person, and an answer to whatever comes then.
pub const POSTS: &str = "
turns:
  - calls:
      - skill: message
        arguments: {channel: \"board:content-team\", text: \"the draft is ready\"}
  - say: That is what became of it.
    repeat: true
";

/// An answer, again and again.
pub const ANSWERS: &str = "
turns:
  - say: That is all.
    repeat: true
";

/// An agent that gives away nobody's data, and says nothing to do with money without a person.
pub const CAREFUL: &str = "# Careful

## Identity

- Name: careful
- Role: Answers questions

## Rules

- Never share employee personal data
- Never give financial, legal, or medical advice
";

/// The settings in which these people may ask these agents, for every channel and model.
#[must_use]
pub fn members(people: &[&str], agents: &str) -> String {
    let person = |id: &&str| format!("[[person]]\nid = \"{id}\"\ngroups = [\"members\"]\n");
    let people: String = people.iter().map(person).collect();
    format!(
        "{people}[[group]]\nname = \"members\"\nagents = [\"{agents}\"]\nchannels = [\"*\"]\nmodels = [\"*\"]\n"
    )
}

impl Home {
    /// The home of a team whose administrator is `ada`, with these further settings, its gateway running.
    #[must_use]
    pub fn team(settings: &str, scene: &str) -> Self {
        let home = Self::made(&["--team", "--person", "ada"]);
        home.add(settings);
        home.scene(scene);
        home.start();
        home
    }

    /// These people, each signed in.
    #[must_use]
    pub fn signed_in<const N: usize>(&self, people: [&str; N]) -> [Browser; N] {
        people.map(|person| Browser::signed_in(self, person))
    }
}

impl Browser {
    /// Sends a message, which is taken.
    #[track_caller]
    pub fn say(&self, agent: &str, text: &str) -> Answer {
        self.post(&format!("agents/{agent}/messages"), &json!({ "text": text })).is(200)
    }

    /// The turn that runs or waits in the newest conversation of theirs.
    #[must_use]
    pub fn turn(&self) -> String {
        self.get("sessions").json()["sessions"][0]["turn"].as_str().unwrap().to_owned()
    }
}

/// The events that a text of server-sent events has, each with its id.
#[must_use]
pub fn events(text: &str) -> Vec<(String, Value)> {
    let mut id = String::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("id: ") {
            id = said.to_owned();
        }
        if let Some(data) = line.strip_prefix("data: ") {
            found.push((id.clone(), serde_json::from_str(data).unwrap()));
        }
    }
    found
}
