//! The configuration while `serve` runs: read again on SIGHUP and when its file or that of the API key changes.
//!
//! A file with a fault leaves everything as it was; so does one whose keys cannot be loaded. What a reload cannot
//! reach is named, so that nobody waits for it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::fs;
use tokio::signal::unix::{self, Signal, SignalKind};

use super::Failure;
use crate::app::{Changes, Reload, Supervisor};
use crate::config::{self, FileSource, Loaded, Origins, Sources};

/// How often the file is looked at: who was denied in it is out within a second.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Follows one configuration for one gateway.
pub(super) struct Following {
    sources: Sources,
    /// What the gateway was started with: of the keys that need a restart this is in force.
    started: Origins,
    /// What was applied last.
    running: Origins,
    manager: Supervisor,
    /// The file with the API key, as the running configuration names it.
    key_file: Option<PathBuf>,
    seen: [Stamp; 2],
    hangup: Signal,
}

/// What no change of a file leaves as it was; nothing where there is no file.
type Stamp = Option<(u64, u64, i64, i64)>;

impl Following {
    /// SIGHUP is caught from now on. `running` is what the gateway was started with.
    pub(super) async fn new(
        sources: Sources,
        running: &Loaded,
        manager: Supervisor,
    ) -> Result<Self, Failure> {
        let hangup = unix::signal(SignalKind::hangup());
        let hangup = hangup.map_err(|error| Failure::internal(format_args!("signals: {error}")))?;
        let key_file = running.config.upstream.api_key_file.clone();
        let (started, running) = (running.origins.clone(), running.origins.clone());
        let mut following = Self { sources, started, running, manager, key_file, seen: [None; 2], hangup };
        // Before the gateway starts: what is changed while it does is seen at the first look.
        following.seen = following.stamps().await;
        Ok(following)
    }

    /// Never ends: drop it with the gateway.
    pub(super) async fn forever(mut self, reload: Reload) {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => reload.reread_files(),
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if self.stamps().await == self.seen {
                        continue;
                    }
                }
            }
            // Before the content: what is written in between is seen the next time.
            self.seen = self.stamps().await;
            self.manager.reloading();
            let status = self.read_again(&reload).await;
            self.manager.ready(status);
        }
    }

    /// What there is to say of it in a sentence.
    async fn read_again(&mut self, reload: &Reload) -> &'static str {
        let sources = self.sources.clone();
        // Off the runtime: the disk with the configuration may hang, and requests do not wait for it.
        let read = tokio::task::spawn_blocking(move || config::load(&sources));
        let applied = match read.await {
            Ok(Ok(loaded)) => {
                let changes = Changes::between(&self.started, &self.running, &loaded.origins);
                let applied = reload.apply(&loaded.config, &changes).await;
                applied.map(|()| (loaded, changes)).map_err(|fault| fault.to_string())
            }
            Ok(Err(faults)) => {
                reload.refuse();
                Err(faults.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match applied {
            Ok((loaded, changes)) => {
                self.running = loaded.origins;
                self.key_file = loaded.config.upstream.api_key_file;
                tell(&changes)
            }
            Err(faults) => {
                for fault in faults.lines() {
                    tracing::error!(
                        fault,
                        "the changed configuration is not used; everything stays as it was"
                    );
                }
                "serving; the changed configuration has faults and is not used"
            }
        }
    }

    /// Their disk may hang; requests do not wait for it.
    async fn stamps(&self) -> [Stamp; 2] {
        let configuration = match &self.sources.file {
            FileSource::Path(path) => stamp(path).await,
            FileSource::None | FileSource::Text { .. } => None,
        };
        let key = match &self.key_file {
            Some(path) => stamp(path).await,
            None => None,
        };
        [configuration, key]
    }
}

async fn stamp(path: &Path) -> Stamp {
    let file = fs::metadata(path).await.ok()?;
    Some((file.ino(), file.size(), file.ctime(), file.ctime_nsec()))
}

/// Names the keys that are different now; values stay out of the log.
fn tell(changes: &Changes) -> &'static str {
    tracing::info!(changed = ?changes.at_once, "the configuration was read again and is in force");
    for (key, reason) in &changes.after_restart {
        tracing::warn!(key, reason, "this key has changed and needs a restart");
    }
    if changes.after_restart.is_empty() {
        "serving"
    } else {
        "serving; keys that have changed need a restart"
    }
}
