//! A vendor's server on the loopback interface: it answers as a test wants, and records its
//! requests.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// A request that the server received.
#[derive(Clone, Debug)]
pub(in crate::source) struct ReceivedRequest {
    pub(in crate::source) method: axum::http::Method,
    pub(in crate::source) path: String,
    pub(in crate::source) raw_query: String,
    headers: axum::http::HeaderMap,
    pub(in crate::source) body: Vec<u8>,
}

impl ReceivedRequest {
    pub(in crate::source) fn query(&self, name: &str) -> Option<String> {
        let pairs = url::form_urlencoded::parse(self.raw_query.as_bytes());
        pairs.into_owned().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub(in crate::source) fn queries(&self, name: &str) -> Vec<String> {
        let pairs = url::form_urlencoded::parse(self.raw_query.as_bytes()).into_owned();
        pairs.filter(|(key, _)| key == name).map(|(_, value)| value).collect()
    }

    pub(in crate::source) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

/// An answer of the server.
#[derive(Clone, Debug)]
pub(in crate::source) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub(in crate::source) fn body(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }
    }

    pub(in crate::source) fn json(value: &serde_json::Value) -> Self {
        Self::body(value.to_string())
    }

    pub(in crate::source) fn status(status: u16) -> Self {
        Self::body("an error page about Ada Sample").with_status(status)
    }

    pub(in crate::source) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(in crate::source) fn gzip(plain: &[u8]) -> Self {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        Self::body(encoder.finish().unwrap()).header("Content-Encoding", "gzip")
    }

    pub(in crate::source) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn into_response(self) -> Response {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.body)).unwrap()
    }
}

/// The server. It ends when it is dropped.
pub(in crate::source) struct VendorServer {
    url: Url,
    request: Arc<Mutex<Vec<ReceivedRequest>>>,
    task: JoinHandle<()>,
}

impl Drop for VendorServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl VendorServer {
    /// Answers each request as the function says.
    pub(in crate::source) async fn answering(
        answer: impl Fn(&ReceivedRequest) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let request = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&request), Arc::new(answer));
        let app = Router::new().fallback(move |request: Request| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let (request, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
                let request = ReceivedRequest {
                    method: request.method,
                    path: request.uri.path().to_owned(),
                    raw_query: request.uri.query().unwrap_or_default().to_owned(),
                    headers: request.headers,
                    body: body.into(),
                };
                log.lock().unwrap().push(request.clone());
                answer(&request).into_response()
            }
        });
        let (listener, url) = listen().await;
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, request, task }
    }

    /// Gives these answers in turn, and then the last one again and again.
    pub(in crate::source) async fn answering_in_turn(answers: Vec<Answer>) -> Self {
        let next = Mutex::new(0);
        Self::answering(move |_| {
            let mut next = next.lock().unwrap();
            *next += 1;
            answers.get(*next - 1).or(answers.last()).unwrap().clone()
        })
        .await
    }

    /// Sends the head and one byte of the body again and again.
    pub(in crate::source) async fn dripping() -> Self {
        Self::raw(|mut stream| async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n[";
            let mut alive = stream.write_all(head).await.is_ok();
            while alive {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                alive = stream.write_all(b" ").await.is_ok();
            }
        })
        .await
    }

    /// Takes the request and never answers.
    pub(in crate::source) async fn silent() -> Self {
        Self::raw(|stream| async move {
            std::future::pending::<()>().await;
            drop(stream);
        })
        .await
    }

    /// Answers these bytes and closes the connection.
    pub(in crate::source) async fn cutting(bytes: &'static str) -> Self {
        Self::raw(move |mut stream| async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes.as_bytes()).await;
        })
        .await
    }

    async fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (listener, url) = listen().await;
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream));
            }
        });
        Self { url, request: Arc::default(), task }
    }

    pub(in crate::source) fn url(&self) -> Url {
        self.url.clone()
    }

    pub(in crate::source) fn requests(&self) -> Vec<ReceivedRequest> {
        self.request.lock().unwrap().clone()
    }
}

async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    (listener, url)
}
