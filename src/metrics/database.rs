//! How this process stands with its database: connections for reading, and who else is there.

use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};

use crate::metrics::Metrics;

/// How this process stands with its database just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseFigure {
    /// Connections for reading that somebody uses.
    pub in_use: usize,
    /// Open ones that nobody uses.
    pub idle: usize,
    /// As many as there may be.
    pub most: usize,
    /// Replicas on the database, this one included.
    pub replicas: u32,
    /// Whether this one does what one does for all.
    pub leads: bool,
}

pub(super) struct Database {
    connections: IntGaugeVec,
    replicas: IntGauge,
    leads: IntGauge,
}

impl Database {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let connections = Opts::new(
            "numbers_gateway_db_pool_connections",
            "Connections for reading the database, by what they are doing; max is the bound.",
        );
        let gauge = |name, help| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let families = Self {
            connections: IntGaugeVec::new(connections, &["state"])?,
            replicas: gauge(
                "numbers_gateway_replicas",
                "Replicas on the database, as this one counts them; 1 with an embedded one.",
            )?,
            leads: gauge(
                "numbers_gateway_leads",
                "1 where this replica does what one does for all: sweeps, looks at ClickSend's list, notices.",
            )?,
        };
        registry.register(Box::new(families.connections.clone()))?;
        Ok(families)
    }
}

impl Metrics {
    /// How this process stands with its database.
    pub fn database_is(&self, figure: DatabaseFigure) {
        let families = &self.0.database;
        let states = [("in_use", figure.in_use), ("idle", figure.idle), ("max", figure.most)];
        for (state, count) in states {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            families.connections.with_label_values(&[state]).set(count);
        }
        families.replicas.set(figure.replicas.into());
        families.leads.set(figure.leads.into());
    }
}
