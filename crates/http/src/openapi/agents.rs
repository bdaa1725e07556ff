//! Agents, what they are told to be, and what people say to them.

use turn::{MAX_RECALLED, MAX_TEXT_BYTES};
use vocab::Verb;
use vocab::limits::MAX_MESSAGE_BYTES;

use super::book::Book;
use super::shape::{
    any_of, anything, decimal, digest, id, list, map, number, object, one_of, or_null, place, short, some,
    text, the, time, told, within, words, yes_or_no,
};

/// What an action may do if it is wrong.
const RISKS: [&str; 3] = ["low", "medium", "high"];

/// Where an approval may stand.
const APPROVAL_STATES: [&str; 7] = ["waiting", "approved", "denied", "expired", "cancelled", "used", "void"];

/// What may be wrong with how somebody decides.
const BUDGET_RISKS: [&str; 3] = ["too-many", "too-fast", "nearly-always-yes"];

/// The layers that judge.
const LAYERS: [&str; 7] = ["policy", "rights", "flow", "rate", "advice", "guardrail", "approval"];

/// What may become of an action.
pub(super) const STATUSES: [&str; 6] = ["done", "failed", "denied", "withheld", "unknown", "late"];

/// What may be decided.
pub(super) const DECISIONS: [&str; 4] = ["permit", "ask", "deny", "kill"];

pub(super) fn describe(book: &mut Book) {
    shapes(book);
    events(book);
    agents(book);
    conversations(book);
    approvals(book);
}

fn shapes(book: &mut Book) {
    book.shape("Labels", list(text()));
    book.shape("Verb", one_of(Verb::ALL.map(Verb::as_str)));
    book.shape("Resource", object().has("kind", text()).has("name", text()));
    book.shape(
        "Action",
        object().has("verb", the("Verb")).has("resource", the("Resource")).has("args", map(anything())),
    );
    book.shape("Layer", one_of(LAYERS));
    book.shape("Reason", object().has("layer", the("Layer")).has("policy", text()).has("message", text()));
    book.shape(
        "Agent",
        object()
            .has("name", id())
            .has("role", text())
            .has("state", one_of(["running", "paused", "killed", "idle"]))
            .has("version", or_null(digest()))
            .has("sessions", number(0))
            .has("skills", list(text()))
            .has("last_active", or_null(time()))
            .has("errors_today", number(0))
            .has("anomalies", number(0))
            .has("problem", or_null(text()))
            .has("reduced", yes_or_no()),
    );
    let killed =
        object().has("agent", id()).has("processes", number(0)).has("left", number(0)).has("ms", decimal());
    book.shape("KillReport", object().has("killed", list(killed.into())));
    let mend =
        object().has("line", number(1)).has("column", number(1)).has("message", text()).has("help", text());
    book.shape("Diagnostic", mend);
}

/// What happens in turns, as followers are told it.
fn events(book: &mut Book) {
    let event = |kind: &str| {
        let numbered = told(kind).has("seq", number(0)).has("session", id());
        numbered.has("turn", id()).has("agent", id())
    };
    let approval = event("approval")
        .has("approval", id())
        .has("state", one_of(APPROVAL_STATES))
        .may_have("binding", digest())
        .has("action", text());
    let verdict = event("verdict")
        .has("proposal", id())
        .has("decision", one_of(DECISIONS))
        .has("reasons", list(the("Reason")))
        .has("micros", number(0));
    let outcome = event("outcome")
        .has("proposal", id())
        .has("status", one_of(STATUSES))
        .has("labels", the("Labels"))
        .has("summary", text());
    let kinds = [
        event("proposal").has("proposal", id()).has("action", the("Action")),
        verdict,
        outcome,
        approval,
        event("part").has("proposal", id()).has("text", text()),
        event("reply").has("text", text()),
        event("notice").has("message", text()),
        event("error").has("message", text()).may_have("stopped", yes_or_no()),
        event("end"),
        told("missed").has("count", or_null(number(1))).has("message", text()),
        told("ended").has("message", text()),
    ];
    book.shape("Event", any_of(kinds.map(Into::into)));
}

