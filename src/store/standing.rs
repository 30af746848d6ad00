//! Where this process stands among those that use the database.

use tokio::sync::watch;

/// Told by the writing session, watched by whoever cares.
#[derive(Debug)]
pub(super) struct Standing {
    leads: watch::Sender<bool>,
    replicas: watch::Sender<u32>,
}

impl Standing {
    /// The only one there is.
    pub(super) fn alone() -> Self {
        Self { leads: watch::Sender::new(true), replicas: watch::Sender::new(1) }
    }

    /// One of several, and nobody knows yet.
    pub(super) fn among_others() -> Self {
        Self { leads: watch::Sender::new(false), replicas: watch::Sender::new(1) }
    }

    pub(super) fn leads(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    pub(super) fn replicas(&self) -> watch::Receiver<u32> {
        self.replicas.subscribe()
    }

    pub(super) fn is_leading(&self) -> bool {
        *self.leads.borrow()
    }

    pub(super) fn lead(&self, leads: bool) {
        if self.leads.send_if_modified(|known| std::mem::replace(known, leads) != leads) {
            let role = if leads { "this replica does" } else { "another replica may do" };
            tracing::info!("{role} what one does for all: sweeps, looks at ClickSend's list, notices");
        }
    }

    pub(super) fn count(&self, replicas: u32) {
        if self.replicas.send_if_modified(|known| std::mem::replace(known, replicas) != replicas) {
            tracing::info!(replicas, "replicas share this database");
        }
    }
}
