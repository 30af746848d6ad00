//! The way to ClickSend, from the configuration: the client, and the credentials that a reload may replace.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::app::StartError;
use crate::clicksend::{self, Call, ClickSend, Credentials};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::metrics::Metrics;

/// How long a person's search waits for the outbound limiter: what nobody notices.
const PEOPLE_WAIT: Duration = Duration::from_secs(2);
/// How long a quote or a list waits: the patience of a purchase.
const BUYING_WAIT: Duration = Duration::from_secs(10);

/// The upstream client of the configuration.
pub(super) fn client(config: &Config, clock: Clock, metrics: &Metrics) -> Result<ClickSend, StartError> {
    let upstream = &config.upstream;
    let (username, api_key) = account(upstream)?;
    let options = clicksend::Options {
        base_url: upstream.base_url.as_str().to_owned(),
        username: username.to_owned(),
        api_key: api_key.clone(),
        ca_file: upstream.ca_file.clone(),
        proxy_url: upstream.proxy_url.clone(),
        connect_timeout: upstream.connect_timeout,
        read_timeout: upstream.read_timeout,
        buy_timeout: upstream.buy_timeout,
        people_wait: PEOPLE_WAIT,
        buying_wait: BUYING_WAIT,
        requests_per_minute: upstream.requests_per_minute.get(),
        reserved_for_buying: upstream.reserved_for_buying.basis_points() / 100,
    };
    let metrics = metrics.clone();
    let observer = Arc::new(move |call: &Call| {
        let operation = call.operation.as_str();
        metrics.upstream_called(operation, call.outcome.as_str());
        if call.outcome.is_of_a_call() {
            metrics.upstream_took(operation, call.elapsed);
        }
        if let Some(lack) = call.again {
            metrics.upstream_asked_again(operation, lack.as_str());
        }
    });
    ClickSend::new(&options, clock, observer)
        .map_err(|error| StartError::Configuration(format!("upstream: {error}")))
}

/// Shares the limit of the address with the other replicas, however many there are just now, until told to stop.
pub(super) async fn share_address(
    client: ClickSend,
    mut replicas: watch::Receiver<u32>,
    stop: CancellationToken,
) {
    let sharing = async {
        loop {
            client.share_address(*replicas.borrow_and_update());
            if replicas.changed().await.is_err() {
                return;
            }
        }
    };
    stop.run_until_cancelled(sharing).await;
}

/// Asks what is left alone until it answers again, until told to stop.
pub(super) async fn keep_asking(client: ClickSend, stop: CancellationToken) {
    stop.run_until_cancelled(client.keep_asking()).await;
}

/// What ClickSend knows the gateway by.
pub(super) fn credentials(upstream: &config::Upstream) -> Result<Credentials, StartError> {
    let (username, api_key) = account(upstream)?;
    Credentials::new(username, api_key)
        .map_err(|error| StartError::Configuration(format!("upstream: {error}")))
}

fn account(upstream: &config::Upstream) -> Result<(&str, &SecretString), StartError> {
    match (&upstream.username, &upstream.api_key) {
        (Some(username), Some(api_key)) => Ok((username, api_key)),
        (Some(_) | None, _) => Err(StartError::Configuration(
            "upstream.username and upstream.api_key (or upstream.api_key_file) are not set: the gateway has no way to ClickSend"
                .to_owned(),
        )),
    }
}