fn agents(book: &mut Book) {
    book.about("agents");
    book.route("GET", "agents", "The agents that the caller may ask or manage, and how they are.")
        .gives_pages(the("Agent"));
    book.route("GET", "agents/{name}", "One agent and how it is.").gives(the("Agent"));
    book.route("GET", "agents/{name}/soul", "The SOUL.md of an agent, with its version.")
        .gives(object().has("text", text()).has("version", digest()));
    let rule = object()
        .has("text", text())
        .has("line", number(1))
        .has("strength", one_of(["enforced", "screened", "advisory"]))
        .has("by", list(text()))
        .has("policy", or_null(text()));
    let skill = object().has("name", text()).has("grants", map(list(text()))).has("default", yes_or_no());
    let report = object()
        .has("agent", or_null(text()))
        .has("path", text())
        .has("valid", yes_or_no())
        .has("errors", list(the("Diagnostic")))
        .has("rules", list(rule.into()))
        .has("skills", list(skill.into()));
    book.route(
        "POST",
        "agents/{name}/soul/check",
        "What a text would come to as the agent's SOUL.md; nothing is written.",
    )
    .takes(object().has("text", text()))
    .gives(report);
    book.route(
        "PUT",
        "agents/{name}/soul",
        "Writes an agent's SOUL.md anew, if it compiles and the version that it was made from is still the one there.",
    )
    .takes(object().has("text", text()).has("version", digest()))
    .gives(object().has("version", digest()));
    past_souls(book);
    book.route("POST", "agents/{name}/kill", "Ends every process of an agent and refuses what is in flight.")
        .gives(the("KillReport"));
    book.route("POST", "agents/{name}/pause", "The agent takes up nothing new until it is resumed.")
        .gives(object().has("agent", id()).has("paused", yes_or_no()));
    book.route("POST", "agents/{name}/resume", "The agent takes up messages again.")
        .gives(object().has("agent", id()).has("resumed", yes_or_no()));
    book.route("POST", "kill", "Ends every process of every agent.").gives(the("KillReport"));
    book.route("GET", "events", "Everything that happens from now on, without any content.").streams("Event");
}

/// What a SOUL.md was.
fn past_souls(book: &mut Book) {
    let version = || {
        object()
            .has("number", number(1))
            .has("version", digest())
            .has("time", time())
            .has("by", or_null(id()))
            .has("from", or_null(number(1)))
            .has("bytes", number(0))
    };
    book.route("GET", "agents/{name}/soul/versions", "What an agent's SOUL.md was, the newest first.")
        .asks("before", number(0))
        .asks("limit", number(0))
        .gives(object().has("versions", list(version().into())).has("before", or_null(number(1))));
    book.route(
        "GET",
        "agents/{name}/soul/versions/{number}",
        "One version of an agent's SOUL.md, whole. The look is on the record.",
    )
    .gives(version().has("text", text()));
    let piece = object()
        .has("kind", one_of(["same", "skipped", "added", "removed"]))
        .has("lines", list(text()))
        .has("count", number(1))
        .has("unended", yes_or_no());
    book.shape(
        "Diff",
        object()
            .has("pieces", list(piece.into()))
            .has("added", number(0))
            .has("removed", number(0))
            .has("cut", yes_or_no()),
    );
    book.route(
        "GET",
        "agents/{name}/soul/diff",
        "What two versions of an agent's SOUL.md differ in, or a version and what lies there. The look is on the record.",
    )
    .asks("from", number(0))
    .asks("to", number(0))
    .gives(
        object()
            .has("from", number(1))
            .has("to", or_null(number(1)))
            .has("version", digest())
            .has("diff", the("Diff")),
    );
    book.route(
        "POST",
        "agents/{name}/soul/rollback",
        "Writes the text of an earlier version anew, if it compiles and the version that lies there is the one named.",
    )
    .takes(object().has("number", number(0)).has("version", digest()))
    .gives(object().has("version", digest()));
}

