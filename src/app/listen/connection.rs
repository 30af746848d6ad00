//! The two sides of one connection, which tell its [`Pulse`] what goes on: the stream below HTTP, which ends when its
//! time has run out, and the service above it, which knows when a request begins and its answer ends.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Request, Response, Version, header};
use futures_util::future::BoxFuture;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tower::Service;

use super::gate::Place;
use super::pulse::Pulse;
use crate::http::Peer;

/// The stream of a connection. It holds the connection's place as long as it is open.
pub(super) struct Stream<S> {
    inner: S,
    pulse: Arc<Pulse>,
    timer: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl<S> Stream<S> {
    pub(super) const fn new(inner: S, pulse: Arc<Pulse>, place: Place) -> Self {
        Self { inner, pulse, timer: None, _place: place }
    }

    /// Whoever finds nothing to do asks here: pending while there is time, an error when there is none.
    fn out_of_time(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let Some(deadline) = self.pulse.deadline() else { return Poll::Pending };
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
            if self.pulse.deadline().is_some_and(|still| still <= deadline) {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
        }
    }

    fn or_out_of_time<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() { polled } else { self.out_of_time(cx).map(Err) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pulse.heard();
        }
        self.or_out_of_time(polled, cx)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.or_out_of_time(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.or_out_of_time(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        self.or_out_of_time(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.or_out_of_time(polled, cx)
    }
}

/// The routes, for the requests of one connection.
#[derive(Clone)]
pub(super) struct Requests<S> {
    inner: S,
    pulse: Arc<Pulse>,
    peer: IpAddr,
    leaving: Arc<AtomicBool>,
}

impl<S> Requests<S> {
    pub(super) const fn new(inner: S, pulse: Arc<Pulse>, peer: IpAddr, leaving: Arc<AtomicBool>) -> Self {
        Self { inner, pulse, peer, leaving }
    }
}

impl<S> Service<Request<Incoming>> for Requests<S>
where
    S: Service<Request<Incoming>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Peer(self.peer));
        let is_stream = request.version() == Version::HTTP_2;
        let handling = Handling::begin(&self.pulse, is_stream);
        let (answer, leaving) = (self.inner.call(request), Arc::clone(&self.leaving));
        Box::pin(async move {
            let mut response = answer.await?;
            if leaving.load(Ordering::Acquire) && !is_stream {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            let sending = handling.answered();
            Ok(response.map(|body| Body::new(Answer { body, sending })))
        })
    }
}

/// A handler at work. Dropped with it when the connection ends before.
struct Handling(Option<Arc<Pulse>>);

impl Handling {
    fn begin(pulse: &Arc<Pulse>, is_stream: bool) -> Self {
        pulse.handling(is_stream);
        Self(Some(Arc::clone(pulse)))
    }

    fn answered(mut self) -> Sending {
        let pulse = self.0.take();
        if let Some(pulse) = &pulse {
            pulse.sending();
        }
        Sending(pulse)
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        if let Some(pulse) = &self.0 {
            pulse.was_given_up();
        }
    }
}

/// An answer on its way.
struct Sending(Option<Arc<Pulse>>);

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(pulse) = &self.0 {
            pulse.was_sent();
        }
    }
}

/// The body of an answer.
struct Answer {
    body: Body,
    sending: Sending,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(pulse) = &self.sending.0 {
            pulse.went_on();
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
