//! When to look for lost purchases, and when enough was seen to give one up.
//!
//! Everything here is measured on the boot clock and kept in memory. A calendar that jumps changes nothing, and a
//! restart begins every window anew: the one who lost the answer may have been alive until then.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::purchase::{Purchase, PurchaseId, State};

/// The usual window, and when lists are looked at in it. A shorter window is looked at after the same shares of it.
const USUAL_WINDOW_S: u32 = 600;
const LOOKS_S: [u32; 4] = [5, 30, 120, 300];

/// How long a purchase is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// A lost purchase may still appear for this long.
    pub(super) window: Duration,
    /// Between the two lists that show absence.
    pub(super) spacing: Duration,
}

/// The purchases whose outcome nobody knows.
#[derive(Debug)]
pub(super) struct Waiting {
    terms: Terms,
    lost: BTreeMap<PurchaseId, Lost>,
}

#[derive(Clone, Copy, Debug)]
struct Lost {
    /// When this process learned of it: never before the claimant's socket was closed.
    since: Duration,
    /// Whether lists are still awaited, or people.
    awaits_lists: bool,
    /// When the newest complete list that could show it was begun.
    looked: Option<Duration>,
    /// When the first complete list after the window that did not show it was begun.
    absent: Option<Duration>,
}

impl Waiting {
    pub(super) const fn new(terms: Terms) -> Self {
        Self { terms, lost: BTreeMap::new() }
    }

    /// Takes over who waits now. Whoever is new begins to wait at `now`.
    pub(super) fn update(&mut self, unsettled: &[Purchase], now: Duration) {
        self.lost.retain(|id, _| unsettled.iter().any(|purchase| purchase.id == *id));
        for purchase in unsettled {
            let lost = self.lost.entry(purchase.id).or_insert(Lost {
                since: now,
                awaits_lists: true,
                looked: None,
                absent: None,
            });
            lost.awaits_lists = purchase.state == State::Unknown;
        }
    }

    /// When the next look is due: in the past where one has failed.
    pub(super) fn next_look(&self) -> Option<Duration> {
        self.lost.values().filter(|lost| lost.awaits_lists).map(|lost| lost.due(&self.terms)).min()
    }

    /// Whether a list that was begun then can show this purchase: it was not begun before the loss was known.
    pub(super) fn may_show(&self, id: PurchaseId, begun: Duration) -> bool {
        self.lost.get(&id).is_some_and(|lost| lost.since <= begun)
    }

    /// A complete list, begun then, does not show it. Whether that proves its absence.
    pub(super) fn missed(&mut self, id: PurchaseId, begun: Duration) -> bool {
        let terms = self.terms;
        let Some(lost) = self.lost.get_mut(&id).filter(|lost| lost.awaits_lists) else { return false };
        if lost.since <= begun {
            lost.looked = Some(begun);
        }
        if begun < lost.since + terms.window {
            return false;
        }
        let first = *lost.absent.get_or_insert(begun);
        begun >= first + terms.spacing
    }
}

impl Lost {
    fn due(&self, terms: &Terms) -> Duration {
        if let Some(first) = self.absent {
            return first + terms.spacing;
        }
        let looks = LOOKS_S.into_iter().map(|look| {
            let scaled = terms.window * look / USUAL_WINDOW_S;
            scaled.min(Duration::from_secs(u64::from(look)))
        });
        let is_open = |at: &Duration| self.looked.is_none_or(|looked| looked < *at);
        let mut open = looks.chain([terms.window]).map(|look| self.since + look).filter(is_open);
        open.next().unwrap_or(self.since + terms.window)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{Duration, Lost, PurchaseId, Terms, Waiting};

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn lost_at(since: u64, window: u64, spacing: u64) -> (Waiting, PurchaseId) {
        let (id, terms) =
            (PurchaseId::random(), Terms { window: seconds(window), spacing: seconds(spacing) });
        let mut waiting = Waiting::new(terms);
        let lost = Lost { since: seconds(since), awaits_lists: true, looked: None, absent: None };
        waiting.lost.insert(id, lost);
        (waiting, id)
    }

    #[test]
    fn it_is_looked_for_early_then_at_the_windows_end_and_once_more_after_the_spacing() {
        for (window, spacing, wanted) in [
            (600, 60, vec![5, 30, 120, 300, 600, 660]),
            (3600, 60, vec![5, 30, 120, 300, 3600, 3660]),
            (1200, 60, vec![5, 30, 120, 300, 1200, 1260]),
            (120, 1, vec![1, 6, 24, 60, 120, 121]),
        ] {
            let (mut waiting, id) = lost_at(1_000, window, spacing);
            let mut looks = Vec::new();
            loop {
                let due = waiting.next_look().unwrap();
                looks.push(due.as_secs() - 1_000);
                if waiting.missed(id, due) {
                    break;
                }
            }
            assert_eq!(looks, wanted, "{window}");
        }
    }

    #[test]
    fn no_list_that_was_begun_in_the_window_counts_however_many_there_are() {
        let (mut waiting, id) = lost_at(1_000, 600, 60);
        for begun in 1_000..1_600 {
            assert!(!waiting.missed(id, seconds(begun)), "{begun}");
        }
        assert!(!waiting.missed(id, seconds(1_600)), "the first one");
        for begun in [1_600, 1_630, 1_659] {
            assert!(!waiting.missed(id, seconds(begun)), "{begun} is too near to the first");
        }
        assert!(waiting.missed(id, seconds(1_660)));
    }

    #[test]
    fn a_look_that_failed_stays_due() {
        let (waiting, _) = lost_at(1_000, 600, 60);
        assert_eq!(waiting.next_look(), Some(seconds(1_005)));
        assert_eq!(waiting.next_look(), Some(seconds(1_005)), "nothing was missed, so nothing was looked at");
    }

    #[test]
    fn a_list_from_before_the_loss_shows_nothing_and_lacks_nothing() {
        let (mut waiting, id) = lost_at(1_000, 600, 60);
        assert!(!waiting.may_show(id, seconds(999)) && waiting.may_show(id, seconds(1_000)));
        assert!(!waiting.missed(id, seconds(999)));
        assert_eq!(waiting.next_look(), Some(seconds(1_005)));
    }
}
