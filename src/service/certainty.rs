//! Writing down what came of something that was sent: not given up while this process lives, because nobody else
//! knows it, and kept in the emergency file meanwhile, because this process may not live long.

use std::future::Future;
use std::time::Duration;

use crate::service::ground::Ground;
use crate::service::refusal::Refusal;
use crate::store::emergency::Outcome;

/// Before the second try; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// A disk that has space again is noticed within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl Ground {
    /// Runs `settle`, which writes `outcome` once and may be repeated, until it succeeds.
    pub(super) async fn settle_for_certain<T, Settling>(
        &self,
        outcome: &Outcome,
        settle: impl Fn() -> Settling,
    ) -> T
    where
        Settling: Future<Output = Result<T, Refusal>>,
    {
        let (mut owed, mut pause) = (None, PAUSE);
        loop {
            match settle().await {
                Ok(settled) => {
                    if let Some(owed) = owed {
                        self.store.emergency().settled(owed).await;
                    }
                    return settled;
                }
                Err(refusal) => {
                    tracing::error!(%refusal, "the outcome of a request could not be written down; trying again");
                    if owed.is_none() {
                        owed = Some(self.store.emergency().keep(outcome.clone(), self.clock.now()).await);
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}
