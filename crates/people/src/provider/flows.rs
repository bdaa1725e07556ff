//! Sign-ins that are under way at the provider: each is bound to the browser that began it, and good once, for a short while.

use std::collections::BTreeMap;

use openidconnect::{Nonce, PkceCodeVerifier};
use vocab::{Digest, SignInId, Timestamp};

use crate::bounds::{FLOW_LIFE, MAX_FLOWS};
use crate::rows::{future, later};
use crate::secret::same;

/// What was begun.
#[derive(Debug)]
pub(crate) struct Flow {
    /// Of what the browser keeps.
    pub(crate) browser: Digest,
    pub(crate) verifier: PkceCodeVerifier,
    pub(crate) nonce: Nonce,
    pub(crate) made: Timestamp,
    /// The sign-in whose person is to show again that it is they; none where somebody signs in.
    pub(crate) confirms: Option<SignInId>,
}

/// All of them, by the `state` that comes back with the browser.
#[derive(Debug, Default)]
pub(crate) struct Flows(BTreeMap<String, Flow>);

impl Flows {
    /// Of too many the oldest goes, so that a flood keeps out nobody who comes back at once.
    pub(crate) fn put(&mut self, state: String, flow: Flow) {
        let now = flow.made;
        self.0.retain(|_, flow| lives(flow, now));
        if self.0.len() >= MAX_FLOWS {
            let oldest = self.0.iter().min_by_key(|(_, flow)| flow.made).map(|(state, _)| state.clone());
            oldest.map(|state| self.0.remove(&state));
        }
        self.0.insert(state, flow);
    }

    /// Takes one out. One that another browser began, or that is to confirm another sign-in or none, stays for that one.
    pub(crate) fn take(
        &mut self,
        state: &str,
        browser: &Digest,
        confirms: Option<&SignInId>,
        now: Timestamp,
    ) -> Option<Flow> {
        let its = |flow: &&Flow| same(&flow.browser, browser) && flow.confirms.as_ref() == confirms;
        self.0.get(state).filter(its)?;
        self.0.remove(state).filter(|flow| lives(flow, now))
    }
}

fn lives(flow: &Flow, now: Timestamp) -> bool {
    now < later(flow.made, FLOW_LIFE) && !future(flow.made, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(second: i64, browser: &str) -> Flow {
        Flow {
            browser: Digest::of(browser.as_bytes()),
            verifier: PkceCodeVerifier::new("v".repeat(43)),
            nonce: Nonce::new("n".to_owned()),
            made: Timestamp::from_second(second).unwrap(),
            confirms: None,
        }
    }

    #[test]
    fn a_flow_is_for_its_own_browser_once_and_in_time_and_there_are_so_many() {
        let mut flows = Flows::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let (ada, eve) = (Digest::of(b"ada"), Digest::of(b"eve"));
        flows.put("s".into(), flow(1000, "ada"));
        assert!(flows.take("s", &eve, None, at(1000)).is_none());
        assert!(flows.take("s", &ada, None, at(1001)).is_some());
        assert!(flows.take("s", &ada, None, at(1001)).is_none());
        let (one, other) = (SignInId::from_random([1; 16]), SignInId::from_random([2; 16]));
        flows.put("c".into(), Flow { confirms: Some(one.clone()), ..flow(1000, "ada") });
        assert!(flows.take("c", &ada, None, at(1000)).is_none(), "it signs nobody in");
        assert!(flows.take("c", &ada, Some(&other), at(1000)).is_none(), "it confirms no other sign-in");
        assert!(flows.take("c", &ada, Some(&one), at(1000)).is_some());
        flows.put("s".into(), flow(1000, "ada"));
        assert!(flows.take("s", &ada, None, at(1600)).is_none(), "late");
        flows.put("s".into(), flow(1000, "ada"));
        assert!(flows.take("s", &ada, None, at(100)).is_none(), "the clock was set back");
        for nth in 0..5_000 {
            flows.put(format!("{nth}"), flow(2000 + nth / 100, "ada"));
        }
        assert_eq!(flows.0.len(), MAX_FLOWS);
        assert!(flows.take("4999", &ada, None, at(2050)).is_some());
    }
}
