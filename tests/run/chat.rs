//! The chat beside the console, with a channel that takes, refuses or never ends as a test says.

mod crowd;
mod over;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bulkhead_tests::PATIENCE;
use journal::read::Record;
use journal::{Event, Journal};
use monitor::{Approvers, Escalation, PolicyText, Queue, Risk};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use turn::{ApprovalState, ApprovalView, Channel, Choice, Gateway, Message, Messenger, Pending, What};
use vocab::{Labels, PersonId, Verb};

use crate::house::{Clock, House, echo, opened_with, person};

const READS: &str = "
turns:
  - calls:
      - skill: file-reader
        arguments: {path: \"FOLDER/docs/status.md\"}
  - say: That is what became of it.
    repeat: true
";

/// Every reading waits for somebody.
const LOOK: &str = "
@id(\"look\")
@message(\"what is read is looked at first\")
@decision(\"ask\")
forbid (principal, action == Action::\"file.read\", resource) unless { context.approved };
";

/// What the channel does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    Refuses,
    Hangs,
}

/// The channel.
struct Pipe {
    sent: Mutex<Vec<String>>,
    mood: watch::Sender<Mood>,
}

impl Messenger for Pipe {
    fn send(&self, text: String) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async move {
            let mut mood = self.mood.subscribe();
            self.sent.lock().push(text);
            let mood = *mood.wait_for(|mood| *mood != Mood::Hangs).await.unwrap();
            if mood == Mood::Takes { Ok(()) } else { Err("it is away".to_owned()) }
        })
    }
}

impl Pipe {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self { sent: Mutex::default(), mood: watch::Sender::new(mood) })
    }

    fn is(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    fn count(&self) -> usize {
        self.sent.lock().len()
    }

    /// How many messages are about an approval.
    fn about(&self, view: &ApprovalView) -> usize {
        self.sent.lock().iter().filter(|text| text.contains(view.id.as_str())).count()
    }

    /// The message of this number, from 0, once it was sent.
    async fn message(&self, nth: usize) -> String {
        eventually("it is sent", || self.count() > nth).await;
        self.sent.lock()[nth].clone()
    }

    /// The one-time id in it.
    async fn once(&self, nth: usize) -> String {
        let text = self.message(nth).await;
        let (_, rest) = text.split_once("`/bulkhead approve ").unwrap_or_else(|| panic!("no id: {text}"));
        rest.split('`').next().unwrap().to_owned()
    }
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < until, "it never came to that: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Anna asks; ben, cleo and dora may approve, and ben and cleo are known in the chat.
fn house(scene: &str) -> House {
    let house = House::new("");
    let scene = scene.replace("FOLDER", house.folder.path().to_str().unwrap());
    std::fs::write(house.at("rehearsal/scene.yaml"), scene).unwrap();
    {
        let mut settings = house.settings.lock();
        settings.guardrails.push(PolicyText { name: "look.cedar".into(), text: LOOK.into() });
        settings.people.extend([person("cleo", false), person("dora", false), person("ruth", true)]);
    }
    known(&house, &["anna", "ben", "cleo"]);
    house
}

/// From now on these are known in the chat, and nobody else.
fn known(house: &House, names: &[&str]) {
    for one in &mut house.settings.lock().people {
        let id = one.id.as_str();
        one.chat = names.contains(&id).then(|| account(id));
    }
}

fn account(id: &str) -> String {
    format!("U{}", id.to_uppercase())
}

/// From now on what is read is decided in a queue.
fn in_queue(house: &House, names: &[&str], change: impl FnOnce(&mut Queue)) {
    let mut queue = Queue {
        name: "reads".into(),
        agents: vec![],
        actions: vec![Verb::FileRead],
        resources: vec![],
        risk: Risk::Low,
        approvers: these(names),
        needed: 1,
        lifetime: None,
        escalation: None,
    };
    change(&mut queue);
    house.settings.lock().queues = vec![queue];
}

fn these(names: &[&str]) -> Approvers {
    Approvers { people: names.iter().map(|name| PersonId::new(name).unwrap()).collect(), groups: vec![] }
}

struct Stage {
    house: House,
    clock: Arc<Clock>,
    pipe: Arc<Pipe>,
    gateway: Arc<Gateway>,
    journal: Journal,
}

impl Stage {
    async fn of(house: House, mood: Mood) -> Self {
        Self::named(house, "ops", mood, Arc::default()).await
    }

    async fn named(house: House, name: &str, mood: Mood, clock: Arc<Clock>) -> Self {
        let pipe = Pipe::new(mood);
        let way = Arc::clone(&pipe) as Arc<dyn Messenger>;
        let chat = Channel { name: name.into(), clearance: Labels::default(), way };
        let (folder, settings) = (house.folder.path(), &house.settings);
        let (gateway, journal) = opened_with(folder, settings, Arc::clone(&clock), Some(chat)).await;
        Self { house, clock, pipe, gateway, journal }
    }

    /// Anna asks, and it waits.
    async fn asks(&self) -> ApprovalView {
        asks(&self.gateway).await
    }

    async fn state(&self, view: &ApprovalView) -> ApprovalState {
        self.gateway.approval(&person("anna", false), &view.id).await.unwrap().state
    }

    /// What somebody says in the chat, and what they are told.
    async fn says(&self, who: &str, text: &str) -> String {
        let told = self.gateway.answer_in_chat(&account(who), text).await;
        told.unwrap_or_else(|refusal| refusal.message)
    }

    async fn yes(&self, who: &str, view: &ApprovalView) -> ApprovalView {
        let by = person(who, false);
        self.gateway.decide(&by, &view.id, Choice::Approve, Some(view.digest)).await.unwrap()
    }

    async fn ends(&self, view: &ApprovalView, state: ApprovalState) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.state(view).await != state {
            assert!(tokio::time::Instant::now() < until, "it never came to be {state:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The facts of every record of an event.
    fn facts(&self, event: Event) -> Vec<Value> {
        facts(&self.house, event)
    }

    /// Waits until so many are on the record.
    async fn told(&self, event: Event, count: usize) {
        eventually(&format!("{count} {event:?}"), || self.facts(event).len() >= count).await;
    }

    async fn end(self) -> (House, Arc<Clock>) {
        self.gateway.shutdown(None, Pending::Keep).await.unwrap();
        drop((self.gateway, self.journal));
        (self.house, self.clock)
    }
}

async fn asks(gateway: &Arc<Gateway>) -> ApprovalView {
    let anna = person("anna", false);
    let message = Message { person: anna.clone(), agent: echo(), session: None, text: "look it up".into() };
    let mut accepted = gateway.accept(message).await.unwrap();
    loop {
        let event = accepted.events.next().await.unwrap().expect("the turn went on");
        if let What::Approval { approval, state: ApprovalState::Waiting, .. } = &event.what {
            return gateway.approval(&anna, approval).await.unwrap();
        }
    }
}

fn facts(house: &House, event: Event) -> Vec<Value> {
    let of =
        |record: Record| (record.event == Some(event)).then(|| serde_json::to_value(record.facts).unwrap());
    house.record().into_iter().filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_more_people_are_asked_about_is_announced_anew_where_it_can_be_answered_then() {
    let house = house(READS);
    in_queue(&house, &["dora"], |queue| {
        queue.escalation = Some(Escalation { after: Duration::from_secs(600), to: these(&["ben"]) });
    });
    let stage = Stage::of(house, Mood::Takes).await;
    let view = stage.asks().await;
    // Dora alone may decide, and is nobody there.
    let text = stage.pipe.message(0).await;
    assert!(text.contains("console") && !text.contains("/bulkhead"), "{text}");
    stage.told(Event::ApprovalPosted, 1).await;
    let posted = stage.facts(Event::ApprovalPosted);
    assert_eq!((&posted[0]["answerable"], &posted[0]["why"]), (&json!(false), &json!("approvers")));
    stage.clock.later.store(601, Ordering::Relaxed);
    let once = stage.pipe.once(1).await;
    assert!(stage.says("cleo", &format!("approve {once}")).await.contains("there is no approval"));
    assert_eq!(stage.says("ben", &format!("approve {once}")).await, format!("Approved: {}.", view.id));
    // What can be answered already is not announced again: its id is as good as before.
    in_queue(&stage.house, &["cleo"], |queue| {
        queue.escalation = Some(Escalation { after: Duration::from_secs(600), to: these(&["ben"]) });
    });
    let view = stage.asks().await;
    let once = stage.pipe.once(2).await;
    stage.clock.later.store(1_300, Ordering::Relaxed);
    stage.told(Event::ApprovalEscalated, 2).await;
    // Messages leave one after another.
    let next = stage.asks().await;
    assert!(stage.pipe.message(3).await.contains(next.id.as_str()));
    assert_eq!(stage.pipe.about(&view), 1);
    assert_eq!(stage.says("ben", &format!("approve {once}")).await, format!("Approved: {}.", view.id));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_in_the_chat_counts_in_the_approvers_budget() {
    let house = house(READS);
    in_queue(&house, &["ben", "cleo"], |queue| queue.needed = 2);
    let stage = Stage::of(house, Mood::Takes).await;
    drop(stage.asks().await);
    let first = stage.pipe.once(0).await;
    assert!(stage.says("ben", &format!("approve {first}")).await.contains("takes another person"));
    let second = stage.pipe.once(1).await;
    assert!(stage.says("cleo", &format!("approve {second}")).await.starts_with("Approved"));
    drop(stage.asks().await);
    let third = stage.pipe.once(2).await;
    assert!(stage.says("ben", &format!("deny {third} not now")).await.starts_with("Denied"));
    // What was refused is no decision.
    assert!(stage.says("cleo", &format!("approve {third}")).await.contains("no such id"));
    let budgets = stage.gateway.budgets(&person("root", true)).await.unwrap();
    let of = |name: &str| {
        let found = budgets.people.iter().find(|one| one.person.as_str() == name);
        let hour = &found.unwrap_or_else(|| panic!("{name} has decided nothing")).hour;
        // A look in the chat is none on the record.
        (hour.decisions, hour.approved, hour.unseen, hour.look_median_ms)
    };
    assert_eq!((of("ben"), of("cleo")), ((2, 1, 2, Some(0)), (1, 1, 1, Some(0))));
    assert_eq!(budgets.people.len(), 2);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_queue_decides_is_not_decided_in_the_chat_and_who_is_known_there_counts_at_once() {
    let house = house(READS);
    in_queue(&house, &["ben", "dora"], |_| ());
    let stage = Stage::of(house, Mood::Takes).await;
    let view = stage.asks().await;
    let once = stage.pipe.once(0).await;
    assert!(stage.says("cleo", &format!("approve {once}")).await.contains("there is no approval"));
    assert!(stage.says("dora", &format!("approve {once}")).await.contains("nobody here"));
    known(&stage.house, &["dora"]);
    assert!(stage.says("ben", &format!("approve {once}")).await.contains("nobody here"));
    assert_eq!(stage.state(&view).await, ApprovalState::Waiting);
    assert_eq!(stage.says("dora", &format!("approve {once}")).await, format!("Approved: {}.", view.id));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_or_is_a_held_reply_is_announced_without_a_word_of_it() {
    let long = READS.replace("status.md", &format!("{}/", "quokka-".repeat(30)).repeat(17));
    let held = "turns:\n  - say: The quokka is well.\n    repeat: true\n";
    for (scene, why) in [(long.as_str(), "size"), (held, "reply")] {
        let house = house(scene);
        let replies = LOOK.replace("file.read", "reply").replace("look", "look-at-replies");
        house.settings.lock().guardrails.push(PolicyText { name: "replies.cedar".into(), text: replies });
        let stage = Stage::of(house, Mood::Takes).await;
        let view = stage.asks().await;
        let text = stage.pipe.message(0).await;
        stage.told(Event::ApprovalPosted, 1).await;
        let posted = stage.facts(Event::ApprovalPosted);
        assert_eq!((&posted[0]["answerable"], &posted[0]["why"]), (&json!(false), &json!(why)));
        assert!(
            text.contains(view.id.as_str()) && text.contains("echo") && text.contains("console"),
            "{text}"
        );
        for word in ["quokka", "anna", "/bulkhead", "file", "reply", "digest"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        // It is decided in the console as if there were no chat.
        assert_eq!(stage.yes("ben", &view).await.state, ApprovalState::Approved);
        stage.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chat_is_told_anew_and_what_the_one_before_was_told_is_good_no_more() {
    let stage = Stage::of(house(READS), Mood::Takes).await;
    let view = stage.asks().await;
    let before = stage.pipe.once(0).await;
    // One leaves after another: when the next one is on the record, the first is known to be out.
    drop(stage.asks().await);
    stage.told(Event::ApprovalPosted, 2).await;
    let (house, clock) = stage.end().await;
    let stage = Stage::named(house, "night", Mood::Takes, clock).await;
    eventually("it is told anew", || stage.pipe.about(&view) == 1).await;
    assert!(stage.says("ben", &format!("approve {before}")).await.contains("there is no such id"));
    eventually("both are told", || stage.pipe.count() == 2).await;
    let nth = stage.pipe.sent.lock().iter().position(|text| text.contains(view.id.as_str())).unwrap();
    let once = stage.pipe.once(nth).await;
    assert_eq!(stage.says("ben", &format!("approve {once}")).await, format!("Approved: {}.", view.id));
    let approved = stage.facts(Event::ApprovalApproved);
    assert_eq!(approved[0]["channel"], "night");
    stage.end().await;
}
