use std::sync::atomic::{AtomicI64, Ordering};

use vocab::Timestamp;

use super::*;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// A clock that a test sets.
struct Clock(AtomicI64);

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

fn at(now: i64) -> (Slack, Arc<Clock>) {
    let clock = Arc::new(Clock(AtomicI64::new(now)));
    let secret: SigningSecret = Arc::new(|| Ok(SecretString::from(SECRET)));
    (Slack::new("T0001".into(), secret, clock.clone()), clock)
}

fn sign(time: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signed = [b"v0:", time.as_bytes(), b":", body].concat();
    format!("v0={}", HEXLOWER.encode(hmac::sign(&key, &signed).as_ref()))
}

fn hear(slack: &Slack, time: &str, body: &[u8]) -> Result<Said, No> {
    slack.hear([time.as_bytes()], [sign(time, body).as_bytes()], body)
}

const BODY: &[u8] =
    b"token=x&team_id=T0001&user_id=U2147483697&command=%2Fbulkhead&text=approve+ABCD-EFGH%21";

#[test]
fn slacks_own_example_has_the_signature_that_slack_says() {
    let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let known = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    assert_eq!(sign("1531420618", body), known);
}

#[test]
fn what_is_signed_is_heard_once() {
    let (slack, clock) = at(1_700_000_000);
    let said = hear(&slack, "1700000000", BODY).unwrap();
    assert_eq!((said.user.as_str(), said.text.as_str()), ("U2147483697", "approve ABCD-EFGH!"));
    for later in [0, 200, 300] {
        clock.0.store(1_700_000_000 + later, Ordering::Relaxed);
        assert_eq!(hear(&slack, "1700000000", BODY).unwrap_err().kind, NoKind::Conflict, "{later}");
    }
    clock.0.store(1_700_000_301, Ordering::Relaxed);
    assert_eq!(hear(&slack, "1700000000", BODY).unwrap_err().kind, NoKind::Unidentified);
    hear(&slack, "1700000301", BODY).unwrap();
}

#[test]
fn no_time_is_taken_but_one_near_the_gateways_that_it_lived_through() {
    let (slack, clock) = at(1_700_000_000);
    clock.0.store(1_700_001_000, Ordering::Relaxed);
    for (time, words) in [
        ("1700000699", "five minutes"),
        ("1700001301", "five minutes"),
        ("0", "five minutes"),
        ("", "no number"),
        ("-1700001000", "no number"),
        ("+1700001000", "no number"),
        (" 1700001000", "no number"),
        ("1700001000.0", "no number"),
        ("99999999999999999999", "no number"),
    ] {
        let no = hear(&slack, time, BODY).unwrap_err();
        assert!(no.kind == NoKind::Unidentified && no.message.contains(words), "{time}: {no}");
    }
    hear(&slack, "1700000700", BODY).unwrap();
    hear(&slack, "1700001300", BODY).unwrap();
    let (slack, _) = at(1_700_000_000);
    let no = hear(&slack, "1699999999", BODY).unwrap_err();
    assert!(no.message.contains("before this gateway began"), "{no}");
}

#[test]
fn nothing_is_heard_without_the_one_right_signature() {
    let (slack, _) = at(1_700_000_000);
    let (time, good) = (b"1700000000".as_slice(), sign("1700000000", BODY));
    let upper = good.to_uppercase().replacen('V', "v", 1);
    let (half, bare) = (good.get(..35).unwrap(), good.get(3..).unwrap());
    let of_another = sign("1700000001", BODY);
    for bad in ["", "v0=", "v0", bare, &upper, half, &of_another, &good.replacen("v0", "v1", 1)] {
        let no = slack.hear([time], [bad.as_bytes()], BODY).unwrap_err();
        assert!(no.kind == NoKind::Unidentified && no.message.contains("signature"), "{bad}: {no}");
    }
    let changed = [BODY, b"&more=1"].concat();
    assert_eq!(slack.hear([time], [good.as_bytes()], &changed).unwrap_err().kind, NoKind::Unidentified);
    for (times, signatures, words) in [
        (vec![], vec![good.as_bytes()], "`X-Slack-Request-Timestamp` is missing"),
        (vec![time], vec![], "`X-Slack-Signature` is missing"),
        (vec![time, time], vec![good.as_bytes()], "more than once"),
        (vec![time], vec![good.as_bytes(), good.as_bytes()], "more than once"),
    ] {
        let no = slack.hear(times, signatures, BODY).unwrap_err();
        assert!(no.kind == NoKind::Unidentified && no.message.contains(words), "{no}");
    }
    // None of it was taken for the request itself.
    slack.hear([time], [good.as_bytes()], BODY).unwrap();
}

