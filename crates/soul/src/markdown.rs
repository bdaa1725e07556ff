//! A SOUL.md's Markdown as sections of items.
//!
//! The Markdown library says where blocks begin; texts are taken from the source itself, from where a
//! block begins to where the next one does. So no character of a rule is lost to Markdown: not the
//! stars of `*.example.org`, and not a line that Markdown would read as a link definition.

use comrak::arena_tree::NodeEdge;
use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};

use crate::diagnostic::{Findings, Spot, quoted};
use crate::limits::{MAX_NESTING, MAX_VALUE_BYTES};
use crate::nearest::nearest;
use crate::source::{Cursor, Source};

/// The sections that mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Identity,
    Rules,
    Skills,
    Channels,
    Limits,
    Clearance,
}

impl Known {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Identity, "identity"),
        (Self::Rules, "rules"),
        (Self::Skills, "skills"),
        (Self::Channels, "channels"),
        (Self::Limits, "limits"),
        (Self::Clearance, "clearance"),
    ];

    fn of(heading: &str) -> Option<Self> {
        let heading = heading.trim().trim_end_matches(':').trim_end().to_lowercase();
        Self::ALL.into_iter().find(|(_, name)| *name == heading).map(|(known, _)| known)
    }
}

/// A list item with what is nested in it.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) spot: Spot,
    /// What stands before and after nested lists, on one line.
    pub(crate) text: String,
    /// All of it, nested lists included; several lines when there is more than one paragraph.
    pub(crate) whole: String,
    pub(crate) children: Vec<Item>,
}

impl Item {
    /// Reports nested items where there may be none.
    pub(crate) fn refuse_children(&self, findings: &mut Findings, what: &str) {
        if let Some(child) = self.children.first() {
            let message = format!("{what} has no items of its own; found {}", quoted(&child.text));
            findings.error(child.spot, message, "move it out one level, or delete it");
        }
    }
}

/// A part of a section.
#[derive(Debug)]
pub(crate) enum Block {
    Item(Item),
    /// Anything but a list: its text, as it stands.
    Prose(Spot, String),
}

/// A section that means something.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) known: Known,
    pub(crate) spot: Spot,
    pub(crate) blocks: Vec<Block>,
}

impl Section {
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Item(item) => Some(item),
            Block::Prose(..) => None,
        })
    }

    pub(crate) fn prose(&self) -> impl Iterator<Item = (Spot, &str)> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Item(_) => None,
            Block::Prose(spot, text) => Some((*spot, text.as_str())),
        })
    }

    /// Reports text that is not a list item, in a section where overlooking it would widen something.
    pub(crate) fn refuse_prose(&self, findings: &mut Findings, form: &str) {
        for (spot, text) in self.prose() {
            let message = format!("a list item was expected, not {}", quoted(text));
            findings.error(spot, message, format!("write {form}"));
        }
    }
}

/// A whole file.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) title: Option<String>,
    pub(crate) sections: Vec<Section>,
    /// What enforces nothing: what stands before the first section, and unknown sections, as they stand.
    pub(crate) passages: Vec<String>,
}

impl Document {
    pub(crate) fn section(&self, known: Known) -> Option<&Section> {
        self.sections.iter().find(|section| section.known == known)
    }
}

const NO_SECTION: &str = "text that stands in no section enforces nothing";
const NO_SECTION_HELP: &str = "it is kept for the model; a rule belongs in `## Rules`";

/// A block with where it begins.
struct Part<'a> {
    node: &'a AstNode<'a>,
    from: Cursor,
    to: Cursor,
}

