//! The two sides of one connection, which tell its [`Pulse`] what goes on: the stream below HTTP, which ends when its
//! time has run out, and the service above it, which knows when a request begins and its answer ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::HttpBody;
use axum::http::{HeaderValue, Request, Response, Version, header};
use hyper::body::{Frame, Incoming, SizeHint};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tower::Service;

use super::gate::Place;
use super::pulse::Pulse;

/// Where this machine had no time to look, what was sent in time has only now been read: so much more to hand it to a handler.
const MOMENT: Duration = Duration::from_millis(100);

/// The stream of a connection. It holds the connection's place as long as it is open.
pub(super) struct Stream<S> {
    inner: S,
    pulse: Arc<Pulse>,
    timer: Option<Pin<Box<Sleep>>>,
    /// A deadline that was found to be over, and when it is meant.
    overdue: Option<(Instant, Instant)>,
    _place: Place,
}

impl<S> Stream<S> {
    pub(super) const fn new(inner: S, pulse: Arc<Pulse>, place: Place) -> Self {
        Self { inner, pulse, timer: None, overdue: None, _place: place }
    }

    /// Whoever finds nothing to do asks here: pending while there is time, an error when there is none.
    fn out_of_time(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let now = Instant::now();
            let Some(deadline) = self.pulse.deadline(now) else { return Poll::Pending };
            let end = self.end(deadline, now);
            // By the clock: a timer says nothing to those who send so much that their turn is over.
            if end <= now {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
            // One that comes too early is set anew when it comes: most requests are answered long before.
            if timer.deadline() > end || timer.is_elapsed() {
                timer.as_mut().reset(end);
            }
            ready!(timer.as_mut().poll(cx));
        }
    }

    /// When it is over: a moment after the first look that comes too late.
    fn end(&mut self, deadline: Instant, now: Instant) -> Instant {
        if now < deadline {
            return deadline;
        }
        match self.overdue {
            Some((overdue, end)) if overdue == deadline => end,
            Some(_) | None => {
                let end = now + MOMENT;
                self.overdue = Some((deadline, end));
                end
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
}

impl<S> Requests<S> {
    pub(super) const fn new(inner: S, pulse: Arc<Pulse>) -> Self {
        Self { inner, pulse }
    }
}

impl<S, B> Service<Request<Incoming>> for Requests<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
{
    type Response = Response<Answer<B>>;
    type Error = S::Error;
    type Future = Handling<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let is_stream = request.version() == Version::HTTP_2;
        let work = Work::begin(&self.pulse, is_stream);
        Handling { answer: self.inner.call(request), work, is_stream }
    }
}

pin_project! {
    /// A handler, and then its answer.
    pub(super) struct Handling<F> {
        #[pin]
        answer: F,
        work: Work,
        is_stream: bool,
    }
}

impl<F, B, E> Future for Handling<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<Answer<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.answer.poll(cx))?;
        let sending = this.work.answered();
        if !*this.is_stream && sending.0.as_ref().is_some_and(|pulse| pulse.is_leaving()) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response.map(|body| Answer { body, sending })))
    }
}

/// A handler at work. Dropped with it when the connection ends before.
struct Work(Option<Arc<Pulse>>);

impl Work {
    fn begin(pulse: &Arc<Pulse>, is_stream: bool) -> Self {
        pulse.handling(is_stream);
        Self(Some(Arc::clone(pulse)))
    }

    fn answered(&mut self) -> Sending {
        let pulse = self.0.take();
        if let Some(pulse) = &pulse {
            pulse.sending();
        }
        Sending(pulse)
    }
}

impl Drop for Work {
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

pin_project! {
    /// The body of an answer.
    pub(super) struct Answer<B> {
        #[pin]
        body: B,
        sending: Sending,
    }
}

impl<B: HttpBody> HttpBody for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        if let Some(pulse) = &this.sending.0 {
            pulse.went_on();
        }
        this.body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
