//! Queues: who decides, how many have to, and what becomes of what nobody decides on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bulkhead_tests::PATIENCE;
use journal::{Event, Journal};
use monitor::{Approvers, Escalation, Queue, Risk};
use turn::{ApprovalState, ApprovalView, Choice, Gateway, Message, Pending, Portion, RefusalKind, What};
use vocab::{ApprovalId, PersonId, Verb};

use crate::house::{Clock, House, echo, opened_at, person};

const POSTS: &str = "
turns:
  - calls:
      - skill: message
        arguments: {channel: \"board:forum\", text: \"the draft is ready\"}
  - say: That is what became of it.
    repeat: true
";

fn approvers(people: &[&str]) -> Approvers {
    let people = people.iter().map(|name| PersonId::new(name).unwrap()).collect();
    Approvers { people, groups: Vec::new() }
}

/// Posts wait in a queue of its own; anna, ben, cleo and dora may approve by their group.
fn house(queue: impl FnOnce(&mut Queue)) -> House {
    let house = House::new(POSTS);
    let mut posts = Queue {
        name: "posts".into(),
        agents: vec![],
        actions: vec![Verb::MessagePost],
        resources: vec![],
        risk: Risk::Low,
        approvers: approvers(&["anna", "ben", "cleo"]),
        needed: 1,
        lifetime: None,
        escalation: None,
    };
    queue(&mut posts);
    {
        let mut settings = house.settings.lock();
        settings.people.extend([person("cleo", false), person("dora", false)]);
        settings.queues = vec![posts];
    }
    house
}

pub(crate) struct Stage {
    pub(crate) house: House,
    pub(crate) clock: Arc<Clock>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) journal: Journal,
}

impl Stage {
    pub(crate) async fn new(queue: impl FnOnce(&mut Queue)) -> Self {
        let (house, clock) = (house(queue), Arc::<Clock>::default());
        let (gateway, journal) = opened_at(house.folder.path(), &house.settings, Arc::clone(&clock)).await;
        Self { house, clock, gateway, journal }
    }

    /// Anna asks, and the post waits.
    pub(crate) async fn asks(&self) -> ApprovalView {
        let message = Message {
            person: person("anna", false),
            agent: echo(),
            session: None,
            text: "announce it".into(),
        };
        let mut accepted = self.gateway.accept(message).await.unwrap();
        // Told when the turn has come to rest, and not before: a gateway that stops cancels what is about to wait.
        loop {
            let event = accepted.events.next().await.unwrap().expect("the turn went on");
            if matches!(event.what, What::Approval { state: ApprovalState::Waiting, .. }) {
                break;
            }
        }
        self.until(|view| view.state == ApprovalState::Waiting).await
    }