/// Reads the file's structure; `None` when it is nested too deep to be read at all.
pub(crate) fn read(source: &Source, findings: &mut Findings) -> Option<Document> {
    let arena = Arena::new();
    let root = parse_document(&arena, source.text(), &Options::default());
    let mut document = Document::default();
    if let Some(cursor) = too_deep(root) {
        findings.error(
            source.spot(cursor),
            format!("lists and quotes are nested more than {MAX_NESTING} deep"),
            "write it flatter",
        );
        return None;
    }
    let parts = parts(root, Cursor { line: 0, byte: 0 }, source.end());
    let mut headings = Vec::new();
    let mut rest = parts.as_slice();
    while let Some((part, mut after)) = rest.split_first() {
        match section_heading(part.node) {
            Some((level, text)) => {
                let body = after.iter().position(|part| section_heading(part.node).is_some());
                let (body, next) =
                    after.split_at_checked(body.unwrap_or(after.len())).unwrap_or((after, &[]));
                headings.push(part.from.line);
                take(&mut document, source, part, (level, &text), body, findings);
                after = next;
            }
            None => passage(&mut document, source, part, findings),
        }
        rest = after;
    }
    report_swallowed(source, &headings, findings);
    Some(document)
}

/// Where nesting first exceeds its bound. The walk keeps no stack, however deep the tree.
fn too_deep<'a>(root: &'a AstNode<'a>) -> Option<Cursor> {
    let nests =
        |node: &'a AstNode<'a>| matches!(node.data().value, NodeValue::Item(_) | NodeValue::BlockQuote);
    let mut depth = 0_usize;
    for edge in root.traverse() {
        match edge {
            NodeEdge::Start(node) if nests(node) => depth = depth.saturating_add(1),
            NodeEdge::End(node) if nests(node) => depth = depth.saturating_sub(1),
            NodeEdge::Start(_) | NodeEdge::End(_) => {}
        }
        if let (NodeEdge::Start(node), true) = (edge, depth > MAX_NESTING) {
            return Some(start(node));
        }
    }
    None
}

fn start<'a>(node: &'a AstNode<'a>) -> Cursor {
    let start = node.data().sourcepos.start;
    Cursor { line: start.line.saturating_sub(1), byte: start.column.saturating_sub(1) }
}

/// The block children of a node. Together they tile `from..to`: each reaches to the next.
fn parts<'a>(node: &'a AstNode<'a>, from: Cursor, to: Cursor) -> Vec<Part<'a>> {
    let children: Vec<&AstNode<'_>> = node.children().filter(|child| child.data().value.block()).collect();
    let starts: Vec<Cursor> = children.iter().map(|child| start(child).max(from).min(to)).collect();
    let ends = starts.iter().skip(1).copied().chain([to]);
    children
        .into_iter()
        .zip(starts.iter().copied().zip(ends))
        .map(|(node, (from, to))| Part { node, from, to })
        .collect()
}

/// The level and text of a heading that can begin a section; deeper ones only part its text.
fn section_heading<'a>(node: &'a AstNode<'a>) -> Option<(u8, String)> {
    let NodeValue::Heading(heading) = &node.data().value else { return None };
    let level = heading.level;
    if level > 2 {
        return None;
    }
    let mut text = String::new();
    for child in node.descendants() {
        match &child.data().value {
            NodeValue::Text(part) => text.push_str(part),
            NodeValue::Code(code) => text.push_str(&code.literal),
            NodeValue::SoftBreak | NodeValue::LineBreak => text.push(' '),
            _ => {}
        }
    }
    Some((level, text.trim().to_owned()))
}

/// Takes a heading of level 1 or 2 with its body: a title, a known section or an unknown one.
fn take<'a>(
    document: &mut Document,
    source: &Source,
    head: &Part<'a>,
    (level, text): (u8, &str),
    body: &[Part<'a>],
    findings: &mut Findings,
) {
    let spot = source.spot(head.from);
    let end = body.last().map_or(head.to, |part| part.to);
    let Some(known) = Known::of(text) else {
        if level == 1 && document.sections.is_empty() {
            title(document, text);
            if body.iter().all(|part| comment(source, part) == Some(true)) {
                return;
            }
            findings.warn(spot, NO_SECTION, NO_SECTION_HELP);
        } else {
            let near = nearest(text, Known::ALL.iter().map(|(_, name)| *name));
            let help = near.map_or_else(
                || NO_SECTION_HELP.to_owned(),
                |name| format!("did you mean `## {}`?", capitalised(name)),
            );
            findings.warn(
                spot,
                format!("the section {} is unknown and enforces nothing", quoted(text)),
                help,
            );
        }
        document.passages.push(verbatim(source, head.from, end));
        return report_comments(source, body, findings);
    };
    if document.section(known).is_some() {
        let message = format!("the section {} stands here a second time", quoted(text));
        findings.error(spot, message, "move its items into the first");
    }
    let mut blocks = Vec::new();
    let heading_end = Cursor { line: head.node.data().sourcepos.end.line, byte: 0 };
    gap(source, heading_end, head.to, &mut blocks);
    for part in body {
        block(source, part, &mut blocks, findings);
    }
    document.sections.push(Section { known, spot, blocks });
}