#[test]
fn a_secret_that_cannot_be_had_lets_nobody_in() {
    let clock = Arc::new(Clock(AtomicI64::new(1_700_000_000)));
    let slack = Slack::new("T0001".into(), Arc::new(|| Err("there is none".into())), clock);
    let no = hear(&slack, "1700000000", BODY).unwrap_err();
    assert_eq!(no.kind, NoKind::Unavailable);
    // What is wrong with it is for who runs the gateway.
    assert!(!no.message.contains("there is none"), "{no}");
}

#[test]
fn a_body_that_could_be_read_in_two_ways_is_not_read() {
    let (slack, _) = at(1_700_000_000);
    let large = [BODY, b"&more=", "x".repeat(MAX_SLACK_BYTES).as_bytes()].concat();
    let many = [BODY, b"&a=1&b="].concat();
    hear(&slack, "1700000000", &many).unwrap();
    let many: String = (0..MAX_FIELDS).map(|n| format!("&f{n}=")).collect();
    let bodies: [&[u8]; 15] = [
        b"",
        b"team_id",
        b"=",
        b"team_id=T0001&&user_id=U1&text=x",
        b"team_id=T0001&team_id=T0001&user_id=U1&text=x",
        b"team_id=T0001&user_id=U1&user_id=U2&text=x",
        b"team_id=T0001&user_id=U1&te%78t=a&text=b",
        b"team_id=T0001&user_id=U1&text=%",
        b"team_id=T0001&user_id=U1&text=%4",
        b"team_id=T0001&user_id=U1&text=%zz",
        b"team_id=T0001&user_id=U1&text=%+1",
        b"team_id=T0001&user_id=U1&text=%ff",
        b"team_id=T0001&user_id=U1&text=a b",
        b"team_id=T0001&user_id=U1&text=a\0",
        "team_id=T0001&user_id=U1&text=é".as_bytes(),
    ];
    for body in bodies.into_iter().chain([large.as_slice(), [BODY, many.as_bytes()].concat().as_slice()]) {
        let no = hear(&slack, "1700000000", body).unwrap_err();
        assert_eq!(
            no.kind,
            NoKind::Invalid,
            "{}: {no}",
            String::from_utf8_lossy(&body[..body.len().min(99)])
        );
    }
    for (body, words) in [
        (&b"user_id=U1&text=x"[..], "no `team_id`"),
        (b"team_id=T0001&text=x", "no `user_id`"),
        (b"team_id=T0001&user_id=U1", "no `text`"),
        (b"team_id=T0002&user_id=U1&text=x", "another team"),
        (b"team_id=T0001&user_id=u1&text=x", "`user_id` is none"),
        (b"team_id=T0001&user_id=&text=x", "`user_id` is none"),
        (b"team_id=T0001&user_id=%55_1&text=x", "`user_id` is none"),
    ] {
        let no = hear(&slack, "1700000000", body).unwrap_err();
        assert!(no.message.contains(words), "{no}");
    }
}

#[test]
fn what_is_remembered_is_bounded_and_none_is_heard_beyond() {
    let (slack, clock) = at(1_700_000_000);
    let said = |n: usize| format!("team_id=T0001&user_id=U1&text={n}");
    let heard =
        (0..MAX_HEARD + 50).filter(|n| hear(&slack, "1700000000", said(*n).as_bytes()).is_ok()).count();
    assert_eq!(heard, MAX_HEARD);
    assert_eq!(hear(&slack, "1700000000", said(0).as_bytes()).unwrap_err().kind, NoKind::Busy);
    clock.0.store(1_700_000_400, Ordering::Relaxed);
    hear(&slack, "1700000400", BODY).unwrap();
    assert_eq!(slack.heard.lock().len(), 1);
}
