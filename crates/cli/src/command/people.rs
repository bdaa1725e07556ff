//! `bulkhead people`: who there is, and with what they sign in on the gateway's address.

use bulkhead_http::PersonView;
use clap::Subcommand;
use people::{AccountView, PasskeyView, Scope, SignInView, TokenView};
use serde::Deserialize;
use serde_json::{Value, json};
use turn::Granted;
use vocab::{Ambient as _, DirectoryId, PasskeyId, PersonId, SignInId, Timestamp, TokenId};

use super::Place;
use crate::ambient::Machine;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::terminal::{Keep, Screen, Table, age, field, visible};

/// Who there is, and with what they sign in
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bulkhead people list\n  bulkhead people invite ada          a code with which ada sets a password\n  bulkhead people token new ci --scope read"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Everybody whom bulkhead.toml names
    #[command(after_help = "Examples:\n  bulkhead people list\n  bulkhead people list --json")]
    List,
    /// Who has a right to what: each resource that bulkhead.toml grants and each agent, with its groups
    #[command(
        after_help = "Examples:\n  bulkhead people grants\n  bulkhead people grants --json   with the members of each group"
    )]
    Grants,
    /// Make a one-time code with which somebody sets a password and signs in
    #[command(
        after_help = "Example:\n  bulkhead people invite ada   good for 24 hours, once; yourself, or anybody as an administrator"
    )]
    Invite {
        /// The person, as bulkhead.toml names them
        person: PersonId,
    },
    /// Sign-ins that are good: your own, or somebody's as an administrator
    #[command(
        name = "sign-ins",
        after_help = "Examples:\n  bulkhead people sign-ins\n  bulkhead people sign-ins ada"
    )]
    SignIns {
        /// The person; yourself without one
        person: Option<PersonId>,
    },
    /// End a sign-in
    #[command(after_help = "Example:\n  bulkhead people end i-xxxxxxxxxxxxxxxx")]
    End {
        /// The sign-in, as `people sign-ins` names it
        id: SignInId,
    },
    /// Passkeys; one is added in the console
    #[command(
        after_help = "Examples:\n  bulkhead people passkey list\n  bulkhead people passkey remove y-xxxxxxxxxxxxxxxx"
    )]
    Passkey {
        #[command(subcommand)]
        verb: PasskeyVerb,
    },
    /// Accounts of the organisation's directory, as an administrator
    #[command(
        after_help = "Examples:\n  bulkhead people account list\n  bulkhead people account remove d-xxxxxxxxxxxxxxxx"
    )]
    Account {
        #[command(subcommand)]
        verb: AccountVerb,
    },
    /// API tokens: for programs that act for you
    #[command(
        after_help = "Examples:\n  bulkhead people token new ci --scope read --days 30\n  bulkhead people token list"
    )]
    Token {
        #[command(subcommand)]
        verb: TokenVerb,
    },
}

#[derive(Debug, Subcommand)]
enum PasskeyVerb {
    /// Passkeys: your own, or somebody's as an administrator
    #[command(after_help = "Examples:\n  bulkhead people passkey list\n  bulkhead people passkey list ada")]
    List {
        /// The person; yourself without one
        person: Option<PersonId>,
    },
    /// Take a passkey away: it is lost, or not used any more
    #[command(after_help = "Example:\n  bulkhead people passkey remove y-xxxxxxxxxxxxxxxx")]
    Remove {
        /// The passkey, as `people passkey list` names it
        id: PasskeyId,
    },
}

#[derive(Debug, Subcommand)]
enum AccountVerb {
    /// Whom the organisation's directory names here
    #[command(
        after_help = "Examples:\n  bulkhead people account list\n  bulkhead people account list --json"
    )]
    List,
    /// Take an account away, with what its person signs in with and has under way
    #[command(after_help = "Example:\n  bulkhead people account remove d-xxxxxxxxxxxxxxxx")]
    Remove {
        /// The account, as `people account list` names it
        id: DirectoryId,
    },
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Make a token; it is printed this once
    #[command(
        after_help = "Examples:\n  bulkhead people token new ci --scope read --days 30\n  bulkhead people token new bot --scope chat --scope read"
    )]
    New {
        /// What it is for
        name: String,
        /// What it may be used for, within what you may; several with several `--scope`
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// How many days it lasts, at most 365
        #[arg(long, default_value_t = 30)]
        days: u16,
    },
    /// Tokens that are good: your own, or somebody's as an administrator
    #[command(after_help = "Examples:\n  bulkhead people token list\n  bulkhead people token list ada")]
    List {
        /// The person; yourself without one
        person: Option<PersonId>,
    },
    /// End a token
    #[command(after_help = "Example:\n  bulkhead people token end k-xxxxxxxxxxxxxxxx")]
    End {
        /// The token, as `people token list` names it
        id: TokenId,
    },
}