/// The first title that says more than the file's own name.
fn title(document: &mut Document, text: &str) {
    let own_name = |text: &str| {
        text.is_empty() || text.eq_ignore_ascii_case("soul.md") || text.eq_ignore_ascii_case("soul")
    };
    if document.title.is_none() && !own_name(text) {
        document.title = Some(text.to_owned());
    }
}

fn capitalised(name: &str) -> String {
    Known::ALL
        .iter()
        .find(|(_, known)| *known == name)
        .map_or_else(|| name.to_owned(), |(known, _)| format!("{known:?}"))
}

/// Text before the first section.
fn passage(document: &mut Document, source: &Source, part: &Part<'_>, findings: &mut Findings) {
    report_comments(source, std::slice::from_ref(part), findings);
    let text = verbatim(source, part.from, part.to);
    if comment(source, part).is_some()
        || text.is_empty()
        || matches!(part.node.data().value, NodeValue::ThematicBreak)
    {
        return;
    }
    let spot = source.spot(part.from);
    findings.warn(spot, NO_SECTION, NO_SECTION_HELP);
    document.passages.push(text);
}

/// What stands between two places and belongs to no block, such as a link definition.
fn gap(source: &Source, from: Cursor, to: Cursor, blocks: &mut Vec<Block>) {
    let text = verbatim(source, from, to);
    if !text.is_empty() {
        let blank = source.slice(from, to).iter().take_while(|line| line.trim().is_empty()).count();
        let line = from.line.saturating_add(blank);
        blocks.push(Block::Prose(source.spot(Cursor { line, byte: 0 }), text));
    }
}

fn block(source: &Source, part: &Part<'_>, blocks: &mut Vec<Block>, findings: &mut Findings) {
    match &part.node.data().value {
        NodeValue::List(_) => blocks.extend(items(source, part).into_iter().map(Block::Item)),
        NodeValue::ThematicBreak if only_rule(source, part) => {}
        NodeValue::HtmlBlock(_) if comment(source, part) == Some(true) => {}
        NodeValue::HtmlBlock(_) if comment(source, part) == Some(false) => {
            report_comment(source, part, findings)
        }
        _ => {
            let text = verbatim(source, part.from, part.to);
            blocks.push(Block::Prose(source.spot(part.from), text));
        }
    }
}

/// Whether a thematic break stands alone, with no link definition behind it.
fn only_rule(source: &Source, part: &Part<'_>) -> bool {
    source.slice(part.from, part.to).iter().skip(1).all(|line| line.trim().is_empty())
}

fn items(source: &Source, list: &Part<'_>) -> Vec<Item> {
    parts(list.node, list.from, list.to).iter().map(|part| item(source, part)).collect()
}

/// One item. Recursion is bounded by [`MAX_NESTING`], which was checked before.
fn item(source: &Source, part: &Part<'_>) -> Item {
    let line = source.line(part.from.line).get(part.from.byte..).unwrap_or_default();
    let content = Cursor { byte: part.from.byte.saturating_add(marker(line)), ..part.from };
    let inner = parts(part.node, content, part.to);
    let first = inner.first().map_or(part.to, |inner| inner.from);
    let mut own = source.slice(content, first);
    let mut children = Vec::new();
    let mut plain = inner.len() <= 1;
    for inner in &inner {
        match &inner.node.data().value {
            NodeValue::List(_) => {
                children.extend(items(source, inner));
                plain = false;
            }
            value => {
                plain &= matches!(value, NodeValue::Paragraph);
                own.extend(source.slice(inner.from, inner.to));
            }
        }
    }
    let text = one_line(own.iter().copied());
    let whole = if plain { text.clone() } else { verbatim(source, content, part.to) };
    Item { spot: source.spot(content), text, whole, children }
}

