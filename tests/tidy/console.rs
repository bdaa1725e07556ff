//! The console: no file is too long, and what it says to people stands in `strings.ts` and `strings/` and in no page: a `.svelte` file has no words
//! of its own.

use std::path::Path;

use super::style::FILE_STOP;

/// Attributes, and properties of our own parts, that people read or hear.
const SAID: [&str; 13] = [
    "alt",
    "aria-description",
    "aria-label",
    "aria-placeholder",
    "aria-roledescription",
    "aria-valuetext",
    "label",
    "lead",
    "none",
    "now",
    "placeholder",
    "text",
    "title",
];

/// Before a text that is compared, looked up or handed on, and so is not what is shown.
const HANDED_ON: [&str; 5] = ["===", "!==", "[", "(", ","];

/// Every page and part of the console, by its path from the root.
pub fn pages(root: &Path) -> Vec<(String, String)> {
    files(root, &["console/src"], &["svelte"])
}

/// All that is written for the console and its tests.
pub fn written(root: &Path) -> Vec<(String, String)> {
    files(root, &["console/src", "console/test"], &["svelte", "ts", "mjs", "css"])
}

/// That a file is too long.
pub fn length((path, text): &(String, String)) -> Vec<String> {
    let lines = text.lines().count();
    if lines > FILE_STOP { vec![format!("{path}: {lines} lines; the limit is {FILE_STOP}")] } else { vec![] }
}

fn files(root: &Path, folders: &[&str], endings: &[&str]) -> Vec<(String, String)> {
    let mut folders: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut all = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|of| endings.iter().any(|ending| of == *ending)) {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                all.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

/// The words of its own that a page has.
pub fn check((path, text): &(String, String)) -> Vec<String> {
    let mut page = Page { rest: text, found: Vec::new() };
    page.read();
    page.found.into_iter().map(|words| format!("{path}: `{words}`; say it in strings.ts")).collect()
}

struct Page<'a> {
    rest: &'a str,
    found: Vec<String>,
}

impl<'a> Page<'a> {
    fn read(&mut self) {
        while !self.rest.is_empty() {
            if self.rest.starts_with("<!--") {
                self.until("-->");
            } else if self.rest.starts_with("<script") {
                self.until(">");
                let script = self.until("</script>");
                let compared = |before: &str| before.trim_end().ends_with("==");
                let said = |(before, words): &(&str, String)| !compared(before) && prose(words);
                self.found.extend(literals(script).into_iter().filter(said).map(|(_, words)| words));
            } else if self.rest.starts_with("<style") {
                self.until("</style>");
            } else if self.rest.starts_with('<') {
                self.tag();
            } else if self.rest.starts_with('{') {
                let inside = self.braces();
                // `{#if ..}`, `{:else}`, `{/if}` and `{@const ..}` show nothing themselves.
                if !inside.starts_with(['#', ':', '/', '@']) {
                    self.shown(inside);
                }
            } else {
                let end = self.rest.find(['<', '{']).unwrap_or(self.rest.len());
                let words = self.take(end);
                self.say(words);
            }
        }
    }

    fn take(&mut self, end: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// What comes before `end`, which is taken too.
    fn until(&mut self, end: &str) -> &'a str {
        let at = self.rest.find(end).unwrap_or(self.rest.len());
        let taken = self.take(at);
        self.rest = self.rest.strip_prefix(end).unwrap_or(self.rest);
        taken
    }

    /// What is within the braces that open here.
    fn braces(&mut self) -> &'a str {
        let (mut depth, mut quote) = (0_usize, None);
        let mut escaped = false;
        for (at, letter) in self.rest.char_indices() {
            match (quote, letter) {
                _ if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(open), _) if open == letter => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"' | '`') => quote = Some(letter),
                (None, '{') => depth += 1,
                (None, '}') => depth -= 1,
                (None, _) => {}
            }
            if depth == 0 && quote.is_none() {
                let taken = self.take(at + 1);
                return taken.strip_prefix('{').and_then(|one| one.strip_suffix('}')).unwrap_or(taken).trim();
            }
        }
        self.take(self.rest.len())
    }

    fn tag(&mut self) {
        let name =
            self.rest.find(|letter: char| letter.is_whitespace() || letter == '>').unwrap_or(self.rest.len());
        self.take(name);
        while !self.rest.is_empty() {
            self.rest = self.rest.trim_start();
            if self.rest.starts_with('>') {
                self.take(1);
                return;
            }
            if self.rest.starts_with('{') {
                self.braces();
                continue;
            }
            let end = |letter: char| letter.is_whitespace() || letter == '=' || letter == '>';
            let end = self.rest.find(end).unwrap_or(self.rest.len());
            let name = self.take(end.max(1));
            let said = SAID.contains(&name);
            if !self.rest.starts_with('=') {
                continue;
            }
            self.take(1);
            if self.rest.starts_with('"') {
                self.take(1);
                let value = self.until("\"");
                if said {
                    let mut inside = Page { rest: value, found: Vec::new() };
                    inside.read();
                    self.found.append(&mut inside.found);
                }
            } else if self.rest.starts_with('{') {
                let value = self.braces();
                if said {
                    self.shown(value);
                }
            }
        }
    }

    /// An expression whose value is shown.
    fn shown(&mut self, expression: &str) {
        for (before, words) in literals(expression) {
            if !HANDED_ON.iter().any(|sign| before.trim_end().ends_with(sign)) {
                self.say(&words);
            }
        }
    }

    fn say(&mut self, words: &str) {
        let mut plain = words.to_owned();
        // `&ensp;` is a space.
        while let Some(start) = plain.find('&') {
            let Some(length) = plain[start..].find(';') else { break };
            plain.replace_range(start..=start + length, " ");
        }
        if plain.contains(char::is_alphabetic) {
            self.found.push(words.trim().to_owned());
        }
    }
}

