//! The name that somebody probably meant.

/// The known name nearest to `word`, if it is near enough to be a slip of the hand: an edit in three
/// characters, at least one.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.to_lowercase().chars().take(64).collect();
    let allowed = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&word, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// A sentence that offers the nearest name, then all of them.
pub(crate) fn suggest(word: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match nearest(word, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`? known here: {list}"),
        None => format!("use one of: {list}"),
    }
}
