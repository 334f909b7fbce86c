//! A gateway in front of the real registry, as operators use one: TLS with a private authority, and
//! only requests with the right header pass. At first it redirects every request to another host.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::transport::request;

/// The requests to a gateway.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// Requests that the registry answered, by their first lines.
    pub(super) passed: Vec<String>,
    /// Requests that were redirected.
    pub(super) redirected: usize,
    /// Requests without the right header.
    pub(super) refused: usize,
    /// Connections to the other host.
    pub(super) followed: usize,
}

#[derive(Debug)]
struct Shared {
    came: Mutex<Came>,
    open: Mutex<bool>,
    expected: String,
    registry: u16,
    elsewhere: String,
}

/// A gateway on a loopback port. It ends with the process.
#[derive(Debug)]
pub(super) struct Gateway {
    port: u16,
    shared: Arc<Shared>,
}

impl Gateway {
    /// Opens one before the registry at a port, for those who send this `Authorization`.
    pub(super) fn open(tls: ServerConfig, expected: &str, registry: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let another = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        // Without TLS: credentials that follow the redirect would be readable.
        let elsewhere = format!("http://localhost:{}", another.local_addr().unwrap().port());
        let shared = Arc::new(Shared {
            came: Mutex::default(),
            open: Mutex::new(false),
            expected: format!("authorization: {expected}\r\n"),
            registry,
            elsewhere,
        });
        let followed = Arc::clone(&shared);
        std::thread::spawn(move || {
            for _ in another.incoming().flatten() {
                followed.came.lock().unwrap().followed += 1;
            }
        });
        let (gateway, tls) = (Arc::clone(&shared), Arc::new(tls));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let session = ServerConnection::new(Arc::clone(&tls)).unwrap();
                let gateway = Arc::clone(&gateway);
                std::thread::spawn(move || gateway.serve(StreamOwned::new(session, stream)));
            }
        });
        Self { port, shared }
    }

    /// The port it listens on.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Redirects no more.
    pub(super) fn let_pass(&self) {
        *self.shared.open.lock().unwrap() = true;
    }

    /// The requests since this was last called.
    pub(super) fn came(&self) -> Came {
        std::mem::take(&mut *self.shared.came.lock().unwrap())
    }
}

impl Shared {
    /// One request per connection.
    fn serve(&self, mut stream: StreamOwned<ServerConnection, TcpStream>) {
        let Some((head, body)) = request(&mut stream) else { return };
        let first_line = head.lines().next().unwrap_or_default().to_owned();
        let path = first_line.split(' ').nth(1).unwrap_or_default();
        let short = |status: &str, more: &str| {
            format!("HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n")
        };
        let answer = if !head.contains(&self.expected) {
            self.came.lock().unwrap().refused += 1;
            short("401 Unauthorized", "").into_bytes()
        } else if *self.open.lock().unwrap() {
            let answer = self.pass(&head, &body);
            self.came.lock().unwrap().passed.push(first_line);
            answer
        } else {
            self.came.lock().unwrap().redirected += 1;
            let location = format!("Location: {}{path}\r\n", self.elsewhere);
            short("307 Temporary Redirect", &location).into_bytes()
        };
        // The client may have gone away.
        let _ = stream.write_all(&answer);
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }

    /// The registry's own answer, to its end.
    fn pass(&self, head: &str, body: &str) -> Vec<u8> {
        let mut registry = TcpStream::connect((Ipv4Addr::LOCALHOST, self.registry)).unwrap();
        // The gateway has looked at the credentials; the registry does not know them.
        let kept = head.lines().filter(|line| {
            !line.is_empty()
                && !line.starts_with("authorization:")
                && !line.starts_with("connection:")
        });
        let head = kept.collect::<Vec<_>>().join("\r\n");
        write!(registry, "{head}\r\nconnection: close\r\n\r\n{body}").unwrap();
        let mut answer = Vec::new();
        registry.read_to_end(&mut answer).unwrap();
        answer
    }
}
