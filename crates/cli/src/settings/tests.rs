//! Settings: what is taken, and where a mistake is said to be.

use std::path::Path;
use std::time::Duration;

use vocab::{Labels, Resource};

use super::*;

fn parse(text: &str) -> Result<Settings, String> {
    Settings::parse(Path::new("b.toml"), text).map_err(|error| error.to_string())
}

fn fault(text: &str) -> String {
    parse(text).expect_err("these settings are wrong")
}

#[test]
fn an_empty_file_has_safe_defaults() {
    let settings = parse("").unwrap();
    assert_eq!(settings.containment, Containment::Full);
    assert_eq!(settings.gateway.address.to_string(), "127.0.0.1:7400");
    assert_eq!(settings.models.default, "auto");
    assert_eq!(settings.approvals.lifetime, Duration::from_secs(86_400));
    assert_eq!(settings.solo(), None);
    assert!(settings.person.is_empty() && settings.models.remote().is_empty());
}

#[test]
fn every_topic_is_taken() {
    let settings = parse(
        r#"
        containment = "reduced"
        solo = "ada"
        [gateway]
        address = "127.0.0.1:0"
        [models]
        default = "box/llama3"
        [[models.server]]
        name = "box"
        url = "http://127.0.0.1:8000/v1"
        api-key = "secret:box"
        [models.wait]
        first = "20m"
        next = "2s"
        [secrets]
        forum = { env = "FORUM_KEY" }
        [[egress.headers]]
        host = "forum.example.org"
        name = "Authorization"
        value = "Bearer secret:forum"
        [approvals]
        lifetime = "1h 30m"
        [[person]]
        id = "ada"
        os-user = "ada"
        groups = ["staff"]
        clearance = ["restricted", "employee-personal-data"]
        administrator = true
        [[group]]
        name = "staff"
        agents = ["*"]
        read = ["/srv/docs"]
        [[label]]
        path = "/srv/hr"
        labels = ["restricted", "employee-personal-data"]
        [[destination]]
        host = "API.example.org"
        clearance = ["public"]
        [[destination]]
        channel = "board:forum"
        clearance = ["internal"]
        "#,
    )
    .unwrap();
    assert_eq!(settings.containment, Containment::Reduced);
    assert_eq!(settings.solo().unwrap().as_str(), "ada");
    assert_eq!(settings.approvals.lifetime, Duration::from_secs(5400));
    assert_eq!(settings.group[0].get_ref().rights.read, ["/srv/docs"]);
    let home = Home::choose(Some(Path::new("/srv/home"))).unwrap();
    let models = settings.model_servers(&home);
    assert_eq!(models.servers[0].api_key.as_ref().unwrap().name().as_str(), "box");
    let waits = models.timeouts;
    assert_eq!([waits.first_byte, waits.idle, waits.whole].map(|wait| wait.as_secs()), [1200, 2, 600]);
    assert_eq!(models.secrets.folder, Path::new("/srv/home/secrets"));
    let own = "127.0.0.1:7400".parse().unwrap();
    assert_eq!(settings.egress(&home, own).headers.len(), 1);
    assert_eq!(settings.secrets(&home).named.len(), 1);
    let source = settings.label[0].get_ref().source().unwrap();
    assert_eq!(
        (source.path.as_str(), source.labels.to_string().as_str()),
        ("/srv/hr", "restricted, employee-personal-data")
    );
    let sinks: Vec<_> = settings.destination.iter().flat_map(|d| d.get_ref().sinks()).collect();
    assert_eq!(sinks[0].resource, Resource::Host("api.example.org".into()));
    assert_eq!(sinks[0].clearance, Labels::public());
    assert_eq!(sinks[1].resource, Resource::Channel("board:forum".into()));
}

