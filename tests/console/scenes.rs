//! What the model of a scene says and does, and the agents and rules beside it.

pub(crate) const HELLO: &str = "turns: [{say: Hello. I am a rehearsal., repeat: true}]";

/// A write where it may, one where it may not, and an answer with all that Markdown has.
pub(crate) const ANSWERS: &str = "
turns:
  - calls:
      - {skill: file-writer, arguments: {path: HOME/agents/echo/workspace/draft.md, content: a draft}}
      - {skill: file-writer, arguments: {path: /etc/cron.d/late, content: '* * * * * root true'}}
  - say: \"# Kept for how long\\n\\n**Three** kinds:\\n\\n| kind | kept |\\n|---|--:|\\n| invoice | 10 years |\\n| chat | 90 days |\\n\\n```sh\\nbulkhead audit verify\\n```\\n\\nSee [the policy](https://wiki.example.org/kept).\"
";

/// A post that waits for a person, with characters in it that do not show.
pub(crate) const POSTS: &str = "
turns:
  - calls:
      - skill: message
        arguments: {channel: \"board:content-team\", text: \"The draft is \\u202Eydaer\\u202C.\\u200B\"}
  - say: That is what became of it.
    repeat: true
";

/// A write, and that a person looks at each.
pub(crate) const WRITES: &str = "
turns:
  - calls:
      - {skill: file-writer, arguments: {path: HOME/agents/echo/workspace/draft.md, content: \"one\\nnew\\nthree\\n\"}}
  - say: That is what became of it.
    repeat: true
";
pub(crate) const LOOK: &str = "@id(\"look\") @message(\"a person looks at every write\") @decision(\"ask\")
forbid (principal, action == Action::\"file.write\", resource) unless { context.approved };
";

/// Runs a command, which whoever was granted none is denied, and posts, likewise.
pub(crate) const RUNS_AND_POSTS: &str = "
turns:
  - calls:
      - {skill: exec, arguments: {command: echo, args: [hello]}}
      - {skill: message, arguments: {channel: \"board:content-team\", text: the draft}}
  - say: That is what became of it.
    repeat: true
";
pub(crate) const RUNNER: &str = "# Runner\n## Identity\n- Name: runner\n- Role: Runs\n## Rules\n- Be concise\n## Skills\n\
                      - exec: Run\n  - commands: echo\n- file-writer: Write\n";
pub(crate) const LOOK_AT_COMMANDS: &str =
    "@id(\"look\") @message(\"a person looks at every command\") @decision(\"ask\")
forbid (principal, action == Action::\"command.run\", resource) unless { context.approved };
";

/// Its model is on another machine.
pub(crate) const AWAY: &str =
    "# Away\n## Identity\n- Name: away\n- Role: Asks elsewhere\n- Model: far/m\n## Rules\n- Be concise\n";
pub(crate) const LOOK_AT_CALLS: &str =
    "@id(\"look\") @message(\"a person looks at every call\") @decision(\"ask\")
forbid (principal, action == Action::\"model.call\", resource) unless { context.approved };
";

/// Reads a page before it answers.
pub(crate) const READS: &str = "
turns:
  - calls: [{skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}]
  - say: The handbook says so.
    repeat: true
";

/// Reads on and on, a little at a time.
pub(crate) const ON_AND_ON: &str = "
turns:
  - repeat: true
    delay_ms: 500
    calls: [{skill: file-writer, arguments: {path: HOME/agents/echo/workspace/draft.md, content: a draft}}]
";

/// Writes where it may and where it may not, and posts; each call of the model has its tokens.
pub(crate) const COSTS: &str = "
turns:
  - prompt_tokens: 120
    completion_tokens: 30
    calls:
      - {skill: file-writer, arguments: {path: HOME/agents/echo/workspace/draft.md, content: a draft}}
      - {skill: file-writer, arguments: {path: /etc/cron.d/late, content: '* * * * * root true'}}
      - {skill: message, arguments: {channel: \"board:content-team\", text: the draft}}
  - say: That is what became of it.
    repeat: true
    prompt_tokens: 200
    completion_tokens: 50
";

/// Each agent writes elsewhere when it is asked to, and goes on and on when it is asked to.
pub(crate) const ELSEWHERE: &str = "
turns:
  - when: Write elsewhere
    calls:
      - {skill: file-writer, arguments: {path: /etc/cron.d/late, content: '* * * * * root true'}}
  - when: Go on
    calls:
      - {skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}
      - {skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}
      - {skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}
      - {skill: file-reader, arguments: {path: HOME/handbook/time-off.md}}
  - say: That is what became of it.
    repeat: true
";

/// One that may do two things in a turn; at twice as many it is stopped.
pub(crate) const BUSY: &str = "# Busy\n## Identity\n- Name: busy\n- Role: Goes on and on\n## Rules\n- Be concise\n## Skills\n\
                    - file-reader: Read\n  - paths: HOME/handbook\n## Limits\n- actions-per-turn: 2\n";

/// Writes more than its line has room for, and reads as much.
pub(crate) fn long() -> String {
    let lines = "one line and no end\\n".repeat(60);
    format!(
        "
turns:
  - calls:
      - {{skill: file-writer, arguments: {{path: HOME/agents/echo/workspace/draft.md, content: \"{lines}\"}}}}
      - {{skill: file-reader, arguments: {{path: HOME/handbook/time-off.md}}}}
  - say: That is what became of it.
    repeat: true
"
    )
}

/// A directory that says who is there, and what its people may.
pub(crate) const DIRECTORY: &str = "
[scim]
enabled = true
domain = \"example.org\"
[[directory]]
group = \"platform-team\"
groups = [\"members\"]
[[group]]
name = \"members\"
agents = [\"*\"]
channels = [\"*\"]
models = [\"*\"]
[[person]]
id = \"bob\"
groups = [\"owners\"]
";