/// The texts of a piece of TypeScript, each with what stands before it; of a template what is between its expressions.
fn literals(code: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = code[at..].find(['\'', '"', '`', '/']).map(|start| at + start) {
        let rest = &code[start..];
        if rest.starts_with("//") || rest.starts_with("/*") {
            let end = if rest.starts_with("//") { "\n" } else { "*/" };
            at = rest.find(end).map_or(code.len(), |length| start + length + end.len());
            continue;
        }
        let quote = rest.chars().next().unwrap_or_default();
        at = start + 1;
        if quote == '/' {
            continue;
        }
        let (mut words, mut escaped, mut depth) = (String::new(), false, 0_usize);
        for (here, letter) in code[at..].char_indices() {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if letter == quote && depth == 0 => {
                    at += here + 1;
                    break;
                }
                '{' if quote == '`' && (depth > 0 || words.ends_with('$')) => {
                    depth += 1;
                    if words.ends_with('$') {
                        words.pop();
                    }
                }
                '}' if depth > 0 => depth -= 1,
                _ if depth == 0 => words.push(letter),
                _ => {}
            }
        }
        found.push((&code[..start], words));
    }
    found
}

/// Whether a text has two words beside each other, as names in code have not.
fn prose(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let word = |one: &str| {
        one.chars().count() > 1 && one.chars().all(|letter| letter.is_alphabetic() || letter == '.')
    };
    words.windows(2).any(|two| two.iter().all(|one| word(one)))
}

#[test]
fn long_files_are_found() {
    let of = |lines: usize| length(&("x.ts".to_owned(), "\n".repeat(lines))).len();
    assert_eq!((of(FILE_STOP), of(FILE_STOP + 1)), (0, 1));
}

#[test]
fn words_of_a_page_of_its_own_are_found() {
    let found = |text: &str| check(&("x.svelte".to_owned(), text.to_owned())).len();
    for good in [
        "<!-- Says hello. --><p>{t.hello}</p>",
        "<script lang=\"ts\">\n  // It says hello there.\n  const a = 'file.read';\n  const half = 1 / 2;\n  if (why === 'no text') no(why);\n</script><p>{t.hello}&ensp;{one.id}, {t.x[one]} · 1</p>",
        "<a class=\"button small\" href={href('chat', one)} aria-label={t.show(one.id)} title={exact(one.created)}>{t.show}</a>",
        "{#if state === 'waiting to go'}{one.kind === 'read' ? t.a : t.b}{:else}{@render item('x y')}{/if}",
        "<li class:lit={a > b} style:width=\"{x}px\" onclick={() => { if (a < b) go('live'); }}>{`${t.a} · ${t.b}`}</li>",
        "<style>p { color: red; } .a > .b { content: 'x y'; }</style>",
        "<input type=\"text\" name=\"code\" {...more} bind:value /><Listing {title} none=\"\" />",
    ] {
        assert_eq!(found(good), 0, "{good}: {:?}", check(&(String::new(), good.to_owned())));
    }
    for bad in [
        "<p>Hello</p>",
        "<p>{t.hello} there</p>",
        "<button aria-label=\"Close\">{t.x}</button>",
        "<button title=\"{one.id} goes\">{t.x}</button>",
        "<p>{one.kind === 'read' ? 'Read' : t.b}</p>",
        "<p>{`${t.a} and ${t.b}`}</p>",
        "<img alt={ok ? t.fine : 'broken'} />",
        "<Listing title=\"Everybody\" {list} />",
        "{#if a}yes{/if}",
        "<script>let problem = 'It did not work.';</script>",
        "<script>const a = x / 2;\n problem = `${name} is not there`;</script>",
    ] {
        assert_eq!(found(bad), 1, "{bad}");
    }
}
