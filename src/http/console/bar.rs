//! A budget as a bar: what is charged, what is held, what one more purchase would take, and where the limit is.
//!
//! Widths are whole thousandths of the longer of limit and sum, so a bar that goes beyond its limit still shows both.

use crate::domain::money::{Currency, Money};
use crate::service::budgets::Position;

use super::words;

/// The width of a whole bar.
const WHOLE: i128 = 1_000;

/// A budget drawn, and the same in words.
#[derive(Clone, Debug)]
pub(super) struct BudgetBar {
    /// `Growth`, or `Everybody`.
    pub(super) name: String,
    pub(super) segments: Vec<Segment>,
    /// Where the limit is; nothing where there is none or it is the bar's end.
    pub(super) limit_at: Option<i128>,
    /// The bar in one sentence.
    pub(super) sentence: String,
    pub(super) limit: Option<String>,
    pub(super) spent: String,
    pub(super) held: String,
    /// What the 1st takes and the ledger does not have yet; nothing where there is none.
    pub(super) due: Option<String>,
    pub(super) waiting: String,
    pub(super) left: Option<String>,
    /// With the purchase in question.
    pub(super) left_after: Option<String>,
    pub(super) recurring: String,
    pub(super) recurring_limit: Option<String>,
    pub(super) is_beyond: bool,
}

/// A part of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) class: &'static str,
    pub(super) x: i128,
    pub(super) width: i128,
}

impl BudgetBar {
    /// A budget beside a purchase of `more`, which may be nothing.
    pub(super) fn new(position: &Position, name: String, currency: Currency, more: Money) -> Self {
        let money = |amount| words::money(amount, currency);
        let held = [position.held, position.due].into_iter().sum();
        let parts = [("spent", position.spent), ("held", held), ("asked", more)];
        let limit = position.budget.spend_per_month;
        let (segments, limit_at) = drawn(&parts, limit);
        let left = position.left();
        let left_after = left.and_then(|left| left.checked_sub(more)).filter(|_| more != Money::ZERO);
        let is_beyond = left_after.or(left).is_some_and(|left| left < Money::ZERO);
        let recurring = position.recurring.checked_add(position.recurring_held).unwrap_or(position.recurring);
        let mut sentence = format!("{} spent, {} held", money(position.spent), money(position.held));
        if position.due != Money::ZERO {
            sentence = format!("{sentence}, {} due for renewals", money(position.due));
        }
        if more != Money::ZERO {
            sentence = format!("{sentence}, {} asked for", money(more));
        }
        sentence = match limit {
            Some(limit) => format!("{sentence}, of {} for this month", money(limit)),
            None => format!("{sentence}, without a limit"),
        };
        Self {
            name,
            segments,
            limit_at,
            sentence,
            limit: limit.map(money),
            spent: money(position.spent),
            held: money(position.held),
            due: Some(position.due).filter(|due| *due != Money::ZERO).map(money),
            waiting: money(position.waiting),
            left: left.map(money),
            left_after: left_after.map(money),
            recurring: money(recurring),
            recurring_limit: position.budget.recurring_per_month.map(money),
            is_beyond,
        }
    }
}

/// The parts one after the other, and the limit as a mark where they go beyond it.
fn drawn(parts: &[(&'static str, Money)], limit: Option<Money>) -> (Vec<Segment>, Option<i128>) {
    let micros = |amount: Money| i128::from(amount.micros().max(0));
    let sum: i128 = parts.iter().map(|(_, amount)| micros(*amount)).sum();
    let limit = limit.map(micros);
    let whole = limit.unwrap_or(0).max(sum).max(1);
    let mut end = 0;
    let mut segments = Vec::new();
    for (class, amount) in parts {
        let begin = end;
        end += micros(*amount);
        let (x, width) = (begin * WHOLE / whole, end * WHOLE / whole - begin * WHOLE / whole);
        if width > 0 {
            segments.push(Segment { class, x, width });
        }
    }
    let limit_at = limit.filter(|limit| *limit < sum).map(|limit| limit * WHOLE / whole);
    (segments, limit_at)
}

#[cfg(test)]
mod tests {
    use super::{Segment, drawn};
    use crate::domain::money::Money;

    fn bar(parts: [i64; 3], limit: Option<i64>) -> (Vec<(i128, i128)>, Option<i128>) {
        let [spent, held, asked] = parts.map(Money::from_micros);
        let (segments, mark) =
            drawn(&[("spent", spent), ("held", held), ("asked", asked)], limit.map(Money::from_micros));
        (segments.into_iter().map(|Segment { x, width, .. }| (x, width)).collect(), mark)
    }

    #[test]
    fn the_parts_of_a_bar_stand_one_after_the_other_and_never_leave_it() {
        assert_eq!(bar([10, 20, 30], Some(100)), (vec![(0, 100), (100, 200), (300, 300)], None));
        assert_eq!(bar([0, 0, 0], Some(100)), (vec![], None));
        assert_eq!(bar([50, 0, 0], None), (vec![(0, 1000)], None));
        // Beyond the limit the bar is the sum, and the limit a mark in it.
        assert_eq!(bar([100, 0, 100], Some(100)), (vec![(0, 500), (500, 500)], Some(500)));
        assert_eq!(bar([10, 0, 0], Some(0)), (vec![(0, 1000)], Some(0)));
        assert_eq!(bar([-5, 3, 0], Some(6)), (vec![(0, 500)], None));
        let (segments, _) = bar([i64::MAX, i64::MAX, i64::MAX], Some(i64::MAX));
        assert_eq!(segments.iter().map(|(_, width)| width).sum::<i128>(), 1000);
    }
}
