//! The record: metadata, content, erasure, holds, and its seal.

use journal::{Event, Kind};
use turn::{MAX_ERASURE_REASON_CHARS, MAX_LOOK};

use super::agents::{DECISIONS, STATUSES};
use super::book::Book;
use super::shape::{
    any_of, anything, digest, id, label, list, map, number, object, one_of, or_null, short, some, text, the,
    time, told, within, words, yes_or_no,
};

/// The most conditions that an export is said to have.
const MAX_CONDITIONS: usize = 32;

/// The most characters that are searched for.
const MAX_WORDS: usize = 1024;

pub(super) fn describe(book: &mut Book) {
    shapes(book);
    metadata(book);
    content(book);
    erasure(book);
    seal(book);
}

fn shapes(book: &mut Book) {
    book.shape("RecordEvent", one_of(Event::ALL.iter().map(|event| event.as_str())));
    book.shape("Kind", one_of(Kind::ALL.map(Kind::as_str)));
    let action = object().has("verb", or_null(the("Verb"))).has("resource", or_null(the("Resource")));
    let ground = object().has("layer", the("Layer")).has("policy", text());
    let call = object()
        .may_have("answer", digest())
        .has("completion_tokens", number(0))
        .may_have("fault", text())
        .may_have("finish", text())
        .may_have("model", text())
        .may_have("options", map(anything()))
        .has("prompt", digest())
        .has("prompt_tokens", number(0));
    let record = object()
        .has("seq", number(1))
        .has("time", time())
        .has("kind", the("Kind"))
        .has("session", or_null(id()))
        .has("agent", or_null(id()))
        .has("person", or_null(id()))
        .has("action", or_null(action.into()))
        .has("decision", or_null(one_of(DECISIONS)))
        .has("reasons", list(ground.into()))
        .has("labels", or_null(the("Labels")))
        .has("prev", digest())
        .has("hash", digest())
        .has("turn", or_null(id()))
        .has("proposal", or_null(id()))
        .has("status", or_null(one_of(STATUSES)))
        .has("policy_version", or_null(digest()))
        .has("event", or_null(the("RecordEvent")))
        .may_have("facts", map(anything()))
        .has("call", or_null(call.into()))
        .may_have("erased", yes_or_no())
        .may_have("erased_by", number(1))
        .may_have("erases", list(some(number(1), 2, 2)));
    book.shape("Record", record);
    let checkpoint = object()
        .has("origin", text())
        .has("size", number(0))
        .has("root", digest())
        .has("key", text())
        .has("note", text());
    book.shape("Checkpoint", checkpoint);
}

fn metadata(book: &mut Book) {
    book.about("record");
    let page = object()
        .has("records", list(the("Record")))
        .has("before", or_null(number(0)))
        .has("after", or_null(number(0)));
    book.route(
        "GET",
        "records",
        "The record's metadata: newest first, on with `before`; with `after` oldest first, on with `after`.",
    )
    .asks("agent", id())
    .asks("person", id())
    .asks("session", id())
    .asks("kind", the("Kind"))
    .asks("event", the("RecordEvent"))
    .asks("decision", one_of(DECISIONS))
    .asks("action", the("Verb"))
    .asks("label", label())
    .asks("since", time())
    .asks("until", time())
    .asks("after", number(0))
    .asks("before", number(0))
    .asks("limit", within(0, u32::MAX))
    .gives(page);
    book.route("GET", "records/{seq}", "The metadata of one record.").gives(the("Record"));
    book.route(
        "GET",
        "records/{seq}/proof",
        "That a record is under the newest checkpoint, as a file to take along.",
    )
    .gives_text();
    let head = object().has("records", number(0)).has("hash", digest());
    let bad = object().has("seq", or_null(number(0))).has("why", anything());
    let lines = [
        told("progress").has("records", number(0)).has("total", number(0)),
        told("report")
            .has("ok", yes_or_no())
            .has("records", number(0))
            .has("first_bad", or_null(bad.into()))
            .has("checkpoint", head.into()),
        told("failed").has("message", text()),
        told("ended").has("message", text()),
    ];
    book.shape("Verification", any_of(lines.map(Into::into)));
    book.route(
        "POST",
        "record/verify",
        "Goes through the whole record; how far it has come, and last what was found.",
    )
    .takes(object().may_have("checkpoints", or_null(text())))
    .streams("Verification");
    book.route("POST", "exports", "Says in the record what the caller is about to export from it.")
        .takes(object().has("format", text()).has("conditions", some(text(), 0, MAX_CONDITIONS)))
        .gives(object().has("recorded", yes_or_no()));
}

