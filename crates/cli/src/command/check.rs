//! `bulkhead check`: what each SOUL.md comes to, or everything that is wrong with it.

use secrets::SecretError;
use soul::{CheckReport, Diagnostic, Rule, SkillGrant, Strength};

use super::Place;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use crate::souls::{self, Checked, Loaded, Rules};
use crate::terminal::{Keep, Paint, Screen, say, visible};

const EXAMPLES: &str = "Examples:
  bulkhead check                      every agent of the home
  bulkhead check echo --strict        fail on a rule that sounds binding and is only advisory
  bulkhead check ~/openclaw/SOUL.md   a file from elsewhere
  bulkhead check --json               one line for each

Strengths: enforced, a policy or the sandbox makes it impossible; screened, a detector looks
and can miss; advisory, only the model is told.";

/// Compile SOUL.md: each rule with its strength, each skill with its grants
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Agents, files or folders [default: every agent]
    #[arg(value_name = "NAME|PATH")]
    what: Vec<String>,
    /// Fail on an advisory rule that begins as a prohibition or an obligation
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(place: &Place, args: &Args) -> Result<Exit, Failure> {
    let paths = if args.what.is_empty() {
        souls::all(&place.home)?
    } else {
        args.what.iter().map(|what| souls::find(&place.home, what)).collect::<Result<_, _>>()?
    };
    let rules = Rules::of(&place.home)?;
    let mut exit = Exit::Done;
    for (nth, path) in paths.iter().enumerate() {
        let checked = rules.check(path)?;
        if place.screen.json() {
            place.screen.value(&report(&checked))?;
        } else {
            if nth > 0 {
                place.screen.line("")?;
            }
            page(place.screen, &checked, args.strict).iter().try_for_each(|line| place.screen.line(line))?;
        }
        let holds = checked.compiled.as_ref().is_ok_and(|loaded| !args.strict || unenforced(loaded) == 0);
        if !holds {
            exit = Exit::Found;
        }
    }
    if args.what.is_empty() && place.home.settings().exists() {
        for missing in Settings::load(&place.home)?.missing_secrets(&place.home) {
            // What the gateway's environment holds, this command's may lack.
            let unset = matches!(missing, SecretError::Unset { .. });
            say(&format!("{}: {missing}", if unset { "warning" } else { "error" }));
            exit = if unset { exit } else { Exit::Found };
        }
    }
    if paths.is_empty() && !place.screen.json() {
        place.screen.line("there are no agents; `bulkhead agents add NAME` makes one")?;
    }
    Ok(exit)
}

fn report(checked: &Checked) -> CheckReport {
    let folder = checked.owner.as_ref().map(vocab::AgentName::as_str);
    let path = checked.path.display().to_string();
    match &checked.compiled {
        Ok(loaded) => CheckReport::new(&path, folder, &Ok((*loaded.charter).clone())),
        Err(errors) => CheckReport::new(&path, folder, &Err(errors.clone())),
    }
}

fn unenforced(loaded: &Loaded) -> usize {
    loaded.charter.unenforced().count()
}

fn page(screen: Screen, checked: &Checked, strict: bool) -> Vec<String> {
    let path = visible(&checked.path.display().to_string(), Keep::Nothing);
    match &checked.compiled {
        Ok(loaded) => compiled(screen, loaded, &path, strict),
        Err(errors) => {
            let mut lines: Vec<String> = errors
                .iter()
                .flat_map(|error| excerpt(screen, Paint::Bad, "error", error, &path, &checked.source))
                .collect();
            lines.push(screen.paint(
                Paint::Bad,
                &format!("{path} is not valid: {} to mend", count(errors.len(), "error")),
            ));
            lines
        }
    }
}

