//! A rule as normalised words, and patterns over them.

/// The most words of a rule that is compared with forms; a longer one is its own rule.
const MAX_FORM_WORDS: usize = 40;

/// The words of a rule: lower case, without punctuation, with every way to say "never" as `never`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words(Vec<String>);

/// What stands in one place of a pattern.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot {
    /// Exactly one of these words.
    One(&'static [&'static str]),
    /// One of these words, or nothing.
    Opt(&'static [&'static str]),
    /// Any number of these words.
    Any(&'static [&'static str]),
    /// One or more of these words.
    Many(&'static [&'static str]),
}

impl Words {
    pub(crate) fn of(text: &str) -> Self {
        let joined: String = text
            .to_lowercase()
            .chars()
            .filter(|c| !matches!(c, '\'' | '’'))
            .map(|c| if c.is_alphanumeric() { c } else { ' ' })
            .collect();
        let mut words: Vec<String> = Vec::new();
        for word in joined.split_whitespace() {
            let negated = matches!(
                (words.last().map(String::as_str), word),
                (Some("do" | "must" | "may" | "shall" | "should" | "can"), "not")
                    | (Some("must" | "may" | "shall" | "should"), "never")
            );
            if negated {
                words.pop();
            }
            let never = negated || matches!(word, "dont" | "cannot" | "cant" | "mustnt" | "shouldnt");
            words.push(if never { "never".to_owned() } else { word.to_owned() });
        }
        let subject: &[&[&str]] =
            &[&["you"], &["the", "agent"], &["this", "agent"], &["agents"], &["please"]];
        for begin in subject {
            if words.len() > begin.len() && words.iter().zip(*begin).all(|(word, begin)| word == begin) {
                words.drain(..begin.len());
                break;
            }
        }
        Self(words)
    }

    /// Whether a pattern covers all the words.
    pub(crate) fn fit(&self, pattern: &[Slot]) -> bool {
        self.0.len() <= MAX_FORM_WORDS && fits(&self.0, pattern)
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.0.iter().any(|other| other == word)
    }

    pub(crate) fn has_any(&self, list: &[&str]) -> bool {
        list.iter().any(|word| self.has(word))
    }

    /// Whether it begins with a negative or an obligation.
    pub(crate) fn sounds_binding(&self) -> bool {
        const BEGIN: [&str; 10] =
            ["never", "must", "only", "all", "no", "always", "every", "not", "avoid", "without"];
        let begins = |word: Option<&String>| word.is_some_and(|word| BEGIN.contains(&word.as_str()));
        begins(self.0.first())
    }

    /// Whether a negative or an obligation stands anywhere.
    pub(crate) fn demands(&self) -> bool {
        self.has_any(&[
            "never", "must", "only", "all", "no", "not", "always", "every", "any", "avoid", "without",
            "flag", "before",
        ])
    }
}

fn fits(words: &[String], pattern: &[Slot]) -> bool {
    let Some((slot, rest)) = pattern.split_first() else { return words.is_empty() };
    let after = |list: &[&str]| {
        words.split_first().filter(|(word, _)| list.contains(&word.as_str())).map(|(_, after)| after)
    };
    match slot {
        Slot::One(list) => after(list).is_some_and(|words| fits(words, rest)),
        Slot::Opt(list) => fits(words, rest) || after(list).is_some_and(|words| fits(words, rest)),
        Slot::Any(list) => fits(words, rest) || after(list).is_some_and(|words| fits(words, pattern)),
        Slot::Many(list) => after(list).is_some_and(|words| fits(words, rest) || fits(words, pattern)),
    }
}
