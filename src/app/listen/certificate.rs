//! The certificate of the public listener: read at start, and again when its files change or somebody says so.
//!
//! A pair that cannot be used leaves the running one in force and says so. That is also how a renewal looks between
//! its two files.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::app::StartError;
use crate::config::Tls;
use crate::metrics::Metrics;

/// How often the files are looked at. Renewals come days before their time.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The certificate that handshakes are answered with. Cheap to clone.
#[derive(Clone)]
pub(in crate::app) struct Certificate {
    files: Tls,
    config: RustlsConfig,
    asked: Arc<Notify>,
}

/// What no change of a file leaves as it was.
type Stamp = Option<(u64, u64, i64, i64)>;

impl Certificate {
    /// Reads the files, where there are any.
    pub(in crate::app) async fn configured(files: Option<&Tls>) -> Result<Option<Self>, StartError> {
        let Some(files) = files else { return Ok(None) };
        let config = RustlsConfig::from_pem_file(&files.certificate_file, &files.key_file).await;
        let config = config.map_err(|error| StartError::Configuration(format!("server.tls: {error}")))?;
        Ok(Some(Self { files: files.clone(), config, asked: Arc::default() }))
    }

    pub(super) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Has the files read again, whether they look changed or not.
    pub(in crate::app) fn read_again(&self) {
        self.asked.notify_one();
    }

    /// Follows the files until told to stop.
    pub(in crate::app) async fn keep_current(self, metrics: Metrics, stop: CancellationToken) {
        metrics.certificate_read(true);
        let following = async {
            let mut seen = self.stamps().await;
            loop {
                let asked = tokio::time::timeout(LOOK_EVERY, self.asked.notified()).await.is_ok();
                // Before the content: what is written in between is seen the next time.
                let now = self.stamps().await;
                if asked || now != seen {
                    seen = now;
                    metrics.certificate_read(self.reread().await);
                }
            }
        };
        stop.run_until_cancelled(following).await;
    }

    async fn reread(&self) -> bool {
        let files = &self.files;
        match self.config.reload_from_pem_file(&files.certificate_file, &files.key_file).await {
            Ok(()) => {
                tracing::info!("the certificate was read again and is in force");
                true
            }
            Err(error) => {
                tracing::error!(%error, "server.tls cannot be used; the running certificate stays in force");
                false
            }
        }
    }

    async fn stamps(&self) -> [Stamp; 2] {
        [stamp(&self.files.certificate_file).await.ok(), stamp(&self.files.key_file).await.ok()]
    }
}

async fn stamp(path: &Path) -> io::Result<(u64, u64, i64, i64)> {
    let file = tokio::fs::metadata(path).await?;
    Ok((file.ino(), file.size(), file.ctime(), file.ctime_nsec()))
}