#[test]
fn a_mistake_is_said_with_its_line_and_column() {
    assert!(
        fault("\ncontainment = \"some\"").starts_with("`b.toml` line 2, column 15: unknown variant `some`")
    );
    assert!(
        fault("[gateway]\nadress = \"127.0.0.1:1\"").contains("line 2, column 1: unknown field `adress`")
    );
    assert!(fault("solo =").starts_with("`b.toml` line 1"));
    assert!(fault("ü = \"").contains("line 1"));
    assert!(fault("[approvals]\nlifetime = \"0s\"").contains("line 2, column 12: `0s` is not a time"));
    assert!(fault("[approvals]\nlifetime = \"later\"").contains("such as `30m`"));
    assert!(fault("[gateway]\naddress = \"here\"").contains("line 2, column 11"));
    for (text, words) in [
        ("[models.wait]\nfirst = \"0s\"", "line 2, column 9: `0s` is not a time from 1s to 1h"),
        ("[models.wait]\nnext = \"61m\"", "`61m` is not a time from 1s to 1h"),
        ("[models.wait]\nwhole = 600", "line 2"),
        ("[models.wait]\nidle = \"1s\"", "unknown field `idle`"),
        ("[[role]]\npeople = [\"ada\"]", "line 1"),
        ("[[role]]\nname = \"operator\"\nwho = \"ada\"", "unknown field `who`"),
        (
            "[[role]]\nname = \"r\"\n[[role]]\nname = \"r\"",
            "line 3, column 1: the role `r` is in the settings twice",
        ),
        (
            "[[person]]\nid = \"ada\"\n[[role]]\nname = \"operator\"\npeople = [\"ada\", \"carol\"]",
            "line 3, column 1: the role `operator` is given to `carol`, who is no `[[person]]` of this file; \
             give it to a group, to which `[[directory]]` maps people",
        ),
        ("[retention]\ndays = 0", "line 2, column 8: `0` is not a number of days from 1 to 36525"),
        ("[retention]\ndays = -1", "`-1` is not a number of days"),
        ("[retention]\ndays = \"400\"", "line 2"),
        ("[retention]\ndays = 99999999999999999999", "line 2"),
        ("[retention]\nyears = 1", "unknown field `years`"),
        ("[[retention.rule]]\ndays = 1", "missing field `label`"),
        ("[[retention.rule]]\nlabel = \"No Label\"\ndays = 1", "is not a label"),
        ("[[retention.rule]]\nlabel = \"a\"", "either `days` or `at-least-days`"),
        (
            "[[retention.rule]]\nlabel = \"a\"\ndays = 1\nat-least-days = 2",
            "either `days` or `at-least-days`",
        ),
        ("[[group]]\nname = \"g\"\nerase = [\"*\"]", "expected a boolean"),
    ] {
        assert!(fault(text).contains(words), "{text}: {}", fault(text));
    }
    for text in
        ["\nsolo = \"x\"", "[[person]]\nid = 1", "[[label]]\npath = \"/x\"", "[[group]]\nname=\"g\"\nsudo=[]"]
    {
        let sentence = fault(text);
        assert!(!sentence.contains('\n') && sentence.contains("line"), "{sentence}");
    }
}

#[test]
fn entries_that_do_not_fit_each_other_are_refused() {
    let ada = "[[person]]\nid = \"ada\"\nos-user = \"ada\"\n";
    assert!(fault(&format!("{ada}groups = [\"ghosts\"]")).contains("no `[[group]]` of that name"));
    assert!(
        fault(&format!("{ada}{ada}")).contains("line 4, column 1: the person `ada` is in the settings twice")
    );
    assert!(
        fault(&format!("{ada}[[person]]\nid = \"eve\"\nos-user = \"ada\""))
            .contains("same operating-system user")
    );
    assert!(fault(&format!("solo = \"eve\"\n{ada}")).contains("line 1, column 8: `solo` names `eve`"));
    assert!(fault(&format!("solo = \"ada\"\n{ada}[[person]]\nid = \"eve\"")).contains("home of one person"));
    assert!(fault("[[group]]\nname = \"g\"\n[[group]]\nname = \"g\"").contains("twice"));
    assert!(fault("[[label]]\npath = \"x\"\nlabels = []").contains("must be absolute"));
    assert!(fault("[[label]]\npath = \"/x\"\nlabels = [\"No Label\"]").contains("is not a label"));
    assert!(fault("[[destination]]\nclearance = []").contains("names one of"));
    assert!(fault("[[destination]]\nhost=\"a\"\nchannel=\"b:c\"\nclearance = []").contains("names one of"));
    assert!(fault("[[models.server]]\nname = \"a/b\"\nurl = \"http://x\"").contains("without `/`"));
}

#[test]
fn what_should_be_a_reference_is_never_quoted_when_it_is_none() {
    let server = "[[models.server]]\nname = \"a\"\nurl = \"http://x\"\napi-key = ";
    let header = "[[egress.headers]]\nhost = \"a\"\nname = \"X-Key\"\nvalue = ";
    for (text, words) in [
        (format!("{server}\"sk-sesame-1\""), "line 4, column 11: a secret is written as `secret:NAME`"),
        (format!("{server}\"secret:../sesame\""), "must be followed by a name"),
        (format!("{header}\"Bearer sk-sesame-1\""), "line 1, column 1: a secret is written as `secret:NAME`"),
        ("[secrets]\nbox = \"sk-sesame-1\"".to_owned(), "does not belong in the settings"),
        ("[secrets]\nbox = { value = \"sk-sesame-1\" }".to_owned(), "does not belong in the settings"),
        ("[secrets]\nbox = { env = \"sk-sesame-1\" }".to_owned(), "an environment variable's name"),
        ("[secrets]\n\"sk sesame\" = { env = \"A\" }".to_owned(), "a secret's name is"),
    ] {
        let fault = fault(&text);
        assert!(fault.contains(words) && !fault.contains("sesame"), "{fault}");
    }
    let wild = "[[egress.headers]]\nhost = \"*.example.org\"\nname = \"X-Key\"\nvalue = \"secret:a\"";
    assert!(fault(wild).contains("`*.example.org` is not one host"));
}

