//! Credentials and TLS towards a registry, against a stub of it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{command, file_beside};
use crate::bridge::BridgeFixture;
use crate::support::certificates::Authority;

/// A private authority: its certificate as PEM, and the TLS configuration of a server of it.
pub(super) fn authority() -> (String, ServerConfig) {
    let Authority { pem, server, key } = Authority::of("127.0.0.1");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], private)
        .unwrap();
    (pem, config)
}

/// A registry that accepts every schema in requests with the right header.
struct StubRegistry {
    port: u16,
    refused: Arc<Mutex<u32>>,
}

fn stub_registry(config: ServerConfig, expected: &str) -> StubRegistry {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (config, refused) = (Arc::new(config), Arc::new(Mutex::new(0)));
    let (count, expected) = (Arc::clone(&refused), format!("authorization: {expected}\r\n"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, stream);
            let Some((head, _)) = request(&mut stream) else { continue };
            let (status, body) = if !head.contains(&expected) {
                *count.lock().unwrap() += 1;
                ("401 Unauthorized", "")
            } else if head.starts_with("GET") {
                ("200 OK", "[]")
            } else {
                ("200 OK", r#"{"id":7}"#)
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    StubRegistry { port, refused }
}

/// The head and the body of a request; nothing when the client disconnected.
pub(super) fn request(stream: &mut impl Read) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Some((format!("{head}\r\n"), body.to_owned()));
        }
    }
}

fn register(section: &str, authority: &str) -> (i32, String) {
    let fixture = BridgeFixture::at("http://127.0.0.1:1", "127.0.0.1:1", "tls", "");
    let file = file_beside(fixture.directory(), "ca.pem", authority);
    let secret = file_beside(fixture.directory(), "secret", "nobody-sees-this\n");
    let section = section.replace("SECRET", &format!("{{ file = \"{secret}\" }}"));
    let config = std::fs::read_to_string(fixture.config()).unwrap();
    let registry = format!("{config}[registry]\n{section}\nca_file = \"{file}\"\n");
    std::fs::write(fixture.config(), registry).unwrap();
    command(&["schemas", "register"], &fixture)
}

#[test]
fn a_registry_with_a_private_certificate_authority_is_reached_with_either_kind_of_credentials() {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode("ada:nobody-sees-this");
    let cases = [
        ("username = \"ada\"\npassword = SECRET", format!("Basic {pair}")),
        ("token = SECRET", String::from("Bearer nobody-sees-this")),
    ];
    for (credentials, header) in cases {
        let (authority, config) = authority();
        let server = stub_registry(config, &header);
        let section = format!("url = \"https://127.0.0.1:{}\"\n{credentials}", server.port);
        let (status, output) = register(&section, &authority);
        assert_eq!(status, 0, "{output}");
        assert!(output.contains("✓ tls.calls-floorcast.v1.CallFinished: 7"), "{output}");
        assert_eq!(*server.refused.lock().unwrap(), 0);
    }
}

#[test]
fn wrong_credentials_and_an_authority_that_is_not_trusted_are_one_readable_line() {
    let (authority_in_use, config) = authority();
    let server = stub_registry(config, "Bearer another");
    let section = format!("url = \"https://127.0.0.1:{}\"\ntoken = SECRET", server.port);
    let (status, output) = register(&section, &authority_in_use);
    assert_eq!(status, 1, "{output}");
    let host = format!("127.0.0.1:{}", server.port);
    assert!(
        output.contains(&format!("the schema registry at {host} refuses the credentials (401)")),
        "{output}"
    );
    assert!(!output.contains("nobody-sees-this"), "{output}");
    let (another, _) = authority();
    let (status, output) = register(&section, &another);
    assert_eq!((status, output.lines().count()), (1, 1), "{output}");
    assert!(
        output.contains(&format!("{host} does not answer: invalid peer certificate")),
        "{output}"
    );
    assert!(output.ends_with("(is ca_file the authority that signed it?)"), "{output}");
    assert!(!output.contains("nobody-sees-this"), "{output}");
}
