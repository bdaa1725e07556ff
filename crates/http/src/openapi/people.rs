//! Signing in, tokens and people; and the gateway itself.

use ::people::{MAX_PASSWORD_BYTES, MAX_TOKEN_DAYS, MAX_TOKEN_NAME_CHARS, Scope};

use super::book::Book;
use super::shape::{
    anything, id, list, map, number, object, one_of, or_null, short, some, text, the, time, within, yes_or_no,
};

pub(super) fn describe(book: &mut Book) {
    shapes(book);
    signing_in(book);
    passkeys(book);
    provider(book);
    tokens(book);
    people(book);
    gateway(book);
}

fn shapes(book: &mut Book) {
    book.shape("Scope", one_of(Scope::ALL.map(Scope::as_str)));
    book.shape("SignedIn", object().has("person", id()).has("expires", time()));
    let sign_in = object()
        .has("id", id())
        .has("person", id())
        .has("how", text())
        .has("created", time())
        .has("seen", time())
        .has("expires", time())
        .has("agent", text())
        .has("current", yes_or_no());
    book.shape("SignIn", sign_in);
    let token = object()
        .has("id", id())
        .has("person", id())
        .has("name", text())
        .has("scopes", list(the("Scope")))
        .has("created", time())
        .has("expires", time())
        .has("used", or_null(time()));
    book.shape("Token", token);
}

fn signing_in(book: &mut Book) {
    book.about("signing in");
    let password = || short(MAX_PASSWORD_BYTES);
    book.route("POST", "sign-in", "Signs somebody in by name and password.")
        .takes(object().has("person", text()).has("password", password()))
        .gives(the("SignedIn"));
    book.route("POST", "sign-in/code", "Signs somebody in by a one-time code, and sets their password.")
        .takes(object().has("code", text()).has("password", password()))
        .gives(the("SignedIn"));
    book.route("POST", "sign-out", "Ends the sign-in that this is asked with.")
        .gives(object().has("signed_out", yes_or_no()));
    book.route("POST", "confirm", "Shows again that it is they, for what is dangerous.")
        .takes(object().has("password", password()))
        .gives(object().has("confirmed_until", or_null(time())));
    book.route("POST", "me/password", "Sets another password; every other sign-in of theirs ends.")
        .takes(object().has("old", password()).has("new", password()))
        .gives(the("SignedIn"));
    book.route("GET", "sign-ins", "The sign-ins of the caller; of somebody else for administrators.")
        .asks("person", id())
        .gives_pages(the("SignIn"));
    book.route("POST", "sign-ins/{id}/end", "Ends a sign-in of one's own; anybody's for administrators.")
        .gives(object().has("sign_in", id()).has("ended", yes_or_no()));
    let may = ["approve", "content", "stop", "pause", "resume", "soul"]
        .into_iter()
        .fold(object(), |may, act| may.has(act, list(id())));
    let may = ["stop_all", "follow", "people", "export"]
        .into_iter()
        .fold(may, |may, act| may.has(act, yes_or_no()))
        .has("erase", yes_or_no())
        .has("record", yes_or_no());
    let me = object()
        .has("person", id())
        .has("groups", list(text()))
        .has("administrator", yes_or_no())
        .has("clearance", the("Labels"))
        .has("roles", list(text()))
        .has("may", may.into())
        .has("through", one_of(["socket", "sign-in", "token"]))
        .has("confirmed_until", or_null(time()))
        .has("containment", text())
        .has("version", text())
        .has("solo", yes_or_no())
        .has("passkey", yes_or_no())
        .has("confirms", list(one_of(["passkey", "password", "provider"])));
    book.route("GET", "me", "Who asks, and what they may.").gives(me);
}

fn passkeys(book: &mut Book) {
    book.about("passkeys");
    // What `navigator.credentials` gives and takes, as JSON (Web Authentication, level 3).
    let credential = || map(anything());
    book.shape("Challenge", object().has("ticket", text()).has("options", map(anything())));
    let passkey = object()
        .has("id", id())
        .has("person", id())
        .has("name", text())
        .has("site", text())
        .has("created", time())
        .has("used", or_null(time()));
    book.shape("Passkey", passkey);
    let answered = || object().has("ticket", text()).has("credential", credential());
    book.route("GET", "sign-in/ways", "In which ways people sign in here, at which name with passkeys, and whether the request carries a sign-in.")
        .gives(
            object()
                .has("password", yes_or_no())
                .has("passkeys", or_null(text()))
                .has("provider", or_null(text()))
                .has("carried", yes_or_no()),
        );
    book.route(
        "POST",
        "sign-in/code/passkey/begin",
        "A challenge with which somebody who has a one-time code makes a passkey, in place of a password.",
    )
    .takes(object().has("code", text()))
    .gives(the("Challenge"));
    book.route(
        "POST",
        "sign-in/code/passkey/finish",
        "Signs in with the passkey that was made for the code.",
    )
    .takes(answered().has("name", text()))
    .gives(the("SignedIn"));
    book.route("POST", "sign-in/passkey/begin", "A challenge for whichever passkey there is.")
        .gives(the("Challenge"));
    book.route("POST", "sign-in/passkey/finish", "Signs in whoever the passkey is of.")
        .takes(answered())
        .gives(the("SignedIn"));
    book.route("POST", "confirm/passkey/begin", "A challenge for a passkey of the caller.")
        .gives(the("Challenge"));
    book.route("POST", "confirm/passkey/finish", "Shows again that it is they, with a passkey.")
        .takes(answered())
        .gives(object().has("confirmed_until", or_null(time())));
    book.route("GET", "passkeys", "The passkeys of the caller; of somebody else for administrators.")
        .asks("person", id())
        .gives_pages(the("Passkey"));
    book.route("POST", "passkeys/begin", "A challenge for a new passkey.").gives(the("Challenge"));
    book.route("POST", "passkeys/finish", "Adds the passkey that was made.")
        .takes(answered().has("name", text()))
        .gives(the("Passkey"));
    book.route(
        "POST",
        "passkeys/{id}/remove",
        "Removes a passkey of one's own; anybody's for administrators.",
    )
    .gives(object().has("passkey", id()).has("removed", yes_or_no()));
}