fn content(book: &mut Book) {
    book.about("content");
    let look = object()
        .has("seq", number(0))
        .may_have("record", the("Record"))
        .has("content", anything())
        .may_have("erased", yes_or_no())
        .may_have("refused", text());
    book.shape("Look", look);
    book.route("POST", "content", "The content of records, for whoever may read it; each look is recorded.")
        .takes(object().has("records", some(number(0), 1, MAX_LOOK)))
        .gives_list(the("Look"));
    let wanted = object()
        .may_have("text", or_null(words(MAX_WORDS)))
        .may_have("agent", or_null(id()))
        .may_have("person", or_null(id()))
        .may_have("session", or_null(id()))
        .may_have("kind", or_null(the("Kind")))
        .may_have("event", or_null(the("RecordEvent")))
        .may_have("decision", or_null(one_of(DECISIONS)))
        .may_have("action", or_null(the("Verb")))
        .may_have("label", or_null(label()))
        .may_have("since", or_null(time()))
        .may_have("until", or_null(time()))
        .may_have("after", or_null(number(0)))
        .may_have("limit", within(0, u32::MAX));
    let found = object()
        .has("looks", list(the("Look")))
        .has("hidden", number(0))
        .has("after", or_null(number(0)))
        .has("end", number(0));
    book.route("POST", "content/search", "Records with their content, all or those with some words.")
        .takes(wanted)
        .gives(found);
}

fn erasure(book: &mut Book) {
    book.about("erasure");
    let reason = || words(MAX_ERASURE_REASON_CHARS);
    let scope = [
        object().has("person", id()).only(),
        object().has("session", id()).only(),
        object().has("records", some(number(1), 2, 2)).only(),
    ];
    book.shape("ErasureScope", any_of(scope.map(Into::into)));
    let erasure = object()
        .has("id", id())
        .has("of", the("ErasureScope"))
        .has("reason", text())
        .has("asked_by", id())
        .has("asked", time())
        .has("expires", time())
        .has("state", one_of(["waiting", "running", "done", "refused", "expired"]))
        .has("decided_by", or_null(id()))
        .has("why", or_null(text()))
        .has("contents", number(0))
        .has("records", list(number(1)))
        .has("traces", yes_or_no());
    book.shape("Erasure", erasure);
    book.route("GET", "erasures", "The requests to erase that wait or run, or all.")
        .asks("all", yes_or_no())
        .gives_pages(the("Erasure"));
    book.route("POST", "erasures", "Asks for content to be erased.")
        .takes(object().has("of", the("ErasureScope")).has("reason", reason()))
        .gives(the("Erasure"));
    book.route("POST", "erasures/{id}/consent", "Agrees as the second person; what was asked for is erased.")
        .gives(the("Erasure"));
    book.route("POST", "erasures/{id}/refuse", "Says no to an erasure, or takes one's own request back.")
        .takes(object().has("reason", reason()))
        .gives(the("Erasure"));
    let held = object()
        .may_have("person", or_null(id()))
        .may_have("session", or_null(id()))
        .may_have("agent", or_null(id()))
        .may_have("label", or_null(label()))
        .may_have("since", or_null(time()))
        .may_have("until", or_null(time()))
        .at_least_one()
        .only();
    book.shape("HoldScope", held);
    let hold = object()
        .has("id", id())
        .has("of", the("HoldScope"))
        .has("reason", text())
        .has("by", id())
        .has("since", time());
    book.shape("Hold", hold);
    book.route("GET", "holds", "The legal holds that there are.").gives_pages(the("Hold"));
    book.route("POST", "holds", "Puts a legal hold on content.")
        .takes(object().has("of", the("HoldScope")).has("reason", reason()))
        .gives(the("Hold"));
    book.route("POST", "holds/{id}/remove", "Takes a legal hold off.")
        .takes(object().has("reason", reason()))
        .gives(the("Hold"));
}

fn seal(book: &mut Book) {
    book.about("seal");
    book.route("POST", "checkpoint", "Signs the record as it is.").takes(object()).gives(the("Checkpoint"));
    book.route("POST", "checkpoint/cosign", "Takes in what a witness answered.")
        .takes(object().has("note", short(usize::from(u16::MAX))))
        .gives(the("Checkpoint"));
    let rotation = object().has("old", text()).has("new", text()).has("checkpoint", the("Checkpoint"));
    book.route("POST", "key/rotate", "Replaces the record's key.").takes(object()).gives(rotation);
}
