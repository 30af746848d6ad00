//! What the listener counts: connections, and those that found no place; and whether its certificate could be read.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::{Metrics, counter};

/// The bound that a connection found no place under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionBound {
    /// Of all connections.
    All,
    /// Of one address.
    Address,
}

impl ConnectionBound {
    const ALL: [Self; 2] = [Self::All, Self::Address];

    const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Address => "address",
        }
    }
}

pub(super) struct Edge {
    open: IntGauge,
    refused: IntCounterVec,
    /// Without a value where there is no certificate.
    certificate: IntGaugeVec,
}

impl Edge {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let open = IntGauge::new("numbers_gateway_connections", "Open connections of the public listener.")?;
        registry.register(Box::new(open.clone()))?;
        let refused = counter(
            registry,
            "numbers_gateway_connections_refused_total",
            "Connections that were closed as they came, by the bound that was reached.",
            &["bound"],
        )?;
        let help = "Whether the certificate's files could be used when they changed last; 0 leaves the earlier one running.";
        let certificate =
            IntGaugeVec::new(Opts::new("numbers_gateway_certificate_reload_success", help), &[])?;
        registry.register(Box::new(certificate.clone()))?;
        Ok(Self { open, refused, certificate })
    }

    pub(super) fn start_at_zero(&self) {
        for bound in ConnectionBound::ALL {
            self.refused.with_label_values(&[bound.as_str()]);
        }
    }
}

impl Metrics {
    /// So many connections are open.
    pub fn connections_open(&self, open: usize) {
        self.0.edge.open.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// A connection found no place.
    pub fn connection_refused(&self, bound: ConnectionBound) {
        self.0.edge.refused.with_label_values(&[bound.as_str()]).inc();
    }

    /// The certificate's files were read, and can be used or not.
    pub fn certificate_read(&self, successfully: bool) {
        self.0.edge.certificate.with_label_values::<&str>(&[]).set(i64::from(successfully));
    }
}
