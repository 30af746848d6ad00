//! Hearing of other replicas' commits at once. Only a hint: whoever misses one sees the event a second later, when the
//! writer's session looks by itself.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio_postgres::AsyncMessage;

use crate::store::error::StoreError;
use crate::store::postgres::CHANNEL;
use crate::store::postgres::address::Address;
use crate::store::postgres::failure;

/// Before connecting again.
const PAUSE: Duration = Duration::from_secs(1);

/// A thread that listens until it is dropped.
pub(in crate::store) struct Listening {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Ends at once: everything it waits for, it waits for beside `stop`.
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

impl Listening {
    /// Begins to listen; what is heard raises `newest`.
    pub(in crate::store) fn begin(
        address: Address,
        newest: Arc<watch::Sender<i64>>,
    ) -> Result<Self, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unavailable)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("store-listener".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        () = listen(&address, &newest) => {}
                    }
                });
            })
            .map_err(unavailable)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

async fn listen(address: &Address, newest: &watch::Sender<i64>) {
    loop {
        if let Err(error) = hear(address, newest).await {
            tracing::warn!(
                error = failure::words(&error),
                "other replicas are not heard; looking every second"
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Until the connection ends.
async fn hear(address: &Address, newest: &watch::Sender<i64>) -> Result<(), tokio_postgres::Error> {
    let (client, mut messages) = address.connect_to_listen().await?;
    let hearing = poll_fn(|context| {
        loop {
            match std::task::ready!(messages.poll_message(context)) {
                Some(Ok(AsyncMessage::Notification(heard))) => {
                    let sequence = heard.payload().parse().unwrap_or(0);
                    newest.send_if_modified(|known| {
                        let is_news = sequence > *known;
                        *known = (*known).max(sequence);
                        is_news
                    });
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return std::task::Poll::Ready(Err(error)),
                None => return std::task::Poll::Ready(Ok(())),
            }
        }
    });
    let statement = format!("LISTEN {CHANNEL}");
    let listening = async {
        client.batch_execute(&statement).await?;
        std::future::pending().await
    };
    tokio::select! {
        ended = hearing => ended,
        failed = listening => failed,
    }
}
