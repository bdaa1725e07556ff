//! The console in a real browser, at a real gateway: `console/test/e2e` plays each scene and says what did not hold.

mod build;
mod scenes;

use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_tests::home::bulkhead;
use bulkhead_tests::provider::Provider;
use bulkhead_tests::server::{Server, Speaker, Words};
use bulkhead_tests::team::CAREFUL;
use bulkhead_tests::{Browser, Home, eventually, skipped};
use serde_json::json;

use scenes::*;

/// What the sign-in page is known by, once a console was built into the binary.
const BUILT: &str = "<div id=\"hull\">";

/// A browser that is installed.
const CHROMIUM: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];

/// `ada` is the administrator, `bob` another owner.
fn team(scene: &str) -> Home {
    Home::team("[[person]]\nid = \"bob\"\ngroups = [\"owners\"]\n", scene)
}

/// Plays a scene at the gateway of this home, or says loudly that it does not run here.
#[track_caller]
fn plays(scene: &str, home: &Home) {
    let test = format!("console::{scene}");
    let console = Path::new(env!("CARGO_MANIFEST_DIR")).join("../console");
    let chromium = std::env::var_os("CHROMIUM")
        .map(PathBuf::from)
        .or_else(|| CHROMIUM.map(PathBuf::from).into_iter().find(|path| path.exists()));
    let Some(chromium) = chromium else {
        return skipped(&test, "no browser (apt-get install chromium)");
    };
    if !console.join("node_modules/playwright-core").is_dir() {
        return skipped(&test, "the console's packages are not there (run scripts/console)");
    }
    let page = Browser::at(home).send("GET", "/", &Browser::at(home).headers(), b"");
    if !page.body.contains(BUILT) {
        return skipped(&test, "the binary was built without the console (run scripts/console, build again)");
    }
    let shots = std::env::var("CONSOLE_SHOTS").ok();
    let setting = json!({ "binary": bulkhead(), "home": home.path(), "shots": shots });
    let played = Command::new("node")
        .arg(console.join("test/e2e/run.mjs"))
        .args([scene, &setting.to_string()])
        .env("CHROMIUM", chromium)
        .output()
        .unwrap();
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
    home.verifies();
}

#[test]
fn a_code_lets_somebody_in_once_and_their_password_from_then_on() {
    plays("firstSignIn", &team(HELLO));
}

#[test]
fn the_first_sign_in_is_by_a_passkey_and_there_is_never_a_password() {
    plays("firstPasskey", &team(HELLO));
}

#[test]
fn a_passkey_signs_in_confirms_and_is_refused_when_it_counts_back() {
    plays("passkeys", &team(HELLO));
}

#[test]
fn sign_ins_and_tokens_are_seen_and_ended() {
    plays("ownSignInsAndTokens", &team(HELLO));
}

/// Plays a scene in which people come by a provider; its group `staff` are owners.
fn plays_with_a_provider(scene: &str) {
    let Some(mut provider) = Provider::start(&format!("console::{scene}")) else { return };
    let home = Home::made(&["--team", "--person", "root"]);
    provider.named_in(&home);
    home.add("[[directory]]\ngroup = \"staff\"\ngroups = [\"owners\"]\n");
    home.scene(HELLO);
    home.start();
    // Browsers know the gateway by the name that passkeys have.
    provider
        .comes_back_to(&format!("http://{}", Browser::at(&home).address.replace("127.0.0.1", "localhost")));
    plays(scene, &home);
}

#[test]
fn who_comes_by_a_provider_confirms_there_and_loses_nothing() {
    plays_with_a_provider("confirmsAtTheProvider");
}

#[test]
fn the_providers_button_signs_in_whom_it_lets_in_and_nobody_else() {
    plays_with_a_provider("signInByProvider");
}

