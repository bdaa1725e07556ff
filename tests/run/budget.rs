//! The approver's budget, as it comes out of a real record.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use journal::{Draft, Entry, Event, Facts, Kind};
use turn::{ApprovalView, Budget, BudgetRisk, Budgets, Choice, Message, Place, Portion};
use vocab::{Digest, PersonId};

use crate::house::{echo, opened_at, person};
use crate::queues::Stage;

impl Stage {
    async fn budgets(&self, who: &str) -> Budgets {
        self.gateway.budgets(&person(who, who == "root")).await.unwrap()
    }

    async fn budget(&self, of: &str) -> Budget {
        let found = self.budgets("root").await.people.into_iter().find(|one| one.person.as_str() == of);
        found.unwrap_or_else(|| panic!("{of} has decided nothing"))
    }

    async fn no(&self, who: &str, view: &ApprovalView) {
        let choice = Choice::Deny { reason: String::new() };
        drop(self.gateway.decide(&person(who, false), &view.id, choice, Some(view.digest)).await.unwrap());
    }

    fn later(&self, seconds: i64) {
        self.clock.later.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looked_how_long_and_who_did_not_look_at_all_is_told_apart() {
    let stage = Stage::new(|_| {}).await;
    assert!(stage.budgets("root").await.people.is_empty());
    // Ben has the digest from elsewhere and looks at nothing here.
    let view = stage.asks().await;
    stage.yes("ben", &view).await.unwrap();
    let ben = stage.budget("ben").await.hour;
    assert_eq!((ben.decisions, ben.approved, ben.unseen, ben.look_median_ms), (1, 1, 1, Some(0)));

    // Cleo looks twice, and says no; it is from the first look on.
    let view = stage.asks().await;
    stage.sees("cleo", &view.id).await.unwrap();
    stage.later(60);
    stage.sees("cleo", &view.id).await.unwrap();
    stage.later(40);
    stage.no("cleo", &view).await;
    let cleo = stage.budget("cleo").await.hour;
    assert_eq!((cleo.decisions, cleo.approved, cleo.unseen, cleo.untimed), (1, 0, 0, 0));
    assert!((100_000..160_000).contains(&cleo.look_median_ms.unwrap()), "{cleo:?}");

    // Anna takes back what she asked for, and has decided nothing.
    let view = stage.asks().await;
    stage.no("anna", &view).await;
    let people = |budgets: Budgets| -> Vec<String> {
        budgets.people.iter().map(|one| one.person.to_string()).collect()
    };
    assert_eq!(people(stage.budgets("root").await), ["cleo", "ben"], "who decided last comes first");
    assert_eq!(people(stage.budgets("ben").await), ["ben"], "the others are none of his business");
    assert_eq!(people(stage.budgets("anna").await), [""; 0]);

    // A look before a restart is a look.
    let view = stage.asks().await;
    stage.sees("cleo", &view.id).await.unwrap();
    let clock = Arc::clone(&stage.clock);
    let house = stage.end().await;
    let (gateway, journal) = opened_at(house.folder.path(), &house.settings, Arc::clone(&clock)).await;
    let stage = Stage { house, clock, gateway, journal };
    stage.later(30);
    stage.yes("cleo", &view).await.unwrap();
    let cleo = stage.budget("cleo").await.hour;
    assert_eq!((cleo.decisions, cleo.unseen), (2, 0));
    assert!((30_000..100_000).contains(&cleo.look_p10_ms.unwrap()), "{cleo:?}");

    // A clock that goes back by a day takes nobody's decisions out of the last hour; a month later they are gone.
    stage.later(-86_400);
    assert_eq!(stage.budget("cleo").await.hour.decisions, 2);
    stage.later(86_400 + 7_200);
    let cleo = stage.budget("cleo").await;
    assert_eq!((cleo.hour.decisions, cleo.day.decisions, cleo.month.decisions), (0, 2, 2));
    stage.later(31 * 86_400);
    assert!(stage.budgets("root").await.people.is_empty());
    stage.end().await;
}

/// Of each approval, the look of `who` and their yes.
fn hurried(who: &str, count: usize) -> impl Iterator<Item = Draft> {
    let who = PersonId::new(who).unwrap();
    (0..count).flat_map(move |nth| {
        let facts = || Facts::new().with("approval", format!("a-{who}-{nth}"));
        let shown = Draft::of_event(Kind::Approval, Event::ApprovalShown, facts().with("own", false));
        let facts = facts().with("risk", "high").with("self_approved", false);
        let said = Draft::of_event(Kind::Approval, Event::ApprovalApproved, facts);
        [shown, said].map(|draft| Draft { person: Some(who.clone()), ..draft })
    })
}

async fn write(stage: &Stage, records: impl Iterator<Item = Draft>) {
    let mut records = records.peekable();
    while records.peek().is_some() {
        let records: Vec<Draft> = records.by_ref().take(journal::MAX_ENTRY_RECORDS).collect();
        let entry = Entry { subject: Digest::of(b"x"), records, state: Vec::new() };
        drop(stage.journal.append(entry).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_decisions_are_counted_and_what_is_too_much_is_left_out_and_said() {
    let stage = Stage::new(|_| {}).await;
    write(&stage, hurried("cleo", 3_000).chain(hurried("ben", 4_000))).await;
    let budgets = stage.budgets("root").await;
    assert!(budgets.whole);
    let counts: Vec<_> =
        budgets.people.iter().map(|one| (one.person.as_str(), one.month.decisions)).collect();
    assert_eq!(counts, [("ben", 4_000), ("cleo", 3_000)]);
    let hour = &budgets.people[0].hour;
    assert_eq!((hour.approved, hour.busiest_hour, hour.high_risk, hour.unseen), (4_000, 4_000, 4_000, 0));
    assert_eq!(hour.risks, [BudgetRisk::TooMany, BudgetRisk::TooFast, BudgetRisk::NearlyAlwaysYes]);
    write(&stage, hurried("dora", 20_000)).await;
    let budgets = stage.budgets("root").await;
    assert!(!budgets.whole, "it says that it is not all");
    assert_eq!(budgets.people[0].month.decisions, 20_000, "the newest are counted");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_what_waits_shows_what_is_on_it_and_nothing_behind_it() {
    let stage = Stage::new(|_| {}).await;
    let first = stage.asks().await;
    stage.later(1);
    let message =
        Message { person: person("anna", false), agent: echo(), session: None, text: "announce it".into() };
    drop(stage.gateway.accept(message).await.unwrap());
    let looks = || {
        let record = stage.house.record();
        let by_ben = record.iter().filter(|record| {
            record.event == Some(Event::ApprovalShown)
                && record.person.as_ref().is_some_and(|who| who.as_str() == "ben")
        });
        by_ben.count()
    };
    let page = async |after: Option<Place>| {
        let wanted = Portion { after, limit: Some(1) };
        stage.gateway.approvals(&person("ben", false), false, &wanted).await.unwrap()
    };
    stage
        .house
        .until("two wait", |story| story.iter().filter(|line| *line == "message.post ask").count() == 2)
        .await;
    let one = page(None).await;
    assert_eq!((one.items.len(), &one.items[0].id, looks()), (1, &first.id, 1));
    let two = page(one.after).await;
    assert_eq!((two.items.len(), two.after, looks()), (1, None, 2));
    assert_ne!(two.items[0].id, first.id);
    stage.end().await;
}
