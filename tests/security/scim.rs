//! Provisioning (SCIM 2.0): who may say who is there, what is understood, and what a leaver loses.

use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_http::{Access, routes, scim_routes};
use bulkhead_tests::web::Answer;
use bulkhead_tests::{Browser, Home, POSTS, eventually, skipped};
use serde_json::{Value, json};

const SETTINGS: &str = "
[scim]
enabled = true
domain = \"example.org\"
[[directory]]
group = \"platform-team\"
groups = [\"members\"]
[[group]]
name = \"members\"
agents = [\"echo\"]
channels = [\"*\"]
models = [\"*\"]
";

fn home() -> Home {
    Home::team(SETTINGS, POSTS)
}

fn token(person: &Browser, scope: &str) -> Browser {
    let wanted = json!({ "name": scope, "scopes": [scope], "days": 1 });
    let made = person.post("tokens", &wanted).is(200).json();
    person.with_token(made["token"].as_str().unwrap())
}

fn ask(program: &Browser, method: &str, path: &str, body: &Value) -> Answer {
    let mut headers = program.headers();
    headers.push(("content-type".into(), "application/scim+json".into()));
    if program.cookie.is_some() {
        headers.push(("origin".into(), format!("http://{}", program.address)));
    }
    program.send(method, &format!("/scim/v2/{path}"), &headers, body.to_string().as_bytes())
}

fn user(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": format!("{name}@example.org"),
        "externalId": format!("x-{name}"), "name": { "formatted": name.to_uppercase() }, "active": true,
        "emails": [{ "value": "a@b", "primary": true }], "roles": ["administrator"], "administrator": true,
    })
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn patch(path: &str, value: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{ "op": "replace", "path": path, "value": value }] })
}

#[test]
fn only_an_administrators_token_of_this_scope_says_who_is_there() {
    let home = home();
    home.add("[[person]]\nid = \"bob\"\ngroups = [\"members\"]\n");
    let nobody = Browser::at(&home);
    let [ada, bob] = home.signed_in(["ada", "bob"]);
    let callers = [
        (nobody.clone(), 401),
        (ada.clone(), 403),
        (token(&ada, "admin"), 403),
        (token(&bob, "scim"), 403),
        (nobody.with_token("bh_x"), 401),
    ];
    let right = token(&ada, "scim");
    for (method, path) in scim_routes() {
        let path = path.replace("{id}", "d-none");
        for (nth, (caller, status)) in callers.iter().enumerate() {
            let answer = ask(caller, method, &path, &json!({}));
            assert_eq!(answer.status, *status, "{method} {path} [{nth}]: {answer:?}");
            assert_eq!(answer.header("content-type"), "application/scim+json");
            assert_eq!(answer.json()["status"], status.to_string());
        }
        let answer = ask(&right, method, &path, &json!({}));
        assert!(matches!(answer.status, 200 | 400 | 404), "{method} {path}: {answer:?}");
        // No page of another origin, whatever it carries.
        let mut headers = right.headers();
        headers.push(("origin".into(), "http://evil.example".into()));
        drop(right.send(method, &format!("/scim/v2/{path}"), &headers, b"{}").is(403));
    }
    // Of the API itself it does nothing at all.
    for route in routes().filter(|route| !matches!(route.access, Access::Anyone | Access::Chat)) {
        let path = route.path.replace("{id}", "none").replace("{name}", "echo").replace("{seq}", "1");
        let answer = right.send(route.method, &path, &right.headers(), b"");
        assert_eq!(answer.status, 403, "{route:?}: {answer:?}");
    }
    drop(right.send("GET", "/scim/v2/Nothing", &right.headers(), b"").is(404));
    // Without the setting it is not there for anybody.
    home.edit("enabled = true", "enabled = false");
    home.run(&["gateway", "restart"]).done();
    let right = Browser { address: Browser::at(&home).address, ..right };
    drop(ask(&right, "GET", "Users", &json!({})).is(404));
}

/// Cid is found by what programs ask for.
fn finds(program: &Browser) {
    for (filter, count) in [
        ("userName eq \"cid@example.org\"", 1),
        ("userName eq \"CID@example.org\"", 1),
        ("externalId eq \"x-cid\"", 1),
        ("userName eq \"zed@example.org\"", 0),
    ] {
        let path = format!("Users?filter={}", filter.replace(' ', "%20").replace('"', "%22"));
        assert_eq!(ask(program, "GET", &path, &json!({})).is(200).json()["totalResults"], count, "{filter}");
    }
}

