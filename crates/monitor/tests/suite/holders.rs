//! Who has a right to read what a program may write.

use vocab::Resource;

use crate::common::Home;

/// The groups that can read what is written at these places.
fn readers(roots: &[&str]) -> Vec<String> {
    let home = Home::new();
    home.monitor.readers_beneath(roots.iter().copied()).into_iter().map(|group| group.name).collect()
}

#[test]
fn whoever_may_read_a_folder_something_in_it_or_what_it_lies_in_reads_what_is_written_there() {
    assert_eq!(readers(&["/srv/docs"]), ["staff"]);
    assert_eq!(readers(&["/srv/docs/out/today"]), ["staff"], "what it lies in");
    assert_eq!(readers(&["/srv"]), ["personnel", "staff"], "what lies in it");
    assert_eq!(readers(&["/srv/hr", "/srv/docs"]), ["personnel", "staff"], "both");
    assert_eq!(readers(&["/srv/d"]), [""; 0], "a name is no folder above another");
    assert_eq!(readers(&[]), [""; 0]);
}

#[test]
fn whoever_may_ask_an_agent_reads_what_is_written_where_its_workspace_is() {
    assert_eq!(readers(&["/home/agents/echo/workspace"]), ["askers", "staff"]);
    assert_eq!(readers(&["/home/agents/echo/workspace/out"]), ["askers", "staff"]);
    assert_eq!(readers(&["/home/agents/other/workspace"]), ["askers"], "`*` is every agent");
    for above in ["/home/agents/echo", "/home/agents", "/home"] {
        assert_eq!(readers(&[above]), ["askers", "staff"], "{above}");
    }
    assert_eq!(readers(&["/home/agents/other"]), ["askers"]);
    assert_eq!(readers(&["/home/other"]), [""; 0]);
}

#[test]
fn a_model_of_another_machine_is_known_by_its_own_name_or_its_servers() {
    let home = Home::new();
    let remote = |name: &str| home.monitor.is_remote(&Resource::Model(name.to_owned()));
    assert!(remote("openai/gpt") && !remote("ollama/llama3"));
}
