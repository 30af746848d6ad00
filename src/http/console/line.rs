//! Twelve months as a line, drawn here: the page needs no script for it.

use super::words;
use crate::domain::money::{Currency, Money};
use crate::service::budgets::MonthSpend;

/// The drawing is so wide and high, in its own units; a point is half a step from either end.
const STEP: i128 = 100;
const HEIGHT: i128 = 240;
/// Room for half of the line's width above the highest point and below the lowest.
const MARGIN: i128 = 8;

/// A line through months.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) width: i128,
    /// `x,y` after `x,y`.
    pub(super) points: String,
    /// The same down to the ground.
    pub(super) area: String,
    pub(super) months: Vec<Month>,
    /// The highest month, which the drawing is as high as.
    pub(super) most: String,
    pub(super) total: String,
}

/// A month in words.
#[derive(Clone, Debug)]
pub(super) struct Month {
    /// `Nov`
    pub(super) short: String,
    /// `November 2026`
    pub(super) name: String,
    pub(super) spent: String,
}

impl Line {
    /// The line of these months; nothing where no month cost anything.
    pub(super) fn new(months: &[MonthSpend], currency: Currency) -> Option<Self> {
        let most = months.iter().map(|month| month.spent).max().filter(|most| *most > Money::ZERO)?;
        let point = |(index, month): (i128, &MonthSpend)| {
            format!("{},{}", index * STEP + STEP / 2, y(month.spent, most))
        };
        let points = (0..).zip(months).map(point).collect::<Vec<_>>().join(" ");
        let width = i128::try_from(months.len()).unwrap_or_default() * STEP;
        let area = format!("{},{HEIGHT} {points} {},{HEIGHT}", STEP / 2, width - STEP / 2);
        let month = |month: &MonthSpend| {
            let name = words::month(&month.month);
            Month { short: name.chars().take(3).collect(), name, spent: words::money(month.spent, currency) }
        };
        Some(Self {
            width,
            points,
            area,
            months: months.iter().map(month).collect(),
            most: words::money(most, currency),
            total: words::money(months.iter().map(|month| month.spent).sum(), currency),
        })
    }
}

/// How far down an amount stands: refunds below nothing stand on the ground.
fn y(amount: Money, most: Money) -> i128 {
    let (amount, most) = (i128::from(amount.micros().max(0)), i128::from(most.micros().max(1)));
    HEIGHT - MARGIN - amount * (HEIGHT - 2 * MARGIN) / most
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a broken fixture stops the test")]

    use super::{HEIGHT, Line, MARGIN};
    use crate::domain::money::Money;
    use crate::service::budgets::MonthSpend;

    fn line(amounts: &[i64]) -> Option<Line> {
        let months = amounts
            .iter()
            .map(|micros| MonthSpend { month: "2026-11".to_owned(), spent: Money::from_micros(*micros) });
        Line::new(&months.collect::<Vec<_>>(), "AUD".parse().unwrap())
    }

    #[test]
    fn the_dearest_month_is_at_the_top_and_a_free_one_on_the_ground() {
        let drawn = line(&[0, 50, 100, -5]).unwrap();
        let ground = HEIGHT - MARGIN;
        assert_eq!(drawn.points, format!("50,{ground} 150,120 250,{MARGIN} 350,{ground}"));
        let name = drawn.months.first().map(|month| month.name.as_str());
        assert_eq!((drawn.width, name), (400, Some("November 2026")));
        assert!(line(&[0, 0]).is_none() && line(&[]).is_none());
        assert_eq!(line(&[i64::MAX]).unwrap().points, format!("50,{MARGIN}"));
    }
}