fn provider(book: &mut Book) {
    book.about("identity provider");
    let account = object()
        .has("id", id())
        .has("person", id())
        .has("made_by", one_of(["sign-in", "scim"]))
        .has("external", or_null(text()))
        .has("shown", or_null(text()))
        .has("active", yes_or_no())
        .has("groups", map(text()))
        .has("created", time())
        .has("modified", time());
    book.shape("Account", account);
    book.route("POST", "sign-in/provider/begin", "Where a browser goes to sign in at the identity provider.")
        .takes(object().may_have("again", yes_or_no()))
        .gives(object().has("url", text()));
    let returned = || {
        object()
            .has("state", text())
            .may_have("code", or_null(text()))
            .may_have("iss", or_null(text()))
            .may_have("error", or_null(text()))
    };
    book.route("POST", "sign-in/provider/finish", "Signs in whoever comes back from the identity provider.")
        .takes(returned())
        .gives(the("SignedIn"));
    book.route(
        "POST",
        "confirm/provider/begin",
        "Where a browser goes for its person to show again that it is they, at the identity provider.",
    )
    .gives(object().has("url", text()));
    book.route("POST", "confirm/provider/finish", "Shows again that it is they, by the identity provider.")
        .takes(returned())
        .gives(object().has("confirmed_until", or_null(time())));
    book.route("GET", "accounts", "Whom the organisation's directory names here.")
        .gives_pages(the("Account"));
    book.route(
        "POST",
        "accounts/{id}/remove",
        "Takes an account away, with all that its person has under way.",
    )
    .gives(
        object().has("account", id()).has("person", id()).has("removed", yes_or_no()).has("turns", number(0)),
    );
}

fn tokens(book: &mut Book) {
    book.about("tokens");
    book.route("GET", "tokens", "The API tokens of the caller; of somebody else for administrators.")
        .asks("person", id())
        .gives_pages(the("Token"));
    let scopes = some(the("Scope"), 1, Scope::ALL.len());
    book.route("POST", "tokens", "Makes an API token for a program of the caller; it is shown this once.")
        .takes(
            object()
                .has("name", short(MAX_TOKEN_NAME_CHARS))
                .has("scopes", scopes)
                .has("days", within(1, MAX_TOKEN_DAYS.into())),
        )
        .gives(object().has("token", text()).has("made", the("Token")));
    book.route("POST", "tokens/{id}/end", "Ends a token of one's own; anybody's for administrators.")
        .gives(object().has("token", id()).has("ended", yes_or_no()));
}

fn people(book: &mut Book) {
    book.about("people");
    let person = object()
        .has("id", id())
        .has("groups", list(text()))
        .has("roles", list(text()))
        .has("administrator", yes_or_no())
        .has("clearance", the("Labels"))
        .has("sign_ins", number(0))
        .has("tokens", number(0))
        .has("passkeys", number(0))
        .has("password", yes_or_no());
    book.shape("Person", person);
    book.route("GET", "people", "Everybody whom the settings name.").gives_pages(the("Person"));
    let members = object().has("name", text()).has("people", list(id()));
    let grant = object()
        .has("right", text())
        .has("resource", text())
        .has("groups", list(text()))
        .has("wider", list(text()));
    book.route(
        "GET",
        "grants",
        "Each resource that is granted and each agent, by right, with the groups that have it.",
    )
    .gives_pages_with(object().has("groups", list(members.into())), grant.into());
    book.route(
        "POST",
        "people/{id}/invite",
        "A one-time code by which somebody sets a password; it is shown this once.",
    )
    .gives(object().has("person", id()).has("code", text()).has("expires", time()));
}

fn gateway(book: &mut Book) {
    book.about("gateway");
    let short = object()
        .has("queue", text())
        .has("agent", id())
        .has("needed", within(1, 2))
        .has("there", within(0, 1));
    let status = object()
        .has("version", text())
        .has("pid", number(1))
        .has("address", text())
        .has("origin", text())
        .has("containment", text())
        .has("ready", yes_or_no())
        .has("why", or_null(text()))
        .has("exports", anything())
        .has("unpublished", list(text()))
        .has("short", list(short.into()))
        .has("person", id());
    book.route("GET", "status", "What the gateway says about itself.").gives(status);
    let finding = object()
        .has("check", text())
        .has("state", one_of(["ok", "warning", "missing", "unsafe"]))
        .has("message", text())
        .has("mend", text());
    let health =
        object().has("ok", yes_or_no()).has("findings", list(finding.into())).has("age_seconds", number(0));
    book.route("GET", "health", "What `bulkhead doctor` finds; for administrators and operators.")
        .gives(health);
    book.route("POST", "shutdown", "Ends every agent, then the gateway.")
        .takes(object().has("pending", one_of(["cancel", "keep"])))
        .gives(the("KillReport"));
    book.route("GET", "openapi.json", "This description.").gives(object());
    let mend = object()
        .has("type", text())
        .has("title", text())
        .has("status", within(400, 599))
        .has("detail", text())
        .has("kind", text())
        .may_have("errors", list(anything()));
    book.shape("Problem", mend);
}