#[test]
fn joiners_come_with_the_rights_that_the_settings_give_their_groups_and_no_others() {
    let home = home();
    let [ada] = home.signed_in(["ada"]);
    let program = token(&ada, "scim");
    let made = ask(&program, "POST", "Users", &user("cid")).is(201);
    let cid = id(&made);
    assert_eq!(
        (&made.json()["userName"], &made.json()["displayName"]),
        (&"cid@example.org".into(), &"CID".into())
    );
    assert_eq!(ask(&program, "POST", "Users", &user("CID")).is(409).json()["scimType"], "uniqueness");
    drop(ask(&program, "POST", "Users", &user("ada")).is(409));
    for bad in [
        json!({}),
        json!({ "userName": "cid@evil.example" }),
        json!({ "userName": "../x@example.org" }),
        json!({ "userName": 7 }),
    ] {
        assert_eq!(ask(&program, "POST", "Users", &bad).is(400).json()["scimType"], "invalidValue", "{bad}");
    }
    // Nobody by an account alone, whatever it says of roles.
    home.run(&["people", "invite", "cid"]).fails(2, "there is no person `cid`");
    let group = json!({ "displayName": "platform-team", "members": [{ "value": cid }] });
    let team = id(&ask(&program, "POST", "Groups", &group).is(201));
    let other = json!({ "displayName": "administrators", "members": [{ "value": cid }] });
    drop(ask(&program, "POST", "Groups", &other).is(201));
    let [person] = home.signed_in(["cid"]);
    let me = person.get("me").is(200).json();
    assert_eq!((&me["groups"], &me["administrator"]), (&json!(["members"]), &false.into()));
    finds(&program);
    assert_eq!(
        ask(&program, "GET", "Users?filter=active%20pr", &json!({})).is(400).json()["scimType"],
        "invalidFilter"
    );
    assert_eq!(
        ask(&program, "GET", "Groups?excludedAttributes=members", &json!({})).json()["Resources"][0]
            .get("members"),
        None
    );
    // Out of the group, the right is gone with the next request.
    let out = json!({ "Operations": [{ "op": "remove", "path": format!("members[value eq \"{cid}\"]") }] });
    drop(ask(&program, "PATCH", &format!("Groups/{team}"), &out).is(200));
    drop(person.get("me").is(401));
    drop(
        ask(
            &program,
            "PATCH",
            &format!("Groups/{team}"),
            &json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": cid }] }] }),
        )
        .is(200),
    );
    // One member picked is never taken for all of them.
    for picked in [format!("members[value eq \"{cid}\"]"), "members[type eq \"User\"]".to_owned()] {
        let group = format!("Groups/{team}");
        let answer = ask(&program, "PATCH", &group, &patch(&picked, json!([]))).is(400).json();
        assert_eq!(answer["scimType"], "invalidPath", "{picked}");
    }
    drop(person.get("me").is(200));
    assert_eq!(
        ask(&program, "PATCH", &format!("Users/{cid}"), &patch("userName", json!("zed@example.org")))
            .is(400)
            .json()["scimType"],
        "mutability"
    );
    drop(ask(&program, "PUT", &format!("Users/{cid}"), &user("cid")).is(200));
    drop(ask(&program, "DELETE", &format!("Groups/{team}"), &json!({})).is(204));
    drop(person.get("me").is(401));
    home.verifies();
}

