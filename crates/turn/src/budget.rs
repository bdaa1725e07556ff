//! The approver's budget: how much each person decided on, how long they looked, how often they said yes, and what of
//! that is a risk. All of it is read from the record; nothing is kept beside it.
//!
//! A look is reckoned from the first time that the action was shown to the person, or from their decision before this one
//! if that was later, until the decision: nobody looks at two things at once. It is the most that it can have been, so a
//! short one is certainly short, and a long one proves no reading.

use std::collections::BTreeMap;
use std::time::Duration;

use journal::read::{MAX_RECENT, Reader, Recent, Record};
use journal::{Event, Fact, Kind};
use monitor::Risk;
use serde::{Deserialize, Serialize};
use vocab::{Person, PersonId, Timestamp};

use crate::gateway::Gateway;
use crate::{Refusal, RefusalKind};

/// Decisions of one person within an hour, beyond which it is a risk, when the settings say nothing.
pub const DECISIONS_AN_HOUR: u32 = 30;

/// The time below which half of the looks at actions of high risk are a risk, when the settings say nothing.
pub const SHORTEST_LOOK: Duration = Duration::from_secs(10);

/// The share of yeses in percent, from which on it is a risk, when the settings say nothing.
pub const MOST_APPROVED_PERCENT: u32 = 98;

/// How many decisions it takes before their share of yeses says anything, when the settings say nothing.
pub const DECISIONS_FOR_A_SHARE: u32 = 50;

/// How many looks at actions of high risk it takes before their middle says anything.
pub const LOOKS_FOR_A_MIDDLE: u32 = 5;

/// The most people in one answer: those who decided last.
pub const MAX_APPROVERS: usize = 1_000;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What is a decision, and what a look.
const EVENTS: [Event; 4] =
    [Event::ApprovalShown, Event::ApprovalSupported, Event::ApprovalApproved, Event::ApprovalDenied];

/// From when on it is a risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// More decisions than this within sixty minutes.
    pub an_hour: u32,
    /// Half of the looks at actions of high risk shorter than this, in milliseconds.
    pub look_ms: u64,
    /// As many yeses as this or more, in percent.
    pub approved_percent: u32,
    /// Over at least so many decisions.
    pub decisions: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            an_hour: DECISIONS_AN_HOUR,
            look_ms: millis(SHORTEST_LOOK),
            approved_percent: MOST_APPROVED_PERCENT,
            decisions: DECISIONS_FOR_A_SHARE,
        }
    }
}

/// What is wrong with how somebody decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BudgetRisk {
    /// More decisions within an hour than anybody looks at with care.
    TooMany,
    /// Half of the actions of high risk were decided on in less time than it takes to read them.
    TooFast,
    /// Nearly everything is approved.
    NearlyAlwaysYes,
}

/// The budgets of the people whom the one who asks may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budgets {
    /// What the risks are reckoned by.
    pub thresholds: Thresholds,
    /// Whether all of thirty days was read; otherwise there was too much, and the oldest is left out.
    pub whole: bool,
    /// Who decided, the one who decided last first.
    pub people: Vec<Budget>,
}

/// How much one person decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Who.
    pub person: PersonId,
    /// In the last sixty minutes.
    pub hour: Spent,
    /// In the last 24 hours.
    pub day: Spent,
    /// In the last thirty days.
    pub month: Spent,
}

/// What somebody decided within some time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// How often.
    pub decisions: u32,
    /// How often it was a yes, the first of two too.
    pub approved: u32,
    /// The most decisions within any sixty minutes.
    pub busiest_hour: u32,
    /// The look of which half were no longer, in milliseconds; none without any that is known.
    pub look_median_ms: Option<u64>,
    /// The look of which a tenth were no longer, in milliseconds.
    pub look_p10_ms: Option<u64>,
    /// How many of the decisions were on actions of high risk.
    pub high_risk: u32,
    /// Their middle look, in milliseconds.
    pub high_risk_look_median_ms: Option<u64>,
    /// How many were decided on without having been shown: they count as looks of no time.
    pub unseen: u32,
    /// Of how many it is not known how long the look was: the clock was set back meanwhile, or it was shown before the
    /// record's part that was read.
    pub untimed: u32,
    /// What of it is a risk.
    pub risks: Vec<BudgetRisk>,
}

