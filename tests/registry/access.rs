//! Credentials and certificates, at a small TLS server in front of the real registry.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use floorcast::publish::registry::{Client, Credentials, Error, Retries, Settings};
use floorcast::secret::Secret;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::{kafka, registry};

/// A server that passes on what carries this authorization, and refuses the rest. It ends with the
/// tests. Gives its port and the certificate that signs its own.
fn gatekeeper(authorization: &'static str) -> (u16, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&key).unwrap();
    let pem = certificate.pem();
    let issuer = rcgen::Issuer::new(authority, key);
    let own_key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec![String::from("localhost")]).unwrap();
    let own = own.signed_by(&own_key, &issuer).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own_key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let connection = ServerConnection::new(config).unwrap();
                // A client that does not trust us hangs up.
                let _ = serve(StreamOwned::new(connection, stream), authorization);
            });
        }
    });
    (port, pem)
}

fn serve<T: Read + Write>(stream: T, authorization: &str) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    stream.read_line(&mut first)?;
    let (mut allowed, mut length) = (false, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => allowed = value == authorization,
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let (status, text) = if allowed {
        let path = first.split(' ').nth(1).unwrap_or_default();
        let base = registry::shared();
        registry::post(&format!("{base}{path}"), &String::from_utf8_lossy(&body)).unwrap()
    } else {
        (401, String::from("{\"message\": \"who are you?\"}"))
    };
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )?;
    stream.flush()
}

fn client(port: u16, credentials: Credentials, certificates: Option<&str>) -> Client {
    let settings = Settings {
        url: url::Url::parse(&format!("https://localhost:{port}")).unwrap(),
        credentials: Arc::new(move || Ok(credentials.clone())),
        certificates: certificates.map(|pem| pem.as_bytes().to_vec()),
    };
    let retries =
        Retries { attempts: 1, pause: Duration::from_millis(1), random: Arc::new(|| 0.0) };
    Client::new(settings, retries).unwrap()
}

const SCHEMA: &str = r#"{"type":"record","name":"Gate","namespace":"t","fields":[]}"#;

fn register(client: &Client) -> Result<u32, Error> {
    let subject = format!("{}-t.Gate", kafka::unique_prefix("gate"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.register(&subject, SCHEMA))
}

#[test]
fn basic_credentials_and_tokens_open_a_registry_with_a_certificate_of_ones_own() {
    let basic = |password: &str| Credentials::Basic {
        username: String::from("floor"),
        password: Secret::new(password),
    };
    let bearer = |token: &str| Credentials::Bearer(Secret::new(token));
    // "floor:hunter2"
    let (port, pem) = gatekeeper("Basic Zmxvb3I6aHVudGVyMg==");
    assert!(register(&client(port, basic("hunter2"), Some(&pem))).unwrap() > 0);
    for wrong in [basic("hunter3"), bearer("hunter2"), Credentials::None] {
        let error = register(&client(port, wrong, Some(&pem))).unwrap_err();
        assert_eq!(error, Error::Unauthorized { status: 401 });
        assert!(!format!("{error} {error:?}").contains("hunter"), "{error}");
    }
    // Its certificate is nobody's whom the system knows.
    let error = register(&client(port, basic("hunter2"), None)).unwrap_err();
    assert!(matches!(error, Error::Disconnected { .. }), "{error}");
    let (_, other) = gatekeeper("");
    let error = register(&client(port, basic("hunter2"), Some(&other))).unwrap_err();
    assert!(matches!(error, Error::Disconnected { .. }), "{error}");

    let (port, pem) = gatekeeper("Bearer hunter2");
    assert!(register(&client(port, bearer("hunter2"), Some(&pem))).unwrap() > 0);
    let error = register(&client(port, basic("hunter2"), Some(&pem))).unwrap_err();
    assert_eq!(error, Error::Unauthorized { status: 401 });
}
