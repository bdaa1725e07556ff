//! When the writer looks again and again for the server's answer, and when it waits for it asleep.
//!
//! To be woken just before the answer takes half as long again as a commit on a good disk. But a server that the kernel woke on
//! the very processor that is looked on begins when the looking ends, which happens where the processors have other work. A look
//! in vain tells the two apart.

use std::time::Duration;

/// How long a look is: more than a commit takes on a good disk.
pub(super) const LOOK: Duration = Duration::from_micros(400);

/// How many answers are waited for asleep after a look in vain, when most looks of late were not.
const SHORT_PAUSE: u32 = 16;

/// And at most, when one look in vain follows another.
const LONG_PAUSE: u32 = 256;

/// So many looks that found their answer halve the next pause.
const TRUST: u32 = 64;

/// What has become of the looks of late.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// So many answers are still waited for asleep.
    asleep: u32,
    /// How many it were after the last look in vain.
    pause: u32,
    /// How many looks found their answer since that was changed.
    found: u32,
}

impl Looks {
    /// Whether the next answer is looked for.
    pub(super) const fn next(&mut self) -> bool {
        let looks = self.asleep == 0;
        self.asleep = self.asleep.saturating_sub(1);
        looks
    }

    /// The answer that was looked for came in time.
    pub(super) const fn found(&mut self) {
        self.found = self.found.saturating_add(1);
        if self.found >= TRUST {
            self.found = 0;
            self.pause /= 2;
        }
    }

    /// It did not.
    pub(super) fn in_vain(&mut self) {
        self.found = 0;
        self.pause = self.pause.saturating_mul(2).clamp(SHORT_PAUSE, LONG_PAUSE);
        self.asleep = self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many answers are looked for, when every so many looks are in vain.
    fn looked(answers: u32, every: u32) -> u32 {
        let (mut looks, mut count) = (Looks::default(), 0);
        for _ in 0..answers {
            if !looks.next() {
                continue;
            }
            count += 1;
            if count % every == 0 { looks.in_vain() } else { looks.found() }
        }
        count
    }

    #[test]
    fn a_look_in_vain_now_and_then_keeps_few_asleep_and_many_keep_nearly_all() {
        assert_eq!(looked(10_000, u32::MAX), 10_000);
        assert!(looked(10_000, 100) > 8_000);
        assert!(looked(10_000, 10) < 600);
        assert!(looked(10_000, 1) < 60);
    }

    #[test]
    fn who_looked_in_vain_again_and_again_looks_once_that_is_over() {
        let mut looks = Looks::default();
        for _ in 0..10 {
            while !looks.next() {}
            looks.in_vain();
        }
        let asleep = (0..).take_while(|_| !looks.next()).count();
        assert_eq!(asleep, LONG_PAUSE as usize);
        for _ in 0..10 * TRUST {
            looks.found();
        }
        looks.in_vain();
        assert_eq!((0..).take_while(|_| !looks.next()).count(), SHORT_PAUSE as usize);
    }
}
