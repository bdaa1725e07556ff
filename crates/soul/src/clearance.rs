//! `## Clearance`: what data the agent may see.

use std::collections::BTreeSet;

use vocab::label::EMPLOYEE_PERSONAL_DATA;
use vocab::{Labels, Level};

use crate::charter::Place;
use crate::diagnostic::{Findings, quoted};
use crate::markdown::Section;
use crate::nearest::{nearest, suggest};
use crate::values;

/// Reads `## Clearance`. Without it an agent is cleared for what nobody labelled.
pub(crate) fn read(section: Option<&Section>, place: &Place, findings: &mut Findings) -> Labels {
    let Some(section) = section else { return Labels::default() };
    section.refuse_prose(findings, "`- label`, such as `- internal`");
    let levels = Level::ALL.map(Level::as_str);
    let mut known: BTreeSet<&str> = place.labelled.iter().map(String::as_str).collect();
    known.insert(EMPLOYEE_PERSONAL_DATA);
    known.extend(levels);
    let list: Vec<&str> = known.iter().copied().collect();
    let mut names: Vec<String> = Vec::new();
    for item in section.items() {
        item.refuse_children(findings, "a label");
        for name in values::list(&item.text) {
            let name = name.trim_matches(['*', '_']).to_lowercase();
            if name.is_empty() {
                findings.error(item.spot, "a label was expected and nothing is here", suggest("", &list));
            } else if names.contains(&name) {
                findings.error(
                    item.spot,
                    format!("{} stands here a second time", quoted(&name)),
                    "keep one of them",
                );
            } else if known.contains(name.as_str()) {
                names.push(name);
            } else if Labels::from_names([name.as_str()]).is_err()
                || nearest(&name, list.iter().copied()).is_some()
            {
                findings.error(
                    item.spot,
                    format!("{} is not a known label", quoted(&name)),
                    suggest(&name, &list),
                );
            } else {
                let message = format!("no source in the settings carries the label {}", quoted(&name));
                findings.warn(item.spot, message, "label a source with it, or remove it here");
                names.push(name);
            }
        }
    }
    if names.is_empty() {
        let message = "`## Clearance` names no label, so the default `internal` applies";
        findings.warn(section.spot, message, suggest("", &list));
    }
    Labels::from_names(names.iter().map(String::as_str)).unwrap_or_else(|error| {
        findings.error(section.spot, error.to_string(), "give one level and any categories");
        Labels::public()
    })
}