fn conversations(book: &mut Book) {
    book.about("conversations");
    book.route(
        "POST",
        "agents/{name}/messages",
        "Says something to an agent; what comes of it is told as it happens, and goes on when nobody listens.",
    )
    .takes(object().has("text", short(MAX_MESSAGE_BYTES)).may_have("session", or_null(id())))
    .streams("Event");
    let branch = object()
        .has("session", id())
        .has("upto", or_null(id()))
        .has("there", yes_or_no())
        .has("title", or_null(text()))
        .has("erased", yes_or_no());
    book.shape("Branch", branch);
    let view = object()
        .has("session", id())
        .has("agent", id())
        .has("started", or_null(time()))
        .has("last", or_null(time()))
        .has("turns", number(0))
        .has("labels", the("Labels"))
        .has("turn", or_null(id()))
        .has("waiting", or_null(id()))
        .has("title", or_null(text()))
        .has("branch", or_null(the("Branch")));
    book.route(
        "GET",
        "sessions",
        "The caller's own conversations, the newest first. Each list is a look, and on the record.",
    )
    .asks("agent", id())
    .asks("before", place())
    .asks("limit", within(0, u32::MAX))
    .gives(object().has("sessions", list(view.into())).has("before", or_null(text())));
    searching(book);
    let said = object()
        .has("seq", number(1))
        .has("session", id())
        .has("turn", or_null(id()))
        .has("time", time())
        .has("by", one_of(["person", "agent"]))
        .has("text", or_null(text()));
    let conversation = object()
        .has("session", id())
        .has("agent", id())
        .has("labels", the("Labels"))
        .has("waiting", or_null(id()))
        .has("branch", or_null(the("Branch")))
        .has("said", list(said.into()));
    book.route("GET", "sessions/{id}", "What was said in a conversation, what it goes on from included.")
        .gives(conversation);
    branches(book);
    steps(book);
    book.route("GET", "turns/{id}/events", "What happens in one turn from now on.").streams("Event");
    let stopped = object().has("turn", id()).has("session", id()).has("agent", id()).has("over", yes_or_no());
    book.route("POST", "turns/{id}/stop", "Ends a turn, and nothing else of its agent.").gives(stopped);
}

fn branches(book: &mut Book) {
    book.route(
        "POST",
        "sessions/{id}/branches",
        "Begins a conversation that goes on from one of the caller's own, after a turn of it or before one; that one stays as it is.",
    )
    .takes(object().has("turn", id()).may_have("before", yes_or_no()))
    .gives(
        object()
            .has("session", id())
            .has("agent", id())
            .has("labels", the("Labels"))
            .has("branch", or_null(the("Branch"))),
    );
}

fn searching(book: &mut Book) {
    let passage = object()
        .has("session", id())
        .has("agent", id())
        .has("title", or_null(text()))
        .has("seq", number(1))
        .has("time", time())
        .has("by", one_of(["person", "agent"]))
        .has("before", text())
        .has("word", text())
        .has("after", text());
    book.route(
        "POST",
        "sessions/search",
        "What was said in the caller's own conversations and has some words, the newest first, as far as it came. On the record.",
    )
    .takes(
        object()
            .has("text", words(MAX_TEXT_BYTES))
            .may_have("agent", or_null(id()))
            .may_have("after", or_null(number(0)))
            .may_have("limit", or_null(within(0, u32::MAX))),
    )
    .gives(
        object()
            .has("items", some(passage.into(), 0, MAX_RECALLED))
            .has("after", or_null(number(1)))
            .has("until", or_null(time())),
    );
}

fn steps(book: &mut Book) {
    // What an event of this type has, without the numbers of a run of the gateway.
    let step = object()
        .has("type", one_of(["proposal", "verdict", "outcome", "part", "approval", "error", "end"]))
        .has("seq", number(1))
        .has("time", time())
        .has("turn", id())
        .may_have("proposal", id())
        .may_have("action", anything())
        .may_have("decision", text())
        .may_have("reasons", list(anything()))
        .may_have("status", text())
        .may_have("labels", the("Labels"))
        .may_have("summary", text())
        .may_have("text", text())
        .may_have("approval", id())
        .may_have("state", text())
        .may_have("message", text());
    book.route(
        "GET",
        "sessions/{id}/steps",
        "What happened in a conversation on the way to its answers, the newest of it. On the record.",
    )
    .asks("before", number(0))
    .asks("limit", within(0, u32::MAX))
    .gives(object().has("steps", list(step.into())).has("before", or_null(number(1))));
    let passage = object()
        .has("proposal", id())
        .has("verb", text())
        .has("resource", anything())
        .has("labels", the("Labels"))
        .has("text", or_null(text()))
        .has("cut", yes_or_no());
    book.route(
        "GET",
        "sessions/{id}/passages/{proposal}",
        "What an action of a conversation read, as far as the caller may read it now. On the record.",
    )
    .gives(passage);
}

