//! An issuer on a real socket that answers what a test wants and counts who asks.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What the server says to the next requests.
#[derive(Clone)]
pub(super) enum Answer {
    /// 200 with this body.
    Body(String),
    /// 302 to a place that would serve this body.
    Redirect(String),
    /// This status.
    Status(u16),
    /// The body, but not before the test allows it.
    Held(String, Arc<Notify>),
    /// 200, and then a byte now and again for ever.
    Drip,
    /// The discovery document at its place, the set elsewhere.
    Discovery { document: String, set: String },
}

pub(super) struct Server {
    pub(super) url: String,
    answer: Arc<Mutex<Answer>>,
    requests: Arc<Mutex<Vec<String>>>,
    /// Told at every request.
    pub(super) asked: Arc<Notify>,
    _tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Shared {
    answer: Arc<Mutex<Answer>>,
    requests: Arc<Mutex<Vec<String>>>,
    asked: Arc<Notify>,
}

impl Server {
    pub(super) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(answer));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::new(Notify::new());
        let shared = Shared {
            answer: Arc::clone(&answer),
            requests: Arc::clone(&requests),
            asked: Arc::clone(&asked),
        };
        let app = Router::new().fallback(respond).with_state(shared);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, answer, requests, asked, _tasks: tasks }
    }

    pub(super) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// How many requests came.
    pub(super) fn hits(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// Every request so far: its line and headers.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn respond(State(shared): State<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let text = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
    shared.requests.lock().unwrap().push(text);
    shared.asked.notify_one();
    let answer = shared.answer.lock().unwrap().clone();
    match answer {
        Answer::Body(body) | Answer::Redirect(body) if path == "/elsewhere" => {
            Response::new(Body::from(body))
        }
        Answer::Body(body) => Response::new(Body::from(body)),
        Answer::Redirect(_) => {
            Response::builder().status(302).header("location", "/elsewhere").body(Body::empty()).unwrap()
        }
        Answer::Status(status) => Response::builder().status(status).body(Body::empty()).unwrap(),
        Answer::Held(body, allowed) => {
            allowed.notified().await;
            Response::new(Body::from(body))
        }
        Answer::Drip => {
            let bytes = stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Some((Ok::<_, Infallible>(" "), ()))
            });
            Response::new(Body::from_stream(bytes))
        }
        Answer::Discovery { document, set } => {
            let described = path == "/.well-known/openid-configuration";
            Response::new(Body::from(if described { document } else { set }))
        }
    }
}