    /// Her newest approval, as she sees it, once it is as is said.
    pub(crate) async fn until(&self, holds: impl Fn(&ApprovalView) -> bool) -> ApprovalView {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let page =
                self.gateway.approvals(&person("anna", false), true, &Portion::default()).await.unwrap();
            if let Some(view) = page.items.into_iter().rev().find(|view| holds(view)) {
                return view;
            }
            assert!(tokio::time::Instant::now() < until, "it never came to that");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn yes(&self, who: &str, view: &ApprovalView) -> Result<ApprovalView, RefusalKind> {
        let said =
            self.gateway.decide(&person(who, false), &view.id, Choice::Approve, Some(view.digest)).await;
        said.map_err(|refusal| refusal.kind)
    }

    /// Ben says yes to it and to the same again.
    pub(crate) async fn again(&self, view: &ApprovalView) -> Result<ApprovalView, RefusalKind> {
        let ben = person("ben", false);
        let said = self.gateway.decide(&ben, &view.id, Choice::Repeat, Some(view.digest)).await;
        said.map_err(|refusal| refusal.kind)
    }

    /// Somebody asks once more; whether that happened without another look.
    pub(crate) async fn happens(&self, who: &str) -> bool {
        let message =
            Message { person: person(who, false), agent: echo(), session: None, text: "again".into() };
        let mut accepted = self.gateway.accept(message).await.unwrap();
        loop {
            let event = accepted.events.next().await.unwrap().expect("the turn went on");
            match &event.what {
                What::Approval { state: ApprovalState::Waiting, .. } => {
                    drop(self.gateway.stop_turn(&person(who, false), &event.turn, false).await.unwrap());
                    return false;
                }
                What::End => return true,
                _ => {}
            }
        }
    }

    pub(crate) async fn sees(&self, who: &str, id: &ApprovalId) -> Option<ApprovalView> {
        self.gateway.approval(&person(who, false), id).await.ok()
    }

    /// Waits until so many patterns have ended.
    pub(crate) async fn until_ended(&self, count: usize) {
        let ended = |story: &[String]| story.iter().filter(|line| line.ends_with("pattern.ended")).count();
        self.house.until("patterns ended", |story| ended(story) == count).await;
    }

    pub(crate) async fn end(self) -> House {
        self.gateway.shutdown(None, Pending::Keep).await.unwrap();
        drop((self.gateway, self.journal));
        self.house
    }
}

pub(crate) fn posted(house: &House) -> usize {
    house.story().iter().filter(|line| *line == "message.post done").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_have_to_say_yes_and_one_of_them_twice_is_one() {
    let stage = Stage::new(|queue| queue.needed = 2).await;
    let view = stage.asks().await;
    assert_eq!((view.needed, view.queue.as_deref(), view.decidable), (2, Some("posts"), false));
    assert!(stage.sees("ben", &view.id).await.unwrap().decidable);
    let first = stage.yes("ben", &view).await.unwrap();
    assert_eq!((first.state, first.approved_by.len(), first.decidable), (ApprovalState::Waiting, 1, false));
    assert_eq!(stage.yes("ben", &view).await.unwrap_err(), RefusalKind::Conflict);
    assert_eq!(stage.yes("anna", &view).await.unwrap_err(), RefusalKind::Forbidden, "nobody their own");
    assert_eq!(stage.yes("dora", &view).await.unwrap_err(), RefusalKind::NotFound, "not of the queue");
    assert_eq!(posted(&stage.house), 0);
    assert!(!stage.sees("ben", &view.id).await.unwrap().decidable);
    let second = stage.yes("cleo", &view).await.unwrap();
    assert_eq!((second.state, second.approved_by.len()), (ApprovalState::Approved, 2));
    stage.house.tells("message.post done").await;
    let house = stage.end().await;
    let of = |event: Event| house.record().into_iter().filter(move |record| record.event == Some(event));
    let (first, last) =
        (of(Event::ApprovalSupported).next().unwrap(), of(Event::ApprovalApproved).next().unwrap());
    assert_eq!(first.person.unwrap().as_str(), "ben");
    assert_eq!(last.person.unwrap().as_str(), "cleo");
    assert_eq!(serde_json::to_value(&last.facts).unwrap()["with"], serde_json::json!(["ben"]));
    assert_eq!((last.facts.text("queue"), last.facts.text("risk")), (Some("posts"), Some("medium")));
    assert_eq!(posted(&house), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_decide_at_once_one_is_told_that_it_is_decided() {
    let stage = Stage::new(|_| {}).await;
    for no in [false, true] {
        let view = stage.asks().await;
        let (ben, cleo) = (person("ben", false), person("cleo", false));
        let other = if no { Choice::Deny { reason: String::new() } } else { Choice::Approve };
        let one = stage.gateway.decide(&ben, &view.id, Choice::Approve, Some(view.digest));
        let two = stage.gateway.decide(&cleo, &view.id, other, Some(view.digest));
        let (one, two) = tokio::join!(one, two);
        let kinds = [one, two].map(|said| said.map(drop).map_err(|refusal| refusal.kind));
        assert_eq!(kinds.iter().filter(|said| said.is_ok()).count(), 1, "{kinds:?}");
        assert!(kinds.contains(&Err(RefusalKind::Conflict)), "{kinds:?}");
        stage.until(|view| !matches!(view.state, ApprovalState::Waiting | ApprovalState::Approved)).await;
    }
    let stage = Stage::new(|queue| queue.needed = 2).await;
    let view = stage.asks().await;
    let (one, two) = tokio::join!(stage.yes("ben", &view), stage.yes("cleo", &view));
    let mut states = [one.unwrap().state, two.unwrap().state];
    states.sort_by_key(|state| *state == ApprovalState::Approved);
    assert_eq!(states, [ApprovalState::Waiting, ApprovalState::Approved]);
    stage.house.tells("message.post done").await;
    assert_eq!(posted(&stage.end().await), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_outlives_a_restart_and_ends_with_the_right_of_who_said_it() {
    let stage = Stage::new(|queue| queue.needed = 2).await;
    let view = stage.asks().await;
    stage.yes("ben", &view).await.unwrap();
    let clock = Arc::clone(&stage.clock);
    let house = stage.end().await;
    let (gateway, journal) = opened_at(house.folder.path(), &house.settings, Arc::clone(&clock)).await;
    let stage = Stage { house, clock, gateway, journal };
    let kept = stage.sees("cleo", &view.id).await.unwrap();
    assert_eq!((kept.state, kept.approved_by.len()), (ApprovalState::Waiting, 1));
    // Ben leaves the group that may approve.
    stage
        .house
        .settings
        .lock()
        .people
        .iter_mut()
        .find(|one| one.id.as_str() == "ben")
        .unwrap()
        .groups
        .clear();
    let said = stage.yes("cleo", &view).await.unwrap();
    assert_eq!((said.state, said.approved_by.len()), (ApprovalState::Waiting, 1), "his yes counts no more");
    let no = Choice::Deny { reason: "no".into() };
    let cleo = person("cleo", false);
    assert_eq!(stage.gateway.decide(&cleo, &view.id, no, None).await.unwrap().state, ApprovalState::Denied);
    assert_eq!(posted(&stage.end().await), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_decides_on_comes_before_more_people_and_then_is_a_no() {
    let stage = Stage::new(|queue| {
        queue.lifetime = Some(Duration::from_secs(1_800));
        queue.escalation = Some(Escalation { after: Duration::from_secs(600), to: approvers(&["dora"]) });
    })
    .await;
    let first = stage.asks().await;
    assert_eq!(first.expires.duration_since(first.since.unwrap()).as_secs(), 1_800);
    assert!(stage.sees("dora", &first.id).await.is_none());
    stage.clock.later.store(601, Ordering::Relaxed);
    stage.until(|view| view.escalated).await;
    assert!(
        stage.sees("dora", &first.id).await.unwrap().decidable
            && stage.sees("ben", &first.id).await.is_some()
    );
    stage.yes("dora", &first).await.unwrap();
    stage.house.tells("message.post done").await;

    let second = stage.asks().await;
    stage.clock.later.store(3_000, Ordering::Relaxed);
    let ended = stage.until(|view| view.id == second.id && view.state != ApprovalState::Waiting).await;
    assert_eq!(ended.state, ApprovalState::Expired);
    assert_eq!(stage.yes("ben", &second).await.unwrap_err(), RefusalKind::Conflict);
    let house = stage.end().await;
    let record = house.record();
    let of =
        |event: Event| record.iter().filter(move |record| record.event == Some(event)).collect::<Vec<_>>();
    assert_eq!(of(Event::ApprovalEscalated)[0].facts.text("approval"), Some(first.id.as_str()));
    assert_eq!(of(Event::ApprovalExpired).len(), 1);
    assert_eq!(posted(&house), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_happens_for_an_hour_for_its_asker_and_not_after_it_is_revoked() {
    let stage = Stage::new(|_| {}).await;
    let view = stage.asks().await;
    assert!(stage.sees("ben", &view.id).await.unwrap().patternable);
    assert!(!stage.sees("anna", &view.id).await.unwrap().patternable);
    stage.again(&view).await.unwrap();
    stage.house.tells("message.post done").await;
    assert!(stage.happens("anna").await && stage.happens("anna").await);
    assert_eq!(posted(&stage.house), 3);
    assert!(!stage.happens("cleo").await, "it is anna's");
    let ben = person("ben", false);
    let patterns = stage.gateway.patterns(&ben).unwrap();
    assert_eq!((patterns.len(), patterns[0].uses, patterns[0].approved_by.as_str()), (1, 2, "ben"));
    assert_eq!(patterns[0].expires.duration_since(patterns[0].since).as_secs(), 3_600);

    // It outlives a restart, and ends with its hour.
    let clock = Arc::clone(&stage.clock);
    let house = stage.end().await;
    let (gateway, journal) = opened_at(house.folder.path(), &house.settings, Arc::clone(&clock)).await;
    let stage = Stage { house, clock, gateway, journal };
    assert!(stage.happens("anna").await);
    stage.clock.later.store(3_601, Ordering::Relaxed);
    assert!(!stage.happens("anna").await);
    stage.until_ended(1).await;

    let view = stage.asks().await;
    stage.again(&view).await.unwrap();
    let stranger = stage.gateway.revoke_pattern(&person("zoe", false), &view.id).await;
    assert_eq!(stranger.unwrap_err().kind, RefusalKind::NotFound);
    stage
        .house
        .until("it is posted", |story| story.iter().filter(|line| *line == "message.post done").count() == 5)
        .await;
    assert!(stage.happens("anna").await);
    drop(stage.gateway.revoke_pattern(&person("cleo", false), &view.id).await.unwrap());
    let twice = stage.gateway.revoke_pattern(&person("cleo", false), &view.id).await;
    assert_eq!(twice.unwrap_err().kind, RefusalKind::NotFound);
    assert!(!stage.happens("anna").await);
    let house = stage.end().await;
    let record = house.record();
    let whys: Vec<_> = record
        .iter()
        .filter(|record| record.event == Some(Event::PatternEnded))
        .map(|record| (record.facts.text("why").unwrap(), record.person.as_ref().map(PersonId::as_str)))
        .collect();
    assert_eq!(whys, [("over", None), ("revoked", Some("cleo"))]);
    let count = |event: Event| record.iter().filter(|record| record.event == Some(event)).count();
    assert_eq!((count(Event::PatternApproved), count(Event::PatternUsed)), (2, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_ends_with_the_agents_stop_and_is_of_no_use_once_anything_has_changed() {
    let stage = Stage::new(|_| {}).await;
    let view = stage.asks().await;
    stage.again(&view).await.unwrap();
    stage.house.tells("message.post done").await;
    assert!(stage.happens("anna").await);
    // The one who said yes may not any more.
    let groups = |groups: Vec<String>| {
        let mut settings = stage.house.settings.lock();
        settings.people.iter_mut().find(|one| one.id.as_str() == "ben").unwrap().groups = groups;
    };
    groups(Vec::new());
    assert!(!stage.happens("anna").await);
    groups(vec!["all".into()]);
    assert!(stage.happens("anna").await, "all is as it was");
    // Other words are another action.
    std::fs::write(stage.house.at("rehearsal/scene.yaml"), POSTS.replace("is ready", "is done")).unwrap();
    assert!(!stage.happens("anna").await);
    std::fs::write(stage.house.at("rehearsal/scene.yaml"), POSTS).unwrap();

    let root = person("root", true);
    drop(stage.gateway.kill(&root, Some(&echo())).await.unwrap());
    stage.gateway.resume(&root, &echo()).await.unwrap();
    assert!(stage.gateway.patterns(&root).unwrap().is_empty());
    assert!(!stage.happens("anna").await);
    let clock = Arc::clone(&stage.clock);
    let house = stage.end().await;
    let (gateway, journal) = opened_at(house.folder.path(), &house.settings, Arc::clone(&clock)).await;
    let stage = Stage { house, clock, gateway, journal };
    assert!(!stage.happens("anna").await, "nor after a restart");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_decide_on_and_ones_own_request_have_no_pattern() {
    let stage = Stage::new(|queue| queue.needed = 2).await;
    let view = stage.asks().await;
    assert!(!stage.sees("ben", &view.id).await.unwrap().patternable);
    assert_eq!(stage.again(&view).await.unwrap_err(), RefusalKind::Conflict);
    let anna =
        stage.gateway.decide(&person("anna", false), &view.id, Choice::Repeat, Some(view.digest)).await;
    assert_eq!(anna.unwrap_err().kind, RefusalKind::Forbidden);
    assert!(stage.gateway.patterns(&person("ben", false)).unwrap().is_empty());
    assert_eq!(posted(&stage.end().await), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_what_may_repeat_ends_when_whoever_asked_is_no_longer_here() {
    let stage = Stage::new(|_| {}).await;
    let view = stage.asks().await;
    stage.again(&view).await.unwrap();
    stage.house.tells("turn.ended").await;
    {
        // Something else, so that it waits.
        let mut settings = stage.house.settings.lock();
        settings.groups[0].rights.read.push("/srv/elsewhere".into());
    }
    let view = stage.asks().await;
    {
        let mut settings = stage.house.settings.lock();
        settings.people.retain(|person| person.id.as_str() != "anna");
        settings.queues[0].approvers = approvers(&["ben", "cleo"]);
    }
    stage.until_ended(1).await;
    stage
        .house
        .until("both turns ended", |story| story.iter().filter(|line| *line == "turn.ended").count() == 2)
        .await;
    assert_eq!(stage.sees("ben", &view.id).await.unwrap().state, ApprovalState::Cancelled);
    assert_eq!(stage.yes("ben", &view).await.unwrap_err(), RefusalKind::Conflict);
    let house = stage.end().await;
    assert_eq!(posted(&house), 1, "{:?}", house.story());
    let stopped = house.record().into_iter().filter(|record| record.event == Some(Event::TurnStopped));
    assert_eq!(stopped.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn that_nobody_is_there_to_say_a_yes_is_told_and_not_when_somebody_is() {
    let stage = Stage::new(|queue| {
        queue.needed = 2;
        queue.approvers = approvers(&["anna", "ben"]);
    })
    .await;
    let root = person("root", true);
    let view = stage.asks().await;
    let missing = async |who: &str| stage.sees(who, &view.id).await.unwrap().missing;
    // Anna asked, so that ben alone is left, and his yes changes nothing of that.
    assert_eq!((view.missing, missing("ben").await), (1, 1));
    assert_eq!(stage.yes("ben", &view).await.unwrap().state, ApprovalState::Waiting);
    assert_eq!(missing("ben").await, 1);
    assert!(stage.gateway.short_of_deciders(&root).unwrap().is_empty(), "of two, whoever asks");
    // By name cleo is one of them, and she may not.
    {
        let mut settings = stage.house.settings.lock();
        settings.queues[0].approvers = approvers(&["anna", "ben", "cleo"]);
        settings.people.iter_mut().find(|person| person.id.as_str() == "cleo").unwrap().groups.clear();
    }
    assert_eq!(missing("ben").await, 1);
    {
        let mut settings = stage.house.settings.lock();
        settings.people.iter_mut().find(|person| person.id.as_str() == "cleo").unwrap().groups =
            vec!["all".into()];
    }
    assert_eq!((missing("ben").await, missing("cleo").await), (0, 0));
    // Without the right there is nobody, whoever is named; who may not see who there is is told of no queue.
    stage.house.settings.lock().groups[0].rights.approve.clear();
    let own = stage.gateway.approval(&person("anna", false), &view.id).await.unwrap();
    assert_eq!(own.missing, 2);
    let short = stage.gateway.short_of_deciders(&root).unwrap();
    assert_eq!(
        short
            .iter()
            .map(|one| (one.queue.as_str(), one.agent.as_str(), one.needed, one.there))
            .collect::<Vec<_>>(),
        [("posts", "echo", 2, 0)]
    );
    assert!(stage.gateway.short_of_deciders(&person("ben", false)).unwrap().is_empty());
    drop(stage.end().await);
}
