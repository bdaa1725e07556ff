//! The organisation's directory: accounts and groups that a program puts in, changes and takes out.

use std::collections::BTreeSet;

use people::{AccountView, NewAccount, NewGroup, NoKind, Wish};
use vocab::PersonId;

use crate::stage::{GOOD, Stage, ada, bob};

fn root() -> PersonId {
    PersonId::new("root").unwrap()
}

async fn account(stage: &Stage, person: &PersonId) -> AccountView {
    let new = NewAccount { person: person.clone(), external: None, shown: None, active: true };
    stage.people.add_account(new, &root(), |id| *id == root()).await.unwrap()
}

fn group(name: &str, members: &[&AccountView]) -> NewGroup {
    let members = members.iter().map(|view| view.id.clone()).collect();
    NewGroup { name: name.into(), external: None, members }
}

#[tokio::test]
async fn a_leaver_loses_all_they_sign_in_with_in_the_transaction_that_says_so() {
    let stage = Stage::new();
    let (adas, bobs) = (account(&stage, &ada()).await, account(&stage, &bob()).await);
    for (view, wish) in [(&adas, Some(Wish { active: Some(false), ..Wish::default() })), (&bobs, None)] {
        let signed_in = stage.welcome(&view.person).await;
        let wanted = people::Wanted { name: "x".into(), scopes: [people::Scope::Read].into(), days: 1 };
        stage.people.make_token(&view.person, &wanted).await.unwrap();
        stage.people.invite(&view.person, &root()).await.unwrap();
        match wish {
            Some(wish) => drop(stage.people.change_account(&view.id, wish, &root()).await.unwrap()),
            None => assert_eq!(stage.people.remove_account(&view.id, &root()).await.unwrap(), view.person),
        }
        assert!(!stage.lives(&signed_in.cookie).await);
        assert!(stage.people.tokens(&view.person).is_empty());
        assert!(stage.sign_in(view.person.as_str(), GOOD).await.is_err());
    }
    assert!(stage.people.vouched().is_empty() && stage.people.with_password().unwrap().is_empty());
    let stage = stage.again();
    assert_eq!(stage.people.accounts().iter().map(|view| view.active).collect::<Vec<_>>(), [false]);
    assert!(stage.sign_in("ada", GOOD).await.is_err());
    assert_eq!(stage.records("credentials.forgotten").await.len(), 2);
    // Whoever gets the name later begins anew.
    account(&stage, &bob()).await;
    assert!(stage.sign_in("bob", GOOD).await.is_err());
}

#[tokio::test]
async fn no_account_takes_a_name_that_is_somebodys() {
    let stage = Stage::new();
    account(&stage, &ada()).await;
    for taken in [ada(), root()] {
        let new = NewAccount { person: taken, external: None, shown: None, active: true };
        let no = stage.people.add_account(new, &root(), |id| *id == root()).await.unwrap_err();
        assert_eq!(no.kind, NoKind::Conflict);
    }
    let long = "x".repeat(257);
    for text in ["", "a\nb", long.as_str()] {
        let new = NewAccount { person: bob(), external: Some(text.into()), shown: None, active: true };
        assert_eq!(
            stage.people.add_account(new, &root(), |_| false).await.unwrap_err().kind,
            NoKind::Invalid
        );
    }
    assert_eq!(stage.people.accounts().len(), 1);
}

#[tokio::test]
async fn groups_name_who_is_in_them_and_each_change_is_told() {
    let stage = Stage::new();
    let (adas, bobs) = (account(&stage, &ada()).await, account(&stage, &bob()).await);
    let staff = stage.people.add_group(group("staff", &[&adas]), &root()).await.unwrap();
    let version = stage.people.directory_version();
    let groups = |person: &PersonId| -> BTreeSet<String> {
        let all = stage.people.vouched();
        all.into_iter().find(|one| one.id == *person).map(|one| one.groups).unwrap_or_default()
    };
    assert_eq!(groups(&ada()), ["staff".to_owned()].into());
    assert!(groups(&bob()).is_empty());
    assert_eq!(
        stage.people.add_group(group("staff", &[]), &root()).await.unwrap_err().kind,
        NoKind::Conflict
    );
    let stranger = AccountView { id: staff.id.clone(), ..bobs.clone() };
    let no = stage.people.add_group(group("other", &[&stranger]), &root()).await.unwrap_err();
    assert_eq!(no.kind, NoKind::Invalid, "a group is no member");
    let by = root();
    let changed = stage.people.change_group(&staff.id, &by, |mut group| {
        group.name = "crew".into();
        group.members = [bobs.id.clone()].into();
        Ok(group)
    });
    changed.await.unwrap();
    assert!(groups(&ada()).is_empty() && groups(&bob()) == ["crew".to_owned()].into());
    assert_ne!(stage.people.directory_version(), version);
    stage.people.remove_account(&bobs.id, &root()).await.unwrap();
    assert!(stage.people.group(&staff.id).unwrap().members.is_empty());
    stage.people.remove_group(&staff.id, &root()).await.unwrap();
    assert_eq!(stage.people.remove_group(&staff.id, &root()).await.unwrap_err().kind, NoKind::NotFound);
    for event in ["account-group.added", "account-group.changed", "account-group.removed"] {
        assert_eq!(stage.records(event).await.len(), 1, "{event}");
    }
}