#[test]
fn a_leaver_loses_sign_ins_tokens_streams_approvals_and_running_turns() {
    let home = home();
    let [ada] = home.signed_in(["ada"]);
    let program = token(&ada, "scim");
    for (name, leaves) in [("cid", patch("active", json!("False"))), ("dee", Value::Null)] {
        let account = id(&ask(&program, "POST", "Users", &user(name)).is(201));
        let group = json!({ "displayName": "platform-team", "members": [{ "value": account }] });
        let team = id(&ask(&program, "POST", "Groups", &group).is(201));
        let [person] = home.signed_in([name]);
        let by_token = token(&person, "chat");
        drop(person.say("echo", "announce it"));
        let approval = home.waiting();
        let turn = home.json(&["approvals", "show", &approval])["turn"].as_str().unwrap().to_owned();
        let stream = person.follow(&format!("turns/{turn}/events"));
        let path = format!("Users/{account}");
        match leaves {
            Value::Null => drop(ask(&program, "DELETE", &path, &json!({})).is(204)),
            leaves => assert_eq!(ask(&program, "PATCH", &path, &leaves).is(200).json()["active"], false),
        }
        drop(person.get("me").is(401));
        drop(by_token.get("sessions").is(401));
        drop(stream.rest());
        assert_eq!(home.json(&["approvals", "show", &approval])["state"], "cancelled");
        let claim = json!({ "person": name, "password": bulkhead_tests::web::PASSWORD });
        drop(Browser::at(&home).post("sign-in", &claim).is(401));
        eventually("the turn is over", || !home.records(&["--event", "turn.stopped"]).is_empty());
        drop(ask(&program, "DELETE", &format!("Groups/{team}"), &json!({})).is(204));
    }
    home.verifies();
}

#[test]
fn what_is_there_is_described_and_holds_of_what_is_given() {
    let home = home();
    let [ada] = home.signed_in(["ada"]);
    let program = token(&ada, "scim");
    let get = |path: &str| ask(&program, "GET", path, &Value::Null);
    let account = id(&ask(&program, "POST", "Users", &user("cid")).is(201));
    let group = json!({ "displayName": "platform-team", "members": [{ "value": account }] });
    drop(ask(&program, "POST", "Groups", &group).is(201));

    let types = get("ResourceTypes").is(200).json()["Resources"].as_array().unwrap().clone();
    assert_eq!(types.iter().map(|kind| kind["id"].as_str().unwrap()).collect::<Vec<_>>(), ["User", "Group"]);
    let schemas = get("Schemas").is(200).json();
    assert_eq!((&schemas["totalResults"], &schemas["startIndex"]), (&json!(2), &json!(1)));
    for kind in &types {
        let name = kind["id"].as_str().unwrap();
        let one = get(&format!("ResourceTypes/{name}")).is(200);
        assert_eq!(one.json(), *kind);
        assert_eq!(one.header("location"), "", "that is for what was made");
        let urn = kind["schema"].as_str().unwrap();
        let schema = get(&format!("Schemas/{urn}")).is(200).json();
        assert!(schemas["Resources"].as_array().unwrap().contains(&schema), "{schema}");
        // What is given of one is what is described, and nothing that is said to be hidden.
        let listed = get(kind["endpoint"].as_str().unwrap().trim_start_matches('/')).is(200).json();
        let given = listed["Resources"][0].as_object().unwrap().clone();
        assert_eq!(given["schemas"], json!([urn]));
        let described = schema["attributes"].as_array().unwrap();
        let common = ["schemas", "id", "externalId", "meta"];
        for field in given.keys().filter(|field| !common.contains(&field.as_str())) {
            let own = described.iter().find(|one| one["name"] == **field);
            assert_eq!(own.unwrap_or_else(|| panic!("`{field}` of {name}"))["returned"], "default");
        }
        for one in described.iter().filter(|one| one["required"] == true) {
            let field = one["name"].as_str().unwrap();
            assert!(given.contains_key(field), "`{field}` of {name}");
            assert_eq!(
                ask(&program, "POST", kind["endpoint"].as_str().unwrap().trim_start_matches('/'), &json!({}))
                    .status,
                400
            );
        }
    }
}

#[test]
fn what_can_be_done_is_said_and_what_is_described_is_neither_filtered_nor_changed() {
    let home = home();
    let [ada] = home.signed_in(["ada"]);
    let program = token(&ada, "scim");
    let get = |path: &str| ask(&program, "GET", path, &Value::Null);
    let config = get("ServiceProviderConfig").is(200).json();
    for (feature, there) in [
        ("patch", true),
        ("filter", true),
        ("bulk", false),
        ("sort", false),
        ("etag", false),
        ("changePassword", false),
    ] {
        assert_eq!(config[feature]["supported"], there, "{feature}");
    }
    assert!(config["meta"]["location"].as_str().unwrap().ends_with("/scim/v2/ServiceProviderConfig"));

    home.verifies();
}