fn scope(text: &str) -> Result<Scope, String> {
    let all = Scope::ALL.map(Scope::as_str).join(", ");
    Scope::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| format!("use one of {all}"))
}

/// A code that was made.
#[derive(Debug, Deserialize)]
struct Invited {
    code: String,
    expires: Timestamp,
}

pub(crate) fn run(place: &Place, args: Args) -> Result<Exit, Failure> {
    let screen = place.screen;
    place.ask(async move |client| {
        match args.verb {
            Verb::List => list(screen, &client).await?,
            Verb::Grants => grants(screen, &client).await?,
            Verb::Invite { person } => invite(screen, &client, &person).await?,
            Verb::SignIns { person } => sign_ins(screen, &client, person).await?,
            Verb::End { id } => {
                let said: Value = client.post(&format!("sign-ins/{id}/end"), &json!({})).await?;
                tell(screen, &said, &format!("the sign-in {id} has ended"))?;
            }
            Verb::Passkey { verb: PasskeyVerb::List { person } } => passkeys(screen, &client, person).await?,
            Verb::Passkey { verb: PasskeyVerb::Remove { id } } => {
                let said: Value = client.post(&format!("passkeys/{id}/remove"), &json!({})).await?;
                tell(screen, &said, &format!("the passkey {id} is removed"))?;
            }
            Verb::Account { verb: AccountVerb::List } => accounts(screen, &client).await?,
            Verb::Account { verb: AccountVerb::Remove { id } } => {
                let said: Value = client.post(&format!("accounts/{id}/remove"), &json!({})).await?;
                let person = said.get("person").and_then(Value::as_str).unwrap_or_default();
                tell(screen, &said, &format!("the account {id} of {person} is removed, and {person} is out"))?;
            }
            Verb::Token { verb: TokenVerb::New { name, scopes, days } } => {
                let wanted = json!({ "name": name, "scopes": scopes, "days": days });
                let said: Value = client.post("tokens", &wanted).await?;
                let token = said.get("token").and_then(Value::as_str).unwrap_or_default();
                let words = format!(
                    "{token}\nsend it as `Authorization: Bearer TOKEN`; it is not shown again and lasts {days} days"
                );
                tell(screen, &said, &words)?;
            }
            Verb::Token { verb: TokenVerb::List { person } } => tokens(screen, &client, person).await?,
            Verb::Token { verb: TokenVerb::End { id } } => {
                let said: Value = client.post(&format!("tokens/{id}/end"), &json!({})).await?;
                tell(screen, &said, &format!("the token {id} has ended"))?;
            }
        }
        Ok(Exit::Done)
    })
}

/// One value as JSON, or these words.
fn tell(screen: Screen, said: &Value, words: &str) -> Result<(), Failure> {
    if screen.json() {
        return screen.value(said);
    }
    words.lines().try_for_each(|line| screen.line(line))
}

async fn list(screen: Screen, client: &Client) -> Result<(), Failure> {
    let people: Vec<PersonView> = client.list("people").await?;
    if screen.json() {
        return screen.value(&people);
    }
    let mut table =
        Table::new(&["PERSON", "GROUPS", "ADMINISTRATOR", "PASSWORD", "PASSKEYS", "SIGN-INS", "TOKENS"]);
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    for person in &people {
        table.row(vec![
            person.id.to_string(),
            visible(&person.groups.join(", "), Keep::Nothing),
            yes(person.administrator),
            yes(person.password),
            person.passkeys.to_string(),
            person.sign_ins.to_string(),
            person.tokens.to_string(),
        ]);
    }
    table.print(screen)
}

async fn grants(screen: Screen, client: &Client) -> Result<(), Failure> {
    let mut table_of: Granted = client.whole("grants", |page: &mut Granted| &mut page.grants).await?;
    table_of
        .grants
        .items
        .sort_by(|one, other| (&one.right, &one.resource).cmp(&(&other.right, &other.resource)));
    if screen.json() {
        return screen.value(&table_of);
    }
    let mut table = Table::new(&["RIGHT", "RESOURCE", "GROUPS"]);
    for grant in &table_of.grants.items {
        let wider = grant.wider.iter().map(|group| format!("{group} (by a wider grant)"));
        let groups: Vec<String> = grant.groups.iter().cloned().chain(wider).collect();
        let groups = if groups.is_empty() { "nobody".to_owned() } else { groups.join(", ") };
        table.row(vec![
            grant.right.clone(),
            visible(&grant.resource, Keep::Nothing),
            visible(&groups, Keep::Nothing),
        ]);
    }
    if table.is_empty() { screen.line("no group has a right to anything") } else { table.print(screen) }
}

