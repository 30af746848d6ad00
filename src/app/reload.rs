//! What of a running gateway follows a changed configuration: whose tokens are believed, and what ClickSend knows the
//! gateway by. All of it or nothing.

use std::sync::Arc;

use crate::app::listen::Certificate;
use crate::app::{StartError, upstream, wiring};
use crate::auth::Verifier;
use crate::clicksend::ClickSend;
use crate::config::Config;
use crate::http::PublicParts;
use crate::metrics::Metrics;

/// The keys that take effect without a restart, by how their names begin.
const FOLLOWED: [&str; 5] =
    ["auth.issuers", "auth.denied_ids", "auth.denied_subjects", "upstream.username", "upstream.api_key"];

/// The parts of a running gateway that a changed configuration reaches. Cheap to clone.
#[derive(Clone)]
pub struct Reload {
    pub(super) verifier: Arc<Verifier>,
    pub(super) certificate: Option<Certificate>,
    pub(super) upstream: ClickSend,
    pub(super) metrics: Metrics,
}

impl Reload {
    pub(super) async fn new(
        config: &Config,
        upstream: &ClickSend,
        public: &PublicParts,
    ) -> Result<Self, StartError> {
        Ok(Self {
            verifier: Arc::clone(&public.verifier),
            certificate: Certificate::configured(config.server.tls.as_ref()).await?,
            upstream: upstream.clone(),
            metrics: public.metrics.clone(),
        })
    }

    /// Puts a changed configuration in force, from the next request on. Reads key files, so it blocks as long as
    /// their disk does.
    ///
    /// # Errors
    /// Every fault of every issuer, or what is wrong with the credentials; then everything stays as it was.
    pub fn apply(&self, config: &Config) -> Result<(), StartError> {
        let applied = self.replace(config);
        self.metrics.config_reloaded(applied.is_ok());
        applied
    }

    /// What can fail comes first.
    fn replace(&self, config: &Config) -> Result<(), StartError> {
        let credentials = upstream::credentials(&config.upstream)?;
        let replaced = self.verifier.replace(wiring::issuers(&config.auth), wiring::denied(&config.auth));
        replaced.map_err(|faults| wiring::key_faults(&faults))?;
        if self.upstream.replace_credentials(credentials) {
            tracing::info!("ClickSend is asked with other credentials from now on");
        }
        Ok(())
    }

    /// Has what other files hold read again, whatever becomes of the configuration: the listener's certificate.
    pub fn reread_files(&self) {
        if let Some(certificate) = &self.certificate {
            certificate.read_again();
        }
    }

    /// A changed configuration had faults: everything stays as it was.
    pub fn refuse(&self) {
        self.metrics.config_reloaded(false);
    }

    /// Whether a change of this key takes effect without a restart.
    pub fn follows(key: &str) -> bool {
        FOLLOWED.iter().any(|followed| key.starts_with(followed))
    }
}