#[test]
fn what_a_gateway_is_wired_with_is_what_the_settings_say_and_not_where() {
    let wired = |text: &str| Settings::parse(Path::new("bulkhead.toml"), text).unwrap().wired;
    let base = "[checkpoint]\norigin = \"example.org/record\"\n[[checkpoint.publish]]\nfile = \"/a\"\n";
    for same in [
        format!("# a comment that moves all of it\n\n{base}"),
        format!("models = {{ default = \"ollama/llama3\" }}\n{base}"),
        format!("{base}[[person]]\nid = \"ada\"\n"),
        format!("{base}[[label]]\npath = \"/srv\"\nlabels = [\"secret\"]\n"),
    ] {
        assert_eq!(wired(base), wired(&same), "{same}");
    }
    for other in [
        format!("{base}[record]\ndatabase = \"postgres://a@b/c\"\n"),
        format!("{base}[gateway]\naddress = \"127.0.0.1:1\"\n"),
        format!("{base}[[models.server]]\nname = \"a\"\nurl = \"http://x\"\n"),
        format!("{base}[models.wait]\nnext = \"2m\"\n"),
        base.replace("/a", "/b"),
        base.replace("example.org", "example.com"),
        format!("containment = \"reduced\"\n{base}"),
    ] {
        assert_ne!(wired(base), wired(&other), "{other}");
    }
}

const TEAM: &str = "
[[person]]
id = \"ada\"
groups = [\"staff\"]
[[person]]
id = \"bob\"
[[group]]
name = \"staff\"
approve = [\"*\"]
[[queue]]
name = \"posts\"
";

#[test]
fn a_queue_is_taken_whole_and_one_that_cannot_work_is_said_with_its_place() {
    let settings = parse(&format!(
        "{TEAM}agents = [\"echo\"]\nactions = [\"message.post\"]\nresources = [\"board:*\"]\nrisk = \"medium\"\n\
         groups = [\"staff\"]\npeople = [\"bob\"]\nneeded = 2\nlifetime = \"30m\"\nescalate-after = \"10m\"\n\
         escalate-people = [\"bob\"]\n"
    ))
    .unwrap();
    let queue = settings.queue[0].get_ref().queue();
    assert_eq!((queue.needed, queue.lifetime), (2, Some(Duration::from_secs(1800))));
    assert_eq!(queue.risk, monitor::Risk::Medium);
    assert_eq!(queue.actions, [vocab::Verb::MessagePost]);
    assert_eq!(queue.escalation.unwrap().after, Duration::from_secs(600));
    for (more, words) in [
        ("", "needs 1 of its approvers to say yes and has 0"),
        ("groups = [\"staff\"]\nneeded = 2\n", "needs 2 of its approvers"),
        ("groups = [\"crew\"]\n", "the group `crew`"),
        ("people = [\"zoe\"]\n", "the person `zoe`"),
        ("people = [\"bob\"]\nescalate-after = \"1m\"\n", "escalates to nobody"),
        ("people = [\"bob\"]\nescalate-people = [\"ada\"]\n", "give `escalate-after`"),
        (
            "people = [\"bob\"]\nlifetime = \"5m\"\nescalate-after = \"5m\"\nescalate-people = [\"ada\"]\n",
            "when it is too late already",
        ),
        ("people = [\"bob\"]\n[[queue]]\nname = \"posts\"\npeople = [\"bob\"]\n", "twice"),
        ("people = [\"bob\"]\nactions = [\"file.burn\"]\n", "file.burn"),
        ("people = [\"bob\"]\nrisk = \"none\"\n", "none"),
        ("people = [\"bob\"]\nlifetime = \"0s\"\n", "is not a time"),
        ("people = [\"bob\"]\npersons = 2\n", "persons"),
    ] {
        let said = fault(&format!("{TEAM}{more}"));
        assert!(said.contains("line ") && said.contains(words), "{more}: {said}");
    }
}

#[test]
fn a_witness_is_taken_with_its_key_and_one_that_cannot_be_is_said_with_its_place() {
    // The same bytes as a witness's key and as a log's.
    let (witness, log) = (
        "w/1+978c5a42+BAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD",
        "w/1+43b3f8f3+AQMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD",
    );
    let renamed = "w/2+0f18ad32+BAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD";
    let table = |name: &str, url: &str, key: &str, more: &str| {
        format!("[checkpoint.witness.{name}]\nurl = \"{url}\"\nkey = \"{key}\"\n{more}")
    };
    let good = table("a", "https://w.example/x/", witness, "");
    let settings = parse(&good).unwrap();
    let asked = settings.witnesses();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].target.to().unwrap().to_string(), "https://w.example");
    assert_eq!(asked[0].key.to_string(), witness);
    for (text, words) in [
        (table("a", "w.example", witness, ""), "begins with `https://`"),
        (table("a", "tcp://w.example:1", witness, ""), "begins with `https://`"),
        (table("a", "https://w.example/?k=1", witness, ""), "the witness `a` has a `?`"),
        (table("a", "https://me:pw@w.example/", witness, ""), "the witness `a` has a user or a password"),
        (table("A", "https://w.example/", witness, ""), "needs another name"),
        (table("a", "https://w.example/", log, ""), "is not of type 4"),
        (table("a", "https://w.example/", "w/1+00000000+AAAA", ""), "key"),
        (table("a", "https://w.example/", witness, "path = 1\n"), "path"),
        (
            table("a", "http://w.example/", witness, "headers = { X-Api-Key = \"secret:k\" }\n"),
            "in the clear",
        ),
        (format!("{good}{}", table("b", "https://v.example/", witness, "")), "another witness's already"),
        // Its bytes by another name.
        (format!("{good}{}", table("b", "https://v.example/", renamed, "")), "another witness's already"),
        (format!("[checkpoint]\nwitnesses = [{renamed:?}]\n{good}"), "another witness's already"),
        (format!("[checkpoint]\nwitnesses = [{witness:?}, {renamed:?}]\n"), "already, by the name `w/1`"),
        ("[checkpoint.witness.a]\nurl = \"https://w.example/\"\n".to_owned(), "key"),
    ] {
        let said = fault(&text);
        assert!(said.contains("line ") && said.contains(words), "{text}: {said}");
        assert!(!said.contains("pw@"), "{said}");
    }
    let both = parse(&format!("[checkpoint]\nwitnesses = [{witness:?}]\n{good}")).unwrap();
    assert_eq!(both.notary(&Home::choose(Some(Path::new("/srv/home"))).unwrap()).witnesses.len(), 1);
    let many: String =
        (0..17).map(|nth| table(&format!("w{nth}"), "https://w.example/", witness, "")).collect();
    assert!(fault(&many).contains("more than 16 witnesses"));
}