/// `opi` is an operator and nothing else; to `eve` one agent is granted.
const FEW_RIGHTS: &str = "
[[person]]
id = \"bob\"
groups = [\"owners\"]
[[person]]
id = \"opi\"
[[role]]
name = \"operator\"
people = [\"opi\"]
[[person]]
id = \"eve\"
groups = [\"readers\"]
[[group]]
name = \"readers\"
agents = [\"helper\"]
models = [\"*\"]
";

#[test]
fn an_operator_stops_agents_and_sees_nothing_that_is_said() {
    plays("anOperatorStopsAndNothingMore", &Home::team(FEW_RIGHTS, POSTS));
}

#[test]
fn a_member_knows_of_no_agent_and_no_page_that_is_not_theirs() {
    plays("aMemberSeesWhatTheyMay", &Home::team(FEW_RIGHTS, POSTS));
}

#[test]
fn with_what_others_come_in_is_seen_and_ended_by_an_administrator() {
    let bob = "[[person]]\nid = \"bob\"\ngroups = [\"owners\"]\n\
               [[role]]\nname = \"operator\"\npeople = [\"bob\"]\n";
    plays("whatOthersComeInWithIsSeenAndEnded", &Home::team(bob, HELLO));
}

#[test]
fn who_is_in_the_directory_is_seen_and_taken_out_by_an_administrator() {
    let home = Home::team(DIRECTORY, POSTS);
    let [ada] = home.signed_in(["ada"]);
    let wanted = json!({ "name": "directory", "scopes": ["scim"], "days": 1 });
    let made = ada.post("tokens", &wanted).is(200).json();
    let directory = ada.with_token(made["token"].as_str().unwrap());
    let join = |path: &str, body: serde_json::Value| {
        let mut headers = directory.headers();
        headers.push(("content-type".into(), "application/scim+json".into()));
        let path = format!("/scim/v2/{path}");
        directory.send("POST", &path, &headers, body.to_string().as_bytes()).is(201).json()
    };
    let account = |name: &str| {
        let user = json!({ "userName": format!("{name}@example.org"), "displayName": format!("{name} of the platform team") });
        json!({ "value": join("Users", user)["id"] })
    };
    let members = [account("cid"), account("dee")];
    drop(join("Groups", json!({ "displayName": "platform-team", "members": members })));
    plays("accountsAreSeenAndTakenOut", &home);
}

#[test]
fn an_administrator_invites_and_a_member_sees_nobody_else() {
    plays("invitations", &team(HELLO));
}

#[test]
fn an_answer_is_shown_with_each_action_and_why() {
    plays("chatWithItsActions", &team(ANSWERS));
}

#[test]
fn conversations_are_found_and_taken_up_and_an_answer_opens_what_it_is_drawn_from() {
    plays("conversationsAreFoundStoppedAndTakenUp", &team(READS));
}

#[test]
fn a_message_is_written_anew_and_a_question_asked_again_in_a_conversation_that_goes_on() {
    let home = Home::made(&["--person", "ada"]);
    home.scene(HELLO);
    home.start();
    plays("conversationsGoOnFromAnother", &home);
}

#[test]
fn an_answer_is_stopped_without_its_agent() {
    plays("anAnswerIsStopped", &team(ON_AND_ON));
}

/// The first of an answer: a paragraph and a table, and then a block of code that has only begun.
const FIRST: &str =
    "Kept for how long?\n\n| kind | kept |\n|---|---|\n| invoice | ten years |\n\n```sh\nbulk";

/// A team whose model says what the test has it say.
fn heard(speaker: &Speaker) -> Home {
    let home = Home::made(&["--team", "--person", "ada"]);
    home.edit("default = \"rehearsal/scene\"", "default = \"box/m\"");
    home.add("[[person]]\nid = \"bob\"\ngroups = [\"owners\"]\n");
    home.add(&speaker.server.settings());
    home.soul("careful", CAREFUL);
    home.start();
    home
}

/// Plays a scene, and has the model say the rest of an answer once the page has shown the first of it.
#[track_caller]
fn plays_and_says(scene: &str, home: &Home, words: Words, rest: &'static str) {
    let seen = home.at("seen");
    let said = std::thread::spawn(move || {
        eventually("the page has shown the first of it", || seen.exists());
        words.say(rest);
        words.end();
    });
    plays(scene, home);
    drop(std::fs::write(home.at("seen"), ""));
    said.join().unwrap();
}

#[test]
fn an_answer_comes_in_parts_and_is_stopped_and_killed_in_the_middle() {
    let speaker = Server::speaker();
    let home = heard(&speaker);
    // The first two are never made whole.
    let [_one, _two, three] = [(); 3].map(|()| {
        let words = speaker.answer();
        words.say(FIRST);
        words
    });
    plays_and_says("anAnswerComesInParts", &home, three, "head audit verify\n```\n\nThat is all.");
}

#[test]
fn an_answer_that_a_person_has_to_see_first_is_in_no_page_before_their_yes() {
    let speaker = Server::speaker();
    let home = heard(&speaker);
    let words = speaker.answer();
    words.say("All is well.\n\n");
    plays_and_says("anAnswerIsHeldWhole", &home, words, "You should sell your shares now.\n\nThe end");
}

#[test]
fn a_second_person_sees_the_whole_of_what_waits_and_approves_it() {
    plays("heldAndApprovedByASecondPerson", &team(POSTS));
}

#[test]
fn the_same_again_is_let_through_for_an_hour_seen_and_revoked() {
    plays("sameAgainForAnHour", &team(POSTS));
}

#[test]
fn how_people_decide_is_shown_to_administrators_and_to_themselves() {
    let settings = "[[person]]\nid = \"bob\"\ngroups = [\"owners\"]\n[approvals.budget]\nan-hour = 1\n";
    plays("howPeopleDecide", &Home::team(settings, POSTS));
}

#[test]
fn who_decides_on_a_write_sees_what_it_changes() {
    let home = Home::made(&["--team", "--person", "ada"]);
    home.add("[[person]]\nid = \"bob\"\ngroups = [\"owners\"]\n");
    home.add(
        "[[person]]\nid = \"cid\"\ngroups = [\"readers\"]\n[[group]]\nname = \"readers\"\nread = [\"HOME/agents\"]\n\
         [[group]]\nname = \"others\"\nread = [\"/srv\"]\n",
    );
    std::fs::write(home.at("guardrails/ours.cedar"), LOOK).unwrap();
    home.scene(WRITES);
    home.start();
    plays("aHeldWriteIsShownAsWhatItChanges", &home);
}

#[test]
fn what_a_queue_wants_two_people_for_happens_after_the_second_yes() {
    let home = Home::made(&["--team", "--person", "ada"]);
    for person in ["bob", "carl"] {
        home.add(&format!("[[person]]\nid = \"{person}\"\ngroups = [\"owners\"]\n"));
    }
    home.add(
        "[[queue]]\nname = \"publishing\"\nactions = [\"message.post\"]\ngroups = [\"owners\"]\nneeded = 2\n",
    );
    home.scene(POSTS);
    home.start();
    plays("twoPeopleSayYes", &home);
}

#[test]
fn what_waits_is_decided_on_a_phone_by_tap() {
    plays("decidesByTap", &team(POSTS));
}

#[test]
fn what_waits_stands_by_its_risk_and_a_yes_to_high_risk_is_confirmed() {
    let home = Home::made(&["--team", "--person", "ada"]);
    home.add("[[person]]\nid = \"bob\"\ngroups = [\"owners\"]\n");
    home.add(
        "[[queue]]\nname = \"commands\"\nactions = [\"command.run\"]\ngroups = [\"owners\"]\n\
         escalate-after = \"20m\"\nescalate-groups = [\"owners\"]\n",
    );
    home.edit("models = [\"*\"]", "models = [\"*\"]\ncommands = [\"echo\"]");
    home.soul("runner", RUNNER);
    std::fs::write(home.at("guardrails/ours.cedar"), LOOK_AT_COMMANDS).unwrap();
    home.scene(RUNS_AND_POSTS);
    home.start();
    plays("aHighRiskYesIsConfirmed", &home);
}

#[test]
fn who_decides_on_a_call_of_a_model_sees_whether_it_leaves_this_machine() {
    let home = Home::made(&["--team", "--person", "ada"]);
    home.add(
        "[[person]]\nid = \"bob\"\ngroups = [\"owners\"]\n\
         [[models.server]]\nname = \"far\"\nurl = \"http://192.0.2.7/v1\"\n",
    );
    home.soul("away", AWAY);
    std::fs::write(home.at("guardrails/ours.cedar"), LOOK_AT_CALLS).unwrap();
    home.scene(HELLO);
    home.start();
    plays("aHeldCallSaysWhereItGoes", &home);
}

#[test]
fn a_queue_that_can_only_end_in_a_no_says_so() {
    let settings = "[[person]]\nid = \"bob\"\ngroups = [\"askers\"]\n[[group]]\nname = \"askers\"\nagents = [\"echo\"]\n\
                    channels = [\"*\"]\nmodels = [\"*\"]\n[[queue]]\nname = \"publishing\"\nagents = [\"echo\"]\n\
                    people = [\"ada\", \"bob\"]\nneeded = 2\n";
    plays("aQueueThatCanOnlyEndInANo", &Home::team(settings, POSTS));
}

#[test]
fn nobody_approves_their_own_and_a_no_has_its_reason() {
    plays("nobodyApprovesTheirOwnAndANoHasItsReason", &team(POSTS));
}

#[test]
fn a_page_that_is_open_over_a_restart_says_so_and_carries_on() {
    plays("overARestart", &team(POSTS));
}

#[test]
fn a_page_that_is_open_over_an_upgrade_says_so_and_asks_to_be_loaded_again() {
    plays("overAnUpgrade", &team(POSTS));
}

#[test]
fn who_is_taken_out_of_the_settings_is_out_of_the_page() {
    plays("leaver", &team(HELLO));
}

#[test]
fn an_agent_is_stopped_in_mid_turn_in_two_steps() {
    plays("stopInMidTurn", &team(ON_AND_ON));
}

#[test]
fn the_plan_shows_who_is_at_work_and_its_lever_stops_all() {
    plays("liveAndTheLeverForAll", &team(ON_AND_ON));
}

#[test]
fn the_lever_for_all_takes_two_steps_and_no_time() {
    plays("theLeverTakesTwoStepsAndNoTime", &team(HELLO));
}

#[test]
fn the_lever_of_one_compartment_stops_that_agent_alone() {
    plays("oneLeverStopsOneAgent", &team(ON_AND_ON));
}

#[test]
fn a_compartment_is_lit_by_what_was_not_permitted_and_by_an_anomaly() {
    let home = Home::made(&["--team", "--person", "ada"]);
    home.add("[[person]]\nid = \"bob\"\ngroups = [\"owners\"]\n");
    home.soul("busy", BUSY);
    home.scene(ELSEWHERE);
    home.start();
    plays("aDenialAndAnAnomalyLightACompartment", &home);
}

#[test]
fn the_plots_show_what_happened() {
    plays("plotsShowWhatHappened", &team(COSTS));
}

#[test]
fn a_browser_whose_clock_is_wrong_shows_the_times_of_the_gateway() {
    plays("aClockThatIsWrong", &team(POSTS));
}

#[test]
fn what_waits_is_decided_by_the_keyboard() {
    plays("whatWaitsIsDecidedByTheKeyboard", &team(POSTS));
}

#[test]
fn what_is_longer_than_its_line_is_read_by_the_keyboard() {
    plays("aLongActionIsReadByTheKeyboard", &team(&long()));
}

#[test]
fn a_soul_is_written_by_the_keyboard() {
    plays("aSoulIsWrittenByTheKeyboard", &team(HELLO));
}

#[test]
fn the_record_is_filtered_by_the_keyboard() {
    plays("theRecordIsFilteredByTheKeyboard", &team(ANSWERS));
}

#[test]
fn a_verification_says_how_far_it_is_and_can_be_given_up() {
    plays("verifyingSaysHowFarItIs", &team(HELLO));
}

#[test]
fn the_conditions_of_the_page_find_what_those_of_the_command_line_find() {
    plays("conditionsFindWhatTheCommandLineFinds", &team(ANSWERS));
}

#[test]
fn what_is_made_and_whose_answer_is_lost_is_not_made_twice() {
    plays("aLostAnswerMakesNothingTwice", &team(HELLO));
}

#[test]
fn health_is_what_doctor_finds_with_what_mends_it() {
    plays("healthIsWhatDoctorSays", &team(HELLO));
}

#[test]
fn every_page_holds_by_day() {
    plays("everyPageByDay", &team(HELLO));
}

#[test]
fn every_page_holds_by_night() {
    plays("everyPageByNight", &team(HELLO));
}

#[test]
fn every_page_holds_on_a_phone() {
    plays("everyPageOnAPhone", &team(HELLO));
}

#[test]
fn the_hull_has_room_for_the_pages_that_come_and_shows_none_of_them_yet() {
    plays("placesAreHeldForPagesThatCome", &team(HELLO));
}

#[test]
fn every_page_says_that_containment_is_reduced_and_none_where_it_is_not() {
    plays("reducedIsSaidOnEveryPage", &team(HELLO));
}

#[test]
fn all_of_it_is_done_by_the_keyboard() {
    plays("keyboardOnly", &team(HELLO));
}

#[test]
fn a_soul_is_changed_into_an_error_and_mended() {
    plays("soulIsChangedIntoAnErrorAndMended", &team(HELLO));
}

#[test]
fn a_soul_is_compared_with_what_it_was_and_brought_back() {
    plays("aSoulIsChangedComparedAndBroughtBack", &team(HELLO));
}

#[test]
fn two_people_who_write_one_soul_see_what_the_other_wrote() {
    plays("twoPeopleWriteOneSoul", &team(HELLO));
}

#[test]
fn the_password_is_asked_for_again_before_what_matters() {
    plays("thePasswordIsAskedForAgain", &team(HELLO));
}

#[test]
fn the_record_is_found_proven_verified_and_exported() {
    plays("recordIsFoundProvenAndVerified", &team(ANSWERS));
}

#[test]
fn a_member_sees_their_own_records_only() {
    plays("aMemberSeesTheirOwnRecords", &team(HELLO));
}

#[test]
fn a_hundred_thousand_records_leave_the_page_small() {
    plays("aRecordWithoutEndStaysSmall", &team(HELLO));
}

#[test]
fn hostile_words_in_a_chat_stay_words() {
    plays("hostileWordsInAChat", &team(HELLO));
}

#[test]
fn hostile_words_on_every_page_stay_words() {
    plays("hostileWordsOnEveryPage", &team(HELLO));
}

#[test]
fn hostile_errors_stay_words() {
    plays("hostileErrors", &team(HELLO));
}