fn compiled(screen: Screen, loaded: &Loaded, path: &str, strict: bool) -> Vec<String> {
    let charter = &loaded.charter;
    let role = visible(&charter.role, Keep::Nothing);
    let mut lines = vec![screen.paint(Paint::Strong, &format!("{}: {role} ({path})", charter.name))];
    lines.push("  rules".to_owned());
    lines.extend(charter.rules.iter().flat_map(|rule| rule_lines(screen, rule)));
    lines.push("  skills".to_owned());
    lines.extend(charter.skills.iter().flat_map(skill_lines));
    let channels: Vec<String> =
        charter.channels.iter().map(|channel| visible(&channel.resource_name(), Keep::Nothing)).collect();
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    lines.push(format!("  channels   {}", or_none(channels.join(", "))));
    lines.push(format!("  clearance  {}", charter.clearance));
    let model = charter
        .model
        .as_deref()
        .map_or_else(|| "the settings' default".to_owned(), |m| visible(m, Keep::Nothing));
    lines.push(format!("  model      {model}"));
    for warning in &charter.warnings {
        lines.extend(excerpt(screen, Paint::Heed, "warning", warning, path, &charter.source));
    }
    let of = |strength| charter.rules.iter().filter(|rule| rule.strength == strength).count();
    let summary = format!(
        "{} is valid: {} enforced, {} screened, {} advisory",
        charter.name,
        of(Strength::Enforced),
        of(Strength::Screened),
        of(Strength::Advisory)
    );
    lines.push(screen.paint(Paint::Good, &summary));
    let unenforced = unenforced(loaded);
    if strict && unenforced > 0 {
        let rules = count(unenforced, "rule");
        lines.push(
            screen.paint(
                Paint::Bad,
                &format!("strict: {rules} that sound binding, and only the model is told"),
            ),
        );
    }
    lines
}

fn rule_lines(screen: Screen, rule: &Rule) -> Vec<String> {
    let (word, paint) = match rule.strength {
        Strength::Enforced => ("enforced", Paint::Good),
        Strength::Screened => ("screened", Paint::Heed),
        Strength::Advisory => ("advisory", Paint::Faint),
    };
    let strength = screen.paint(paint, &format!("{word:<8}"));
    let text = visible(&rule.text, Keep::Nothing);
    let mut lines = vec![format!("    {strength}  line {:<3}  {text}", rule.line)];
    let beneath = " ".repeat(24);
    if !rule.by.is_empty() {
        lines.push(format!("{beneath}by {}", visible(&rule.by.join(", "), Keep::Nothing)));
    }
    if let Some(near) = &rule.near {
        lines.push(format!("{beneath}near a form that would hold: {}", visible(near, Keep::Nothing)));
    }
    if let Some(policy) = &rule.policy {
        let policy = visible(policy, Keep::Prose);
        lines.extend(policy.lines().map(|line| screen.paint(Paint::Faint, &format!("{beneath}{line}"))));
    }
    lines
}

fn skill_lines(skill: &SkillGrant) -> Vec<String> {
    let name = visible(&skill.skill, Keep::Nothing);
    let mut notes = Vec::new();
    if skill.default {
        notes.push("default: no grant was written");
    }
    if !skill.available {
        notes.push("not in this version: every call is denied");
    }
    let note = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join("; ")) };
    let mut lines = vec![format!("    {name:<12}  line {:<3}{note}", skill.line).trim_end().to_owned()];
    for (grant, values) in &skill.grants {
        let values =
            if values.is_empty() { "none".to_owned() } else { visible(&values.join(", "), Keep::Nothing) };
        lines.push(format!("      {}: {values}", visible(grant, Keep::Nothing)));
    }
    lines
}

/// A finding with the line that it is about and a caret below the column.
fn excerpt(
    screen: Screen,
    paint: Paint,
    word: &str,
    found: &Diagnostic,
    path: &str,
    source: &str,
) -> Vec<String> {
    let (line, column) = (found.line as usize, found.column as usize);
    let message = visible(&found.message, Keep::Nothing);
    let mut lines =
        vec![format!("{}: {path} line {line}, column {column}: {message}", screen.paint(paint, word))];
    if let Some(text) = source.lines().nth(line.saturating_sub(1)) {
        let before: String = text.chars().take(column.saturating_sub(1)).collect();
        // The caret stands below what is shown, which is longer than the source where something is hidden.
        let indent = visible(&before, Keep::Nothing).chars().count();
        lines.push(format!("  {line:>4} | {}", visible(text, Keep::Nothing)));
        lines.push(format!("       | {}{}", " ".repeat(indent), screen.paint(paint, "^")));
    }
    if !found.help.is_empty() {
        lines.push(format!("       = {}", visible(&found.help, Keep::Nothing)));
    }
    lines
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_what_is_meant() {
        let found = Diagnostic { line: 2, column: 4, message: "bad".into(), help: "mend".into() };
        let lines = excerpt(Screen::new(true), Paint::Bad, "error", &found, "p", "one\na\u{200b}bXc\n");
        assert_eq!(
            lines,
            [
                "error: p line 2, column 4: bad",
                "     2 | a<U+200B>bXc",
                "       |           ^",
                "       = mend"
            ]
        );
        let beyond = Diagnostic { line: 99, ..found };
        assert_eq!(excerpt(Screen::new(true), Paint::Bad, "error", &beyond, "p", "x").len(), 2);
    }
}
