//! What holds for every transcript, however odd.

use std::collections::{BTreeSet, VecDeque};

use bulkhead_agent::{MAX_WINDOW_BYTES, estimate, step};
use proptest::prelude::*;
use vocab::frame::{self, FromAgent};
use vocab::{Answer, ChatMessage, Entry, Intent, Role, Status, ToolCall};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "\\PC{0,40}",
        1 => any::<String>(),
        1 => (0..2_000_usize).prop_map(|length| "ß".repeat(length)),
        1 => (0..2_000_usize).prop_map(|length| "\u{1}\"\n".repeat(length)),
    ]
}

fn tool_call() -> impl Strategy<Value = ToolCall> {
    // Few ids, so that they repeat, among them what the agent itself would make of an empty one.
    ("|a|b|call-[0-3]|call-[0-3]-[0-3]", "[a-z-]{0,12}", text()).prop_map(|(id, name, arguments)| ToolCall {
        id,
        name,
        arguments,
    })
}

fn entry() -> impl Strategy<Value = Entry> {
    let answer = (text(), prop::collection::vec(tool_call(), 0..4)).prop_map(|(text, tool_calls)| {
        Entry::Answer { answer: Answer { text, tool_calls, ..Answer::default() } }
    });
    prop_oneof![
        text().prop_map(|text| Entry::Person { text }),
        answer,
        (text(), "|a|b").prop_map(|(text, call_id)| Entry::Result {
            call_id,
            skill: "x".into(),
            status: Status::Done,
            text,
        }),
    ]
}

fn transcript() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec(entry(), 0..24)
}

/// Whether every call of every answer is followed by its one result, in order, with an id of its own.
fn pairs_are_kept(messages: &[ChatMessage]) -> Result<(), TestCaseError> {
    let mut ids = BTreeSet::new();
    let mut open = VecDeque::new();
    for message in messages {
        match (message.role, &message.tool_call_id) {
            (Role::Tool, Some(id)) => prop_assert_eq!(open.pop_front(), Some(id.clone())),
            (Role::Tool, None) => prop_assert!(false, "a result without an id"),
            (Role::User | Role::Assistant, id) => {
                prop_assert!(open.is_empty() && id.is_none());
                open.extend(message.tool_calls.iter().map(|call| call.id.clone()));
            }
        }
        for call in &message.tool_calls {
            prop_assert!(!call.id.is_empty() && ids.insert(call.id.clone()), "id {:?} twice", call.id);
        }
    }
    prop_assert!(open.is_empty());
    Ok(())
}

fn newest_person(transcript: &[Entry]) -> Option<&str> {
    transcript.iter().rev().find_map(|entry| match entry {
        Entry::Person { text } => Some(text.as_str()),
        Entry::Answer { .. } | Entry::Result { .. } => None,
    })
}

/// As little as a model call can be: the newest question and the newest step, with all results cut.
fn is_minimal(messages: &[ChatMessage]) -> bool {
    let (question, rest) = match messages {
        [first, rest @ ..] if first.role == Role::User => (1, rest),
        rest => (0, rest),
    };
    let steps = rest.iter().filter(|message| message.role != Role::Tool).count();
    let whole = |message: &&ChatMessage| message.role == Role::Tool && !message.content.ends_with(" bytes]");
    // A result that is shorter than the mark is left whole.
    question <= 1 && steps <= 1 && rest.iter().filter(whole).all(|message| message.content.len() < 32)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_step_holds_its_promises(transcript in transcript(), tokens in prop_oneof![0..3_000_u32, any::<u32>()]) {
        let intent = step(&transcript, tokens);
        prop_assert_eq!(&intent, &step(&transcript, tokens), "deterministic");
        let Some(intent) = intent else {
            let results_alone = transcript.iter().all(|entry| matches!(entry, Entry::Result { .. }));
            prop_assert!(results_alone);
            return Ok(());
        };
        if let Intent::ModelCall { messages, dropped } = &intent {
            pairs_are_kept(messages)?;
            let person = messages.iter().rev().find(|message| message.role == Role::User);
            prop_assert_eq!(person.map(|message| message.content.as_str()), newest_person(&transcript));
            let fits = estimate(messages) <= tokens as usize;
            prop_assert!(fits || is_minimal(messages), "{} tokens of {tokens}", estimate(messages));
            let (all, none) = match step(&transcript, u32::MAX) {
                Some(Intent::ModelCall { messages, dropped }) => (messages.len(), dropped),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(messages.len() + *dropped as usize, all + none as usize, "nothing goes unsaid");
        }
        let size = frame::encode(&FromAgent::Propose { intent }).unwrap().len();
        prop_assert!(size <= MAX_WINDOW_BYTES + 4096, "{size}");
    }

    #[test]
    fn a_larger_window_never_drops_more(transcript in transcript(), tokens in 0..3_000_u32, more in 0..3_000_u32) {
        if let (Some(Intent::ModelCall { dropped: small, .. }), Some(Intent::ModelCall { dropped: large, .. })) =
            (step(&transcript, tokens), step(&transcript, tokens + more))
        {
            prop_assert!(large <= small);
        }
    }

    /// Whatever is answered, a turn comes to its reply: after an answer with n calls, n skill calls follow and
    /// then a model call; after one without, the reply.
    #[test]
    fn every_entry_leads_on(mut transcript in transcript(), answers in prop::collection::vec(entry(), 1..4)) {
        transcript.push(Entry::Person { text: "go on".into() });
        for entry in answers {
            let called = matches!(step(&transcript, 1_000), Some(Intent::ModelCall { .. }));
            prop_assert!(called);
            let Entry::Answer { answer } = entry else { continue };
            let calls = answer.tool_calls.clone();
            transcript.push(Entry::Answer { answer });
            for call in &calls {
                let proposed = step(&transcript, 1_000);
                prop_assert_eq!(proposed, Some(Intent::SkillCall {
                    call_id: call.id.clone(),
                    skill: call.name.clone(),
                    arguments: call.arguments.clone(),
                }));
                transcript.push(Entry::Result {
                    call_id: call.id.clone(),
                    skill: call.name.clone(),
                    status: Status::Denied,
                    text: "no".into(),
                });
            }
            if calls.is_empty() {
                let replied = matches!(step(&transcript, 1_000), Some(Intent::Reply { text }) if !text.is_empty());
                prop_assert!(replied);
                return Ok(());
            }
        }
    }
}
