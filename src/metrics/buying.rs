//! Whether buys are sent at all.

use prometheus::{IntGaugeVec, Opts, Registry};

use crate::metrics::Metrics;

/// How buying stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuyingFigure {
    /// Purchases are sent.
    On,
    /// Everything but the send is done.
    Rehearsal,
    /// Nothing is sent until something is mended.
    Off,
    /// Nothing is sent in some scope until an administrator lifts it.
    Frozen,
}

impl BuyingFigure {
    const ALL: [Self; 4] = [Self::On, Self::Rehearsal, Self::Off, Self::Frozen];

    const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Rehearsal => "rehearsal",
            Self::Off => "off",
            Self::Frozen => "frozen",
        }
    }
}

pub(super) fn family(registry: &Registry) -> Result<IntGaugeVec, prometheus::Error> {
    let opts = Opts::new(
        "numbers_gateway_buying",
        "1 for how buying stands in this replica, 0 for what it does not.",
    );
    let family = IntGaugeVec::new(opts, &["state"])?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

impl Metrics {
    /// How buying stands just now.
    pub fn buying_is(&self, now: BuyingFigure) {
        for state in BuyingFigure::ALL {
            self.0.buying.with_label_values(&[state.as_str()]).set(i64::from(state == now));
        }
    }
}