/// The bytes of a list marker and of the blanks behind it.
fn marker(line: &str) -> usize {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let sign = usize::from(line.as_bytes().get(digits).is_some_and(|b| b"-*+.)".contains(b)));
    let mark = digits.saturating_add(sign);
    let blanks = line.bytes().skip(mark).take_while(|b| matches!(b, b' ' | b'\t')).count();
    mark.saturating_add(blanks)
}

/// Lines as Markdown shows a paragraph: joined by blanks, without the backslash of a hard break.
fn one_line<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> =
        lines.flat_map(|line| line.trim_end().trim_end_matches('\\').split_whitespace()).collect();
    words.join(" ")
}

/// Lines as they stand, without what is blank at the ends.
fn verbatim(source: &Source, from: Cursor, to: Cursor) -> String {
    let lines: Vec<&str> = source.slice(from, to).into_iter().map(str::trim_end).collect();
    lines.join("\n").trim_end().trim_start_matches('\n').to_owned()
}

/// Whether a block is a comment: `Some(true)` a whole one, `Some(false)` one that is not closed or has
/// text behind it, which Markdown would make part of it.
fn comment(source: &Source, part: &Part<'_>) -> Option<bool> {
    let text = verbatim(source, part.from, part.to);
    let inner = text.trim().strip_prefix("<!--")?;
    Some(inner.strip_suffix("-->").is_some_and(|inner| !inner.contains("-->")))
}

fn report_comments(source: &Source, parts: &[Part<'_>], findings: &mut Findings) {
    for part in parts {
        if matches!(part.node.data().value, NodeValue::HtmlBlock(_)) && comment(source, part) == Some(false) {
            report_comment(source, part, findings);
        }
    }
}

fn report_comment(source: &Source, part: &Part<'_>, findings: &mut Findings) {
    findings.error(
        source.spot(part.from),
        "a comment that is not closed, or has text behind its end, hides what follows it",
        "end the comment with `-->` and put nothing else on that line",
    );
}

/// Reports lines that look like the heading of a section and are not, because a code block, a comment or a
/// list swallowed them: what stands under them would silently not apply.
fn report_swallowed(source: &Source, headings: &[usize], findings: &mut Findings) {
    for number in (0..source.len()).filter(|number| headings.binary_search(number).is_err()) {
        let line = source.line(number);
        let inner =
            line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '>' | '-' | '*' | '+'));
        let text = inner.trim_start_matches('#');
        let is_heading = text.len() < inner.len() && text.starts_with([' ', '\t']);
        if is_heading && Known::of(text.trim_end().trim_end_matches('#')).is_some() {
            let byte = line.len().saturating_sub(inner.len());
            findings.error(
                source.spot(Cursor { line: number, byte }),
                format!("{} does not begin a section here", quoted(inner)),
                "begin the line with `## `, and close any code block, comment or list above it",
            );
        }
    }
}

/// The two sides of `key: value`, the key in its normal form (lower case, blanks and `_` as `-`).
/// Bold or code marks around the key do not count. `None` without a colon or a key.
pub(crate) fn key_value(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once(':')?;
    let marks = ['*', '_', '`'];
    let bare = key.trim().trim_matches(marks);
    // `**Name:** Echo` closes its mark behind the colon; `hosts: *.example.org` has none to close.
    let open = key.trim().chars().take_while(|c| marks.contains(c)).count();
    let closed = key.trim().chars().rev().take_while(|c| marks.contains(c)).count();
    let value = if open > closed { value.trim_start_matches(marks) } else { value };
    let key = normal_key(bare);
    (!key.is_empty() && key.len() <= MAX_VALUE_BYTES).then(|| (key, value.trim().to_owned()))
}

/// A key in its normal form: lower case, blanks and `_` as `-`.
pub(crate) fn normal_key(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c == '_').filter(|w| !w.is_empty()).collect();
    words.join("-").to_lowercase()
}