/// One decision.
struct Decided {
    time: Timestamp,
    yes: bool,
    high: bool,
    look: Look,
}

/// How long somebody looked before they decided.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// At the most so long, in milliseconds.
    Within(u64),
    /// Not at all.
    None,
    /// Who knows.
    Unknown,
}

/// What one person was shown, and when they decided last.
#[derive(Default)]
struct Seen {
    /// By approval: when first; none when it was for the decision's own answer only.
    shown: BTreeMap<String, (Option<Timestamp>, bool)>,
    last: Option<Timestamp>,
    decided: Vec<Decided>,
}

impl Gateway {
    /// How much people decide on and how long they look: of everybody for an administrator, else of the one who asks.
    ///
    /// # Errors
    /// When the record cannot be read, or too many look into it.
    pub async fn budgets(&self, by: &Person) -> Result<Budgets, Refusal> {
        let (now, thresholds) = (self.ambient.now(), self.config.thresholds);
        let of = (!by.administrator).then(|| by.id.clone());
        self.looking(move |reader| budgets(reader, now, thresholds, of.as_ref())).await
    }
}

fn budgets(
    reader: &Reader,
    now: Timestamp,
    thresholds: Thresholds,
    of: Option<&PersonId>,
) -> Result<Budgets, Refusal> {
    let since = earlier(now, MONTH)?;
    let wanted = Recent { kind: Kind::Approval, events: EVENTS.to_vec(), since, most: MAX_RECENT };
    let found = reader.recent(&wanted)?;
    let mut seen: BTreeMap<PersonId, (u64, Seen)> = BTreeMap::new();
    // In the order in which it happened.
    for record in found.records.iter().rev() {
        let Some(person) = record.person.as_ref().filter(|person| of.is_none_or(|of| of == *person)) else {
            continue;
        };
        let (last, seen) = seen.entry(person.clone()).or_default();
        if seen.take_in(record) {
            *last = record.seq;
        }
    }
    let (hour, day) = (earlier(now, HOUR)?, earlier(now, DAY)?);
    let mut people: Vec<(u64, Budget)> = seen
        .into_iter()
        .filter(|(_, (_, seen))| !seen.decided.is_empty())
        .map(|(person, (last, seen))| {
            let within = |since| Spent::of(&seen.decided, since, &thresholds);
            let budget = Budget { person, hour: within(hour), day: within(day), month: within(since) };
            (last, budget)
        })
        .collect();
    people.sort_by_key(|(last, _)| std::cmp::Reverse(*last));
    let whole = found.whole && people.len() <= MAX_APPROVERS;
    people.truncate(MAX_APPROVERS);
    Ok(Budgets { thresholds, whole, people: people.into_iter().map(|(_, budget)| budget).collect() })
}

impl Seen {
    /// Takes in what was shown to the person or decided by them; whether it was a decision.
    fn take_in(&mut self, record: &Record) -> bool {
        let Some(approval) = record.facts.text("approval") else { return false };
        let flag = |name: &str| record.facts.get(name) == Some(&Fact::Flag(true));
        if record.event == Some(Event::ApprovalShown) {
            let time = (!flag("deciding")).then_some(record.time);
            let (first, _) = self.shown.entry(approval.to_owned()).or_insert((time, flag("own")));
            // Something that was shown for an answer only, and then again, has been seen from then on.
            *first = first.or(time);
            return false;
        }
        let yes = record.event != Some(Event::ApprovalDenied);
        let shown = self.shown.get(approval).copied();
        if !yes && shown.is_some_and(|(_, own)| own) {
            // Who takes back what they asked for decides about nobody.
            return false;
        }
        let look = match shown {
            Some((Some(first), _)) => {
                let from = self.last.map_or(first, |last| last.max(first));
                u64::try_from(record.time.as_millisecond().saturating_sub(from.as_millisecond()))
                    .map_or(Look::Unknown, Look::Within)
            }
            Some((None, _)) => Look::None,
            None => Look::Unknown,
        };
        let high = record.facts.text("risk") == Some(Risk::High.as_str());
        self.last = Some(record.time);
        self.decided.push(Decided { time: record.time, yes, high, look });
        true
    }
}