#[test]
fn a_chat_is_taken_and_one_that_cannot_be_is_said_with_its_place() {
    let chat = "[chat]\nname = \"ops\"\nwebhook = \"secret:hook\"\nsigning-secret = \"secret:sign\"\nteam = \"T1\"\n";
    let settings = parse(chat).unwrap();
    let taken = settings.chat.as_ref().unwrap();
    assert_eq!(taken.clearance, Labels::public(), "nothing is shown there that nobody wrote down");
    assert_eq!(settings.chat_secrets().map(ToString::to_string).collect::<Vec<_>>(), ["hook", "sign"]);
    assert_ne!(settings.wired, parse("").unwrap().wired, "a changed chat takes a restart");
    let person = |id: &str, account: &str| format!("[[person]]\nid = \"{id}\"\nchat = \"{account}\"\n");
    parse(&(person("a", "U1") + &person("b", "U2") + chat)).unwrap();
    for (text, words) in [
        (chat.replace("ops", "Ops Team"), "line 2, column 8: the `name` of `[chat]`"),
        (chat.replace("\"T1\"", "\"t1\""), "line 5, column 8: the `team` of `[chat]` is no workspace"),
        (chat.replace("\"T1\"", "\"\""), "is no workspace"),
        (chat.replace("team = \"T1\"\n", ""), "missing field `team`"),
        (
            chat.replace("secret:hook", "https://hooks.example.org/sesame"),
            "line 3, column 11: a secret is written as",
        ),
        (chat.replace("secret:sign", "sesame"), "line 4, column 18: a secret is written as"),
        (format!("{chat}ca = \"ca.pem\""), "needs an absolute path"),
        (format!("{chat}clearance = [\"secret\", \"public\", \"internal\"]"), "are both levels"),
        (format!("{chat}url = \"x\""), "unknown field `url`"),
        (person("a", "u1"), "line 1, column 1: the `chat` of `a` is no account"),
        (person("a", &"U".repeat(33)), "is no account"),
        (
            person("a", "U1") + &person("b", "U1"),
            "line 4, column 1: `a` and `b` are the same account in the chat",
        ),
    ] {
        let said = fault(&text);
        assert!(said.contains(words) && !said.contains("sesame"), "{words}: {said}");
    }
}