fn approvals(book: &mut Book) {
    book.about("approvals");
    book.shape(
        "Approval",
        object()
            .has("id", id())
            .has("agent", id())
            .has("asked_by", id())
            .has("action", the("Action"))
            .has("digest", digest())
            .has("reasons", list(the("Reason")))
            .has("labels", the("Labels"))
            .has("expires", time())
            .has("state", one_of(APPROVAL_STATES))
            .has("session", id())
            .has("turn", id())
            .has("queue", or_null(text()))
            .has("risk", one_of(RISKS))
            .has("needed", within(1, 2))
            .has("approved_by", list(id()))
            .has("since", or_null(time()))
            .has("escalates", or_null(time()))
            .has("escalated", yes_or_no())
            .has("missing", within(0, 2))
            .has("decidable", yes_or_no())
            .has("patternable", yes_or_no())
            .has("change", or_null(the("FileChange")))
            .has("readers", or_null(list(object().has("name", text()).has("people", list(id())).into())))
            .has("model", or_null(object().has("name", text()).has("remote", yes_or_no()).into())),
    );
    book.shape(
        "FileChange",
        object()
            .has("created", yes_or_no())
            .has("bytes", number(0))
            .has("labels", the("Labels"))
            .has("diff", or_null(the("Diff")))
            .has("why", or_null(text())),
    );
    book.route("GET", "approvals", "The actions that wait for the caller, or all that ever did.")
        .asks("all", yes_or_no())
        .gives_pages(the("Approval"));
    book.route("GET", "approvals/{id}", "One action that waits or waited for a person, whole.")
        .gives(the("Approval"));
    book.route("POST", "approvals/{id}/approve", "Says yes to exactly what was shown, by its digest.")
        .takes(
            object()
                .has("digest", digest())
                .may_have("person", or_null(id()))
                .may_have("pattern", yes_or_no()),
        )
        .gives(the("Approval"));
    book.route("POST", "approvals/{id}/deny", "Says no.")
        .takes(
            object()
                .may_have("reason", text())
                .may_have("digest", or_null(digest()))
                .may_have("person", or_null(id())),
        )
        .gives(the("Approval"));
    answers_in_chat(book);
    waiting(book);
    patterns(book);
    approvers(book);
}

fn answers_in_chat(book: &mut Book) {
    let told = object().has("response_type", one_of(["ephemeral"])).has("text", text());
    book.route(
        "POST",
        "chat/answer",
        "The chat's slash command: `approve ID` or `deny ID reason` as its `text`.",
    )
    .takes_form(object().has("team_id", text()).has("user_id", text()).has("text", text()))
    .gives(told);
}

fn waiting(book: &mut Book) {
    book.route(
        "GET",
        "waiting",
        "How many actions wait for the caller, in all and of each agent of which one does. It shows none of them and is no use of a sign-in, so that a page may ask it while nobody is there.",
    )
    .gives(object().has("waiting", number(0)).has("agents", map(number(1))));
}

fn approvers(book: &mut Book) {
    let spent = object()
        .has("decisions", number(0))
        .has("approved", number(0))
        .has("busiest_hour", number(0))
        .has("look_median_ms", or_null(number(0)))
        .has("look_p10_ms", or_null(number(0)))
        .has("high_risk", number(0))
        .has("high_risk_look_median_ms", or_null(number(0)))
        .has("unseen", number(0))
        .has("untimed", number(0))
        .has("risks", list(one_of(BUDGET_RISKS)));
    book.shape("Spent", spent);
    let budget = object()
        .has("person", id())
        .has("hour", the("Spent"))
        .has("day", the("Spent"))
        .has("month", the("Spent"));
    let thresholds = object()
        .has("an_hour", number(1))
        .has("look_ms", number(0))
        .has("approved_percent", within(0, 100))
        .has("decisions", number(1));
    book.route(
        "GET",
        "approvers",
        "How much those who approve decide and how long they look: of everybody for administrators, else of the caller.",
    )
    .gives_pages_with(
        object().has("thresholds", thresholds.into()).has("whole", yes_or_no()),
        budget.into(),
    );
}

fn patterns(book: &mut Book) {
    book.shape(
        "Pattern",
        object()
            .has("id", id())
            .has("agent", id())
            .has("asked_by", id())
            .has("approved_by", id())
            .has("verb", text())
            .has("resource", the("Resource"))
            .has("digest", digest())
            .has("since", time())
            .has("expires", time())
            .has("uses", number(0)),
    );
    book.route(
        "GET",
        "patterns",
        "What may happen again without another look, as far as it concerns the caller.",
    )
    .gives_pages(the("Pattern"));
    book.route("POST", "patterns/{id}/revoke", "Has exactly the same looked at again.")
        .takes(object())
        .gives(the("Pattern"));
}