impl Spent {
    /// What was decided since then. What the clock dates after now counts, too: it was set back, and not the decision.
    fn of(decided: &[Decided], since: Timestamp, thresholds: &Thresholds) -> Self {
        let decided: Vec<&Decided> = decided.iter().filter(|one| one.time >= since).collect();
        let count = |holds: &dyn Fn(&Decided) -> bool| len(decided.iter().filter(|one| holds(one)).count());
        let looks = |high: bool| {
            let known = decided.iter().filter(|one| one.high || !high).filter_map(|one| one.look.millis());
            let mut looks: Vec<u64> = known.collect();
            looks.sort_unstable();
            looks
        };
        let (all, high) = (looks(false), looks(true));
        let mut spent = Self {
            decisions: len(decided.len()),
            approved: count(&|one| one.yes),
            busiest_hour: busiest(&decided),
            look_median_ms: part(&all, 2),
            look_p10_ms: part(&all, 10),
            high_risk: count(&|one| one.high),
            high_risk_look_median_ms: part(&high, 2),
            unseen: count(&|one| one.look == Look::None),
            untimed: count(&|one| one.look == Look::Unknown),
            risks: Vec::new(),
        };
        spent.risks = spent.risks(len(high.len()), thresholds);
        spent
    }

    fn risks(&self, high_looks: u32, thresholds: &Thresholds) -> Vec<BudgetRisk> {
        let percent = u64::from(thresholds.approved_percent);
        let yes = u64::from(self.approved).saturating_mul(100);
        let short = |look: u64| look < thresholds.look_ms;
        let found = [
            (self.busiest_hour > thresholds.an_hour, BudgetRisk::TooMany),
            (
                high_looks >= LOOKS_FOR_A_MIDDLE && self.high_risk_look_median_ms.is_some_and(short),
                BudgetRisk::TooFast,
            ),
            (
                self.decisions > 0
                    && self.decisions >= thresholds.decisions
                    && yes >= u64::from(self.decisions).saturating_mul(percent),
                BudgetRisk::NearlyAlwaysYes,
            ),
        ];
        found.into_iter().filter_map(|(holds, risk)| holds.then_some(risk)).collect()
    }
}

impl Look {
    const fn millis(self) -> Option<u64> {
        match self {
            Self::Within(millis) => Some(millis),
            Self::None => Some(0),
            Self::Unknown => None,
        }
    }
}

/// The most decisions within any sixty minutes.
fn busiest(decided: &[&Decided]) -> u32 {
    let mut times: Vec<i64> = decided.iter().map(|one| one.time.as_millisecond()).collect();
    times.sort_unstable();
    let hour = i64::try_from(HOUR.as_millis()).unwrap_or(i64::MAX);
    let mut most = 0;
    let mut begin = times.iter().zip(0_usize..).peekable();
    for (end, time) in (1_usize..).zip(&times) {
        while begin.next_if(|(first, _)| time.saturating_sub(**first) >= hour).is_some() {}
        let first = begin.peek().map_or(end, |(_, first)| *first);
        most = most.max(end.saturating_sub(first));
    }
    len(most)
}

/// The value that one of `of` in order is no greater than, by nearest rank.
fn part(sorted: &[u64], of: usize) -> Option<u64> {
    let rank = sorted.len().div_ceil(of);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn len(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// As milliseconds.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn earlier(now: Timestamp, by: Duration) -> Result<Timestamp, Refusal> {
    now.checked_sub(by).map_err(|_| {
        Refusal::new(
            RefusalKind::Unavailable,
            "the gateway's clock is before the calendar's beginning: set it",
        )
    })
}

#[cfg(test)]
mod tests;
