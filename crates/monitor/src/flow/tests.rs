use super::*;
use crate::config::{Sink, Source};

fn labels(names: &[&str]) -> Labels {
    Labels::from_names(names.iter().copied()).unwrap()
}

fn flow() -> Flow {
    let source = |path: &str, names: &[&str]| Source { path: path.into(), labels: labels(names) };
    let sink = |resource, names: &[&str]| Sink { resource, clearance: labels(names) };
    Flow::new(&Config {
        databases: vec![],
        table_labels: vec![],
        sources: vec![
            source("/srv", &["public"]),
            source("/srv/hr", &["restricted"]),
            source("/srv/hr", &["public", "employee-personal-data"]),
        ],
        sinks: vec![
            sink(Resource::Host("*.example.org".into()), &["confidential"]),
            sink(Resource::Host("docs.example.org".into()), &["public"]),
            sink(Resource::Channel("board:*".into()), &["public"]),
            sink(Resource::Model("ollama".into()), &["restricted"]),
            sink(Resource::Path("/srv/out".into()), &["public"]),
        ],
        ..Config::default()
    })
}

#[test]
fn a_source_carries_all_that_covers_it() {
    let flow = flow();
    let at = |path| flow.source(path, &BTreeMap::new());
    assert_eq!(at("/srv/x"), labels(&["public"]));
    assert_eq!(at("/srv/hr"), labels(&["restricted", "employee-personal-data"]), "named twice, both count");
    assert_eq!(at("/srv/hr/a/b"), labels(&["restricted", "employee-personal-data"]));
    assert_eq!(at("/srv/hrx"), labels(&["public"]));
    assert_eq!(at("/home/x"), labels(&["internal"]), "what nobody labelled");
    assert_eq!(at("/"), labels(&["internal"]));
}

#[test]
fn a_mark_counts_for_all_beneath_and_for_a_listing_of_its_folders() {
    let marks = BTreeMap::from([("/srv/a/b".to_owned(), labels(&["confidential"]))]);
    let flow = flow();
    for path in ["/srv/a/b", "/srv/a/b/c", "/srv/a/b/c/d", "/srv/a", "/srv", "/"] {
        assert_eq!(flow.source(path, &marks).level(), vocab::Level::Confidential, "{path}");
    }
    for path in ["/srv/a/bc", "/srv/ab", "/srv/a/a"] {
        assert_eq!(flow.source(path, &marks), labels(&["public"]), "{path}");
    }
}

#[test]
fn a_mark_is_needed_where_anything_carries_less() {
    let flow = flow();
    for (path, names, carries) in [
        ("/etc", &["internal"][..], true),
        ("/etc", &["confidential"], false),
        ("/", &["internal"], false),
        ("/srv/a", &["internal"], false),
        ("/srv/a", &["public"], true),
        ("/srv/hr/x", &["confidential"], true),
        ("/srv/hr/x", &["internal", "project-x"], false),
    ] {
        assert_eq!(flow.carries(path, &labels(names)), carries, "{path} {names:?}");
    }
}

#[test]
fn the_closest_sink_counts() {
    let flow = flow();
    let at = |resource| flow.sink(&resource);
    assert_eq!(at(Resource::Host("docs.example.org".into())), Some(labels(&["public"])));
    assert_eq!(at(Resource::Host("a.b.example.org".into())), Some(labels(&["confidential"])));
    assert_eq!(at(Resource::Host("example.org".into())), Some(labels(&["internal"])));
    assert_eq!(at(Resource::Channel("board:forum".into())), Some(labels(&["public"])));
    assert_eq!(at(Resource::Model("ollama/llama3".into())), Some(labels(&["restricted"])));
    assert_eq!(at(Resource::Model("vllm/x".into())), Some(labels(&["internal"])));
    assert_eq!(at(Resource::Path("/srv/out/a".into())), Some(labels(&["public"])));
    assert_eq!(at(Resource::Path("/srv/outer".into())), None, "a file takes any labels");
}