async fn invite(screen: Screen, client: &Client, person: &PersonId) -> Result<(), Failure> {
    let said: Value = client.post(&format!("people/{person}/invite"), &json!({})).await?;
    if screen.json() {
        return screen.value(&said);
    }
    let misfit = |_| Failure::internal("the gateway's answer does not fit its form");
    let invited: Invited = serde_json::from_value(said).map_err(misfit)?;
    let status: Value = client.get("status").await?;
    let origin = status.get("origin").and_then(Value::as_str).unwrap_or_default();
    screen.line(&field("code", &invited.code))?;
    screen.line(&field(
        "good",
        &format!("once, until {} ({})", invited.expires, age(Machine.now(), invited.expires)),
    ))?;
    screen.line(&field("next", &format!("open {origin}/ and sign in with this code")))
}

async fn sign_ins(screen: Screen, client: &Client, person: Option<PersonId>) -> Result<(), Failure> {
    let views: Vec<SignInView> = client.list(&of("sign-ins", person)).await?;
    if screen.json() {
        return screen.value(&views);
    }
    let now = Machine.now();
    let mut table = Table::new(&["ID", "PERSON", "WITH", "SINCE", "LAST USED", "ENDS", "BROWSER"]);
    for view in &views {
        table.row(vec![
            view.id.to_string(),
            view.person.to_string(),
            view.how.as_str().to_owned(),
            age(now, view.created),
            age(now, view.seen),
            age(now, view.expires),
            visible(&view.agent, Keep::Nothing),
        ]);
    }
    if table.is_empty() { screen.line("nobody is signed in") } else { table.print(screen) }
}

async fn passkeys(screen: Screen, client: &Client, person: Option<PersonId>) -> Result<(), Failure> {
    let views: Vec<PasskeyView> = client.list(&of("passkeys", person)).await?;
    if screen.json() {
        return screen.value(&views);
    }
    let now = Machine.now();
    let mut table = Table::new(&["ID", "PERSON", "NAME", "AT", "ADDED", "LAST USED"]);
    for view in &views {
        table.row(vec![
            view.id.to_string(),
            view.person.to_string(),
            visible(&view.name, Keep::Nothing),
            visible(&view.site, Keep::Nothing),
            age(now, view.created),
            view.used.map_or_else(|| "never".to_owned(), |used| age(now, used)),
        ]);
    }
    if table.is_empty() { screen.line("there are no passkeys") } else { table.print(screen) }
}

async fn accounts(screen: Screen, client: &Client) -> Result<(), Failure> {
    let views: Vec<AccountView> = client.list("accounts").await?;
    if screen.json() {
        return screen.value(&views);
    }
    let now = Machine.now();
    let mut table = Table::new(&["ID", "PERSON", "CALLED", "BY", "ACTIVE", "SINCE", "CHANGED"]);
    for view in &views {
        table.row(vec![
            view.id.to_string(),
            view.person.to_string(),
            visible(view.shown.as_deref().unwrap_or_default(), Keep::Nothing),
            view.made_by.as_str().to_owned(),
            if view.active { "yes" } else { "no" }.to_owned(),
            age(now, view.created),
            age(now, view.modified),
        ]);
    }
    if table.is_empty() {
        screen.line("the organisation's directory names nobody here")
    } else {
        table.print(screen)
    }
}

async fn tokens(screen: Screen, client: &Client, person: Option<PersonId>) -> Result<(), Failure> {
    let views: Vec<TokenView> = client.list(&of("tokens", person)).await?;
    if screen.json() {
        return screen.value(&views);
    }
    let now = Machine.now();
    let mut table = Table::new(&["ID", "PERSON", "NAME", "SCOPES", "MADE", "LAST USED", "ENDS"]);
    for view in &views {
        table.row(vec![
            view.id.to_string(),
            view.person.to_string(),
            visible(&view.name, Keep::Nothing),
            view.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "),
            age(now, view.created),
            view.used.map_or_else(|| "never".to_owned(), |used| age(now, used)),
            age(now, view.expires),
        ]);
    }
    if table.is_empty() { screen.line("there are no tokens") } else { table.print(screen) }
}

fn of(path: &str, person: Option<PersonId>) -> String {
    person.map_or_else(|| path.to_owned(), |person| format!("{path}?person={person}"))
}
