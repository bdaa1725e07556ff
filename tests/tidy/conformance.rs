//! One suite for both databases: what a test of the record says holds for a file of SQLite's and for a server's of PostgreSQL's.
//! A test that runs on one of them stands in [`ONE`], with its twin on the other, or with why there can be none.

use super::source::{Source, is_test_attribute};

/// Where the suite is.
const SUITE: &str = "crates/journal/tests/journal/";

/// What gives a test both databases.
const BOTH: [&str; 2] = ["both", "stages"];

/// Why a test runs on one database.
#[derive(Clone, Copy)]
enum Only {
    /// This one says the same of the other.
    Twin(&'static str),
    /// It is about what the other has not.
    Of(&'static str),
}

use Only::{Of, Twin};

/// What a server has and a file has not.
const SERVER: &str = "a server, a connection to it or its roles: a file has none";
const GATEWAYS: &str = "several gateways at once: a file has one";
const FILE: &str = "a file, its pages, its write-ahead log or its folder: a server's are its own";
const CHILD: &str = "the process that other tests start";

/// Every test of the suite that runs on one database.
const ONE: &[(&str, Only)] = &[
    ("aftermath::a_server_that_is_read_and_takes_nothing_is_no_recovery", Of(SERVER)),
    ("aftermath::what_an_outage_has_left_over_comes_through_in_parts", Of(SERVER)),
    ("aftermath::rows_of_state_that_a_hanging_server_keeps_hold_up_nothing_else", Of(SERVER)),
    (
        "append::one_home_has_one_gateway",
        Twin("several::each_gateway_sees_its_own_rows_of_state_and_has_its_name_alone"),
    ),
    (
        "append::only_the_owner_can_open_its_files",
        Twin("rights::a_gateways_role_adds_to_the_log_and_takes_nothing_from_it"),
    ),
    (
        "append::whoever_waits_for_a_writer_that_breaks_down_is_told",
        Of(
            "the queue before the writer, which is the same code for both; a file's writer asks the clock where it can break",
        ),
    ),
    ("between::a_checkpoint_that_comes_after_a_change_of_keys_is_not_stored_with_the_old_one", Of(GATEWAYS)),
    ("between::a_change_of_keys_that_comes_after_a_larger_checkpoint_is_signed_anew", Of(GATEWAYS)),
    ("between::gateways_that_sign_and_change_keys_at_once_leave_nothing_that_does_not_hold", Of(GATEWAYS)),
    ("between::a_hold_and_an_erasure_at_the_same_moment_come_one_after_the_other", Of(GATEWAYS)),
    ("crash::child", Of(CHILD)),
    ("cut::an_erasure_is_done_once_or_not_at_all_wherever_the_connection_goes", Of(SERVER)),
    ("cut::a_checkpoint_is_stored_once_or_not_at_all_wherever_the_connection_goes", Of(SERVER)),
    (
        "erase::what_is_erased_is_gone_on_a_server_too_and_only_the_eraser_can",
        Twin("erase::what_is_erased_is_in_no_file_and_the_chain_holds_against_an_earlier_head"),
    ),
    (
        "erase::what_is_erased_is_out_of_a_servers_files_when_its_tables_are_made_anew",
        Twin("erase::what_is_erased_is_in_no_file_and_the_chain_holds_against_an_earlier_head"),
    ),
    (
        "erase::what_is_erased_is_in_no_file_and_the_chain_holds_against_an_earlier_head",
        Twin("erase::what_is_erased_is_gone_on_a_server_too_and_only_the_eraser_can"),
    ),
    ("erase::a_reader_of_an_older_state_only_delays_what_the_files_give_up", Of(FILE)),
    ("eraser::an_eraser_that_is_refused_harms_nobody_else", Of(SERVER)),
    ("eraser::an_eraser_that_is_never_answered_harms_nobody_else", Of(SERVER)),
    ("eraser::while_an_eraser_is_not_answered_all_else_is_recorded", Of(SERVER)),
    ("eraser::what_became_of_an_erasure_is_found_out_when_the_eraser_is_let_in_no_more", Of(SERVER)),
    (
        "foreign::what_is_put_into_it_while_it_is_written_does_nothing_and_is_refused_until_it_is_gone",
        Twin(
            "foreign::what_is_put_to_a_servers_tables_while_it_is_written_keeps_erasures_out_and_is_noticed",
        ),
    ),
    (
        "foreign::what_is_put_to_a_servers_tables_while_it_is_written_keeps_erasures_out_and_is_noticed",
        Twin("foreign::what_is_put_into_it_while_it_is_written_does_nothing_and_is_refused_until_it_is_gone"),
    ),
    (
        "full::a_full_disk_refuses_clearly_and_recovers",
        Twin("outage::a_full_disk_under_postgresql_refuses_clearly_and_recovers"),
    ),
    (
        "full::a_journal_that_is_asked_for_nothing_finds_out_that_there_is_room_again",
        Twin("outage::a_commit_of_which_nothing_can_be_learned_is_refused_and_settled_later"),
    ),
    ("full::a_disk_without_room_for_a_journal", Of(FILE)),
    ("harsh::child", Of(CHILD)),
    ("harsh::an_erasure_is_whole_or_not_there_whenever_its_server_is_killed", Of(SERVER)),
    (
        "harsh::whatever_is_erased_in_whatever_order_nothing_else_goes_and_it_verifies",
        Twin("harsh::whatever_is_erased_on_a_server_in_whatever_order_nothing_else_goes_and_it_verifies"),
    ),
    (
        "harsh::whatever_is_erased_on_a_server_in_whatever_order_nothing_else_goes_and_it_verifies",
        Twin("harsh::whatever_is_erased_in_whatever_order_nothing_else_goes_and_it_verifies"),
    ),
    ("memory::child", Of(CHILD)),
    (
        "open::what_is_not_a_journal",
        Twin("unfit::a_database_on_a_server_that_has_no_record_is_said_to_have_none_and_gets_none"),
    ),
    ("open::a_file_that_was_cut_off", Of(FILE)),
    (
        "open::a_damaged_page_that_the_next_record_would_stand_on",
        Twin("unfit::a_page_on_a_server_that_was_damaged_is_told_of_and_added_to_by_nobody"),
    ),
    (
        "open::a_tail_that_was_tampered_with",
        Twin("unfit::a_tail_and_a_tree_on_a_server_that_were_changed_are_not_added_to"),
    ),
    (
        "open::a_form_from_before_the_first_release",
        Twin("unfit::a_newer_form_on_a_server_is_neither_written_nor_read"),
    ),
    (
        "open::a_tree_without_its_nodes",
        Twin("unfit::a_tail_and_a_tree_on_a_server_that_were_changed_are_not_added_to"),
    ),
    ("open::a_newer_form", Twin("unfit::a_newer_form_on_a_server_is_neither_written_nor_read")),
    (
        "open::another_program_that_holds_the_database",
        Twin("several::each_gateway_sees_its_own_rows_of_state_and_has_its_name_alone"),
    ),
    ("open::a_folder_that_cannot_be_written", Of(FILE)),
    ("open::a_database_that_went_missing_beside_its_log", Of(FILE)),
    ("open::a_making_that_was_interrupted_is_made_again", Of(FILE)),
    (
        "open::looking_at_what_is_not_there_makes_nothing",
        Twin("unfit::a_database_on_a_server_that_has_no_record_is_said_to_have_none_and_gets_none"),
    ),
    ("open::a_look_from_within_the_gateway_leaves_the_writers_lock_alone", Of(FILE)),
    ("outage::a_commit_whose_answer_was_lost_is_found_in_the_log_and_acknowledged", Of(SERVER)),
    ("outage::a_commit_that_never_arrived_is_sent_again", Of(SERVER)),
    ("outage::a_commit_that_arrives_after_all_is_not_done_twice", Of(SERVER)),
    ("outage::a_commit_of_which_nothing_can_be_learned_is_refused_and_settled_later", Of(SERVER)),
    ("outage::a_commit_that_arrives_after_it_was_called_unknown_is_in_once_or_never", Of(SERVER)),
    ("outage::a_server_that_hangs_is_given_up_and_taken_up_again", Of(SERVER)),
    ("outage::nothing_acknowledged_is_lost_when_postgresql_is_killed_under_load", Of(SERVER)),
    (
        "outage::a_full_disk_under_postgresql_refuses_clearly_and_recovers",
        Twin("full::a_full_disk_refuses_clearly_and_recovers"),
    ),
    (
        "property::drafts_come_back_as_they_were",
        Twin("property::drafts_come_back_from_a_server_as_they_were"),
    ),
    (
        "property::drafts_come_back_from_a_server_as_they_were",
        Twin("property::drafts_come_back_as_they_were"),
    ),
    ("read::a_journal_on_a_medium_that_cannot_be_written_is_read_all_the_same", Of(FILE)),
    ("rights::a_gateways_role_adds_to_the_log_and_takes_nothing_from_it", Of(SERVER)),
    ("rights::the_erasers_role_removes_content_and_nothing_else", Of(SERVER)),
    ("rights::a_user_that_can_change_the_log_is_found", Of(SERVER)),
    ("rights::an_eraser_that_can_do_more_or_cannot_erase_is_found", Of(SERVER)),
    ("rights::a_record_is_made_once_and_by_somebody_who_may", Of(SERVER)),
    ("rights::records_in_several_databases_of_a_server_are_made_at_once", Of(SERVER)),
    ("several::gateways_that_append_at_once_make_one_log", Of(GATEWAYS)),
    ("several::a_gateway_that_never_rests_leaves_the_others_their_turn", Of(GATEWAYS)),
    ("several::each_gateway_sees_its_own_rows_of_state_and_has_its_name_alone", Of(GATEWAYS)),
    (
        "several::gateways_that_are_killed_at_random_leave_one_log_with_all_that_was_acknowledged",
        Of(GATEWAYS),
    ),
    ("tamper::no_flipped_byte_changes_the_record_unseen", Of(FILE)),
    (
        "tamper::every_flip_inside_a_record_or_its_content_is_found",
        Of(
            "where in the file's bytes a row stands; `every_bit_that_its_owner_flips_in_a_row_is_found` is both's",
        ),
    ),
    ("tamper::a_flip_in_the_write_ahead_log_is_found_with_a_checkpoint", Of(FILE)),
    ("unfit::a_newer_form_on_a_server_is_neither_written_nor_read", Twin("open::a_newer_form")),
    (
        "unfit::a_database_on_a_server_that_has_no_record_is_said_to_have_none_and_gets_none",
        Twin("open::what_is_not_a_journal"),
    ),
    (
        "unfit::a_tail_and_a_tree_on_a_server_that_were_changed_are_not_added_to",
        Twin("open::a_tail_that_was_tampered_with"),
    ),
    (
        "unfit::a_page_on_a_server_that_was_damaged_is_told_of_and_added_to_by_nobody",
        Twin("open::a_damaged_page_that_the_next_record_would_stand_on"),
    ),
    ("wal::a_log_that_was_cut_off_is_found_as_far_as_a_checkpoint_reaches", Of(FILE)),
];

/// A test of the suite, and whether it runs on both databases.
struct Case {
    name: String,
    both: bool,
}

/// The tests of a file of the suite.
fn cases(file: &Source) -> Vec<Case> {
    let Some(name) = file.path.strip_prefix(SUITE).and_then(|name| name.strip_suffix(".rs")) else {
        return Vec::new();
    };
    let mut found: Vec<Case> = Vec::new();
    for (_, inside) in file.attributes() {
        let words: Vec<&str> = file.tokens[inside.clone()].iter().map(|token| token.text.as_str()).collect();
        if !is_test_attribute(&words) || words.first() == Some(&"cfg") {
            continue;
        }
        let item = &file.tokens[inside.end..=file.item_end(inside.end + 1)];
        let function = item.windows(2).find(|pair| pair[0].text == "fn").map(|pair| pair[1].text.as_str());
        let both = item.windows(2).any(|pair| BOTH.contains(&pair[0].text.as_str()) && pair[1].text == "(");
        found.extend(function.map(|function| Case { name: format!("{name}::{function}"), both }));
    }
    found
}

/// What of the suite is on one database and does not say why, or says so and is not.
pub fn check(files: &[Source]) -> Vec<String> {
    held(&files.iter().flat_map(cases).collect::<Vec<_>>(), ONE)
}

fn held(cases: &[Case], one: &[(&str, Only)]) -> Vec<String> {
    let mut findings = Vec::new();
    for case in cases {
        match (case.both, one.iter().filter(|(name, _)| *name == case.name).count()) {
            (true, 0) | (false, 1) => {}
            (false, 0) => findings.push(format!(
                "`{}` runs on one database: run it on both with `Kept::both()`, or say in tests/tidy/conformance.rs why not",
                case.name
            )),
            (true, _) => findings.push(format!("`{}` runs on both databases and is said not to", case.name)),
            (false, _) => findings.push(format!("`{}` is in the table twice", case.name)),
        }
    }
    let there = |name: &str| cases.iter().any(|case| case.name == name);
    for (name, only) in one {
        if !there(name) {
            findings.push(format!("`{name}` is in the table and no test of the suite"));
        }
        match only {
            Twin(other) if other == name || !there(other) => {
                findings.push(format!("`{other}`, the twin of `{name}`, is no other test of the suite"));
            }
            Of("") => findings.push(format!("`{name}` does not say what it is about")),
            Twin(_) | Of(_) => {}
        }
    }
    findings
}

#[test]
fn a_test_on_one_database_that_does_not_say_why_is_found() {
    let code = "#[test]\nfn fine() { for kept in Kept::both() {} }\n#[tokio::test]\nasync fn alone() { open(folder); }\n\
                #[test]\nfn served() { Kept::postgres(); }\nfn helper() { Kept::both(); }";
    let file = Source::new(&format!("{SUITE}a.rs"), code);
    let cases = cases(&file);
    assert_eq!(cases.len(), 3);
    let good: &[(&str, Only)] = &[("a::alone", Twin("a::served")), ("a::served", Of(SERVER))];
    assert_eq!(held(&cases, good), [""; 0]);
    for bad in [
        &good[..1],
        &[good[0], good[1], ("a::fine", Of(FILE))],
        &[good[0], good[1], ("a::gone", Of(FILE))],
        &[("a::alone", Twin("a::gone")), good[1]],
        &[("a::alone", Twin("a::alone")), good[1]],
        &[good[0], good[1], good[1]],
        &[good[0], ("a::served", Of(""))],
    ] {
        assert_eq!(held(&cases, bad).len(), 1);
    }
    assert!(self::cases(&Source::new("tests/a.rs", code)).is_empty());
}
