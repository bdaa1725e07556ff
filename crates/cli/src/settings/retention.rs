//! `[retention]` and `[[retention.rule]]`: how long content is kept.

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;
use turn::{Period, RetentionRule};
use vocab::Labels;

/// The longest period, in days: a hundred years.
const MAX_DAYS: u32 = 36_525;

/// The most rules.
const MAX_RULES: usize = 256;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Retention {
    /// For so many days; for ever when nothing is said.
    #[serde(deserialize_with = "days")]
    days: Option<u32>,
    rule: Vec<Spanned<Rule>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Rule {
    label: String,
    #[serde(default, deserialize_with = "days")]
    days: Option<u32>,
    #[serde(default, deserialize_with = "days")]
    at_least_days: Option<u32>,
}

impl Rule {
    fn period(&self) -> Option<Period> {
        match (self.days, self.at_least_days) {
            (Some(days), None) => Some(Period::AtMost(days)),
            (None, Some(days)) => Some(Period::AtLeast(days)),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
}

impl Retention {
    /// What the gateway is told.
    pub(crate) fn kept(&self) -> turn::Retention {
        let rule = |rule: &Spanned<Rule>| {
            let rule = rule.get_ref();
            Some(RetentionRule { label: rule.label.clone(), period: rule.period()? })
        };
        turn::Retention { days: self.days, rules: self.rule.iter().filter_map(rule).collect() }
    }

    /// The first rule that says nothing, or too much, with its place in the text.
    pub(super) fn fault(&self) -> Option<(usize, String)> {
        if let Some(rule) = self.rule.get(MAX_RULES) {
            return Some((rule.span().start, format!("there are more than {MAX_RULES} rules of retention")));
        }
        self.rule.iter().find_map(|spanned| {
            let rule = spanned.get_ref();
            let message = if let Err(error) = Labels::from_names([rule.label.as_str()]) {
                error.to_string()
            } else if rule.period().is_none() {
                "a `[[retention.rule]]` has either `days` or `at-least-days`".to_owned()
            } else {
                return None;
            };
            Some((spanned.span().start, message))
        })
    }
}

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let days = i64::deserialize(deserializer)?;
    let fits = u32::try_from(days).ok().filter(|days| (1..=MAX_DAYS).contains(days));
    fits.map(Some)
        .ok_or_else(|| de::Error::custom(format!("`{days}` is not a number of days from 1 to {MAX_DAYS}")))
}
