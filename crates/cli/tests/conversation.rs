//! A conversation at a terminal, and what a terminal is told that a pipe is not.

#[cfg(test)]
#[expect(dead_code, reason = "each test binary uses its part of it")]
mod common;

use common::seat::Seat;
use common::{Home, eventually};

const ANSWERS: &str = "turns: [{say: One thing.}, {say: Another thing., repeat: true}]";

/// What begins a colour.
const ESCAPE: &str = "\u{1b}[";

/// How often the person was asked for words.
fn prompts(seat: &Seat) -> usize {
    seat.screen().matches("> ").count()
}

#[test]
fn it_goes_on_after_a_refusal_and_ends_with_an_empty_line() {
    let home = Home::playing(ANSWERS);
    let mut seat = Seat::at(&home, &["chat", "helper"], &[("NO_COLOR", "1")], None);
    seat.until("an empty line or Ctrl-D ends it");
    eventually("it asks", || prompts(&seat) == 1);
    seat.type_in("first\r");
    seat.until("One thing.");
    eventually("it asks again", || prompts(&seat) == 2);
    home.run(&["agents", "kill", "helper"]).done();
    seat.type_in("second\r");
    eventually("what was refused ends nothing", || prompts(&seat) == 3);
    assert!(seat.screen().contains("the agent `helper` was stopped"), "{}", seat.screen());
    home.run(&["agents", "resume", "helper"]).done();
    seat.type_in("third\r");
    seat.until("Another thing.");
    eventually("it asks once more", || prompts(&seat) == 4);
    seat.type_in("\r");
    let (code, screen) = seat.ended();
    assert_eq!(code, Some(0));
    let (_, session) = screen.split_once("bulkhead chat helper --session ").expect(&screen);
    let session = session.split_whitespace().next().unwrap();
    let asked = home.run(&["audit", "query", "--session", session, "--json"]).done().lines();
    let messages = asked.iter().filter(|record| record["event"] == "message.received").count();
    assert_eq!(messages, 2, "one conversation has both: {asked:?}");
}

#[test]
fn only_a_terminal_that_takes_colour_is_given_it() {
    let home = Home::playing(ANSWERS);
    let screen = |vars: &[(&str, &str)]| {
        let (code, screen) = Seat::at(&home, &["chat", "helper", "well?"], vars, None).ended();
        assert_eq!(code, Some(0), "{screen}");
        assert!(screen.contains("thing."), "{screen}");
        screen
    };
    assert!(screen(&[]).contains(ESCAPE));
    for without in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        assert!(!screen(&[without]).contains('\u{1b}'), "{without:?}");
    }
    let piped = home.run(&["chat", "helper", "well?"]).done();
    piped.has("thing.").lacks("\u{1b}");
}
