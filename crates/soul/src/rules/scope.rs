//! "If a request falls outside X, respond: TEXT": the words that a person sees when something is
//! denied for scope.

/// The longest refusal text, in bytes; a longer one makes the rule plain advice.
const MAX_REFUSAL_BYTES: usize = 1024;

/// The refusal text of a rule of that form.
pub(crate) fn refusal(rule: &str) -> Option<String> {
    let (condition, text) = rule.split_once(':')?;
    let condition = condition.to_lowercase();
    let words: Vec<&str> = condition.split_whitespace().collect();
    let begins = matches!(words.first(), Some(&("if" | "when" | "for")));
    let request =
        words.iter().any(|word| matches!(*word, "request" | "requests" | "question" | "task" | "message"));
    let outside = words.contains(&"outside") || words.ends_with(&["scope"]);
    let answer =
        words.last().is_some_and(|word| matches!(*word, "respond" | "reply" | "answer" | "say" | "with"));
    let text = unquoted(text.trim());
    let fits = !text.is_empty() && text.len() <= MAX_REFUSAL_BYTES && !text.contains('\n');
    (begins && request && outside && answer && fits).then(|| text.to_owned())
}

fn unquoted(text: &str) -> &str {
    let pairs = [('"', '"'), ('“', '”'), ('„', '“'), ('\'', '\'')];
    pairs
        .into_iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))
        .map_or(text, str::trim)
}