#[test]
fn what_is_asked_for_is_given_and_what_is_not_there_is_a_no_of_scims_own() {
    let home = home();
    let [ada] = home.signed_in(["ada"]);
    let program = token(&ada, "scim");
    let get = |path: &str| ask(&program, "GET", path, &Value::Null);
    let account = id(&ask(&program, "POST", "Users", &user("cid")).is(201));
    let group = json!({ "displayName": "platform-team", "members": [{ "value": account }] });
    drop(ask(&program, "POST", "Groups", &group).is(201));

    // What is there is not filtered, what is not there is no page of the console, and nothing of it is changed.
    for path in ["ServiceProviderConfig", "ResourceTypes", "Schemas", "Schemas/urn:x", "ResourceTypes/User"] {
        drop(get(&format!("{path}?filter=id%20eq%20%22User%22")).is(403));
    }
    for path in ["Schemas/urn:x", "ResourceTypes/user", "ResourceTypes/%00", "Me", "Bulk", "Schemas/User/x"] {
        let none = get(path).is(404);
        assert_eq!(
            (none.header("content-type"), &none.json()["status"]),
            ("application/scim+json", &json!("404"))
        );
    }
    for (method, path) in [
        ("POST", "Schemas"),
        ("DELETE", "ResourceTypes/User"),
        ("PUT", "ServiceProviderConfig"),
        ("PATCH", "Users"),
    ] {
        let no = ask(&program, method, path, &json!({})).is(405);
        assert_eq!(no.json()["status"], "405", "{method} {path}");
    }
    // What is asked for is what is given, beside what says which it is.
    let keys = |path: &str| -> Vec<String> {
        get(path).is(200).json().as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&format!("Users/{account}?attributes=userName")), ["schemas", "id", "userName"]);
    assert!(
        !keys(&format!("Users/{account}?excludedAttributes=displayName")).contains(&"displayName".to_owned())
    );
    let one = get("Groups?attributes=members").is(200).json()["Resources"][0]["members"][0].clone();
    assert!(one["$ref"].as_str().unwrap().ends_with(&format!("/scim/v2/Users/{account}")), "{one}");
    // What was made says where it is.
    let made = ask(&program, "POST", "Users", &user("dee")).is(201);
    assert_eq!(made.header("location"), made.json()["meta"]["location"]);
}

/// What the real client is told no, on purpose, each with the reason that the ADR has.
const REFUSED: [&str; 2] = [
    // Whoever is neither active nor not would be taken for one of both.
    "User check_remove_attribute",
    // A search by a body is one by the address.
    "User search_with_attributes",
];

#[test]
fn a_real_client_finds_out_by_itself_what_there_is_and_uses_all_of_it() {
    let test = "a_real_client_finds_out_by_itself_what_there_is_and_uses_all_of_it";
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dir = std::env::var_os("BULKHEAD_SCIM").map_or_else(|| root.join(".tools/scim"), PathBuf::from);
    if !dir.join("ready").is_file() {
        return skipped(test, &format!("no client in {} (run tests/clients/run scim)", dir.display()));
    }
    // Whatever name the client thinks of is somebody's.
    let home = Home::team(&SETTINGS.replace("domain = \"example.org\"\n", ""), POSTS);
    let [ada] = home.signed_in(["ada"]);
    let program = token(&ada, "scim");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/scim_check.py");
    let output = Command::new(dir.join("venv/bin/python"))
        .arg(script)
        .env("BULKHEAD_SCIM_URL", format!("http://{}/scim/v2/", program.address))
        .env("BULKHEAD_SCIM_TOKEN", program.token.as_deref().unwrap())
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let told: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let held = told.iter().filter(|one| one["held"] == true).count();
    assert!(held > 40, "{said}");
    for one in told.iter().filter(|one| one["held"] == false) {
        let what = format!("{} {}", one["of"].as_str().unwrap_or_default(), one["check"].as_str().unwrap());
        // It makes members up, and who is in a group has to be there.
        let made_up = one["of"] == "Group" && one["why"].as_str().unwrap().contains("there is no account");
        assert!(REFUSED.contains(&what.as_str()) || made_up, "{one}");
    }
    home.verifies();
}
