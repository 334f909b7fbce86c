use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use url::Url;

use super::*;
use crate::kafka::Remedy;
use crate::secret::Secret;

/// Method and path, and the `Authorization` header.
type Received = (String, Option<String>);

/// A registry that gives one answer after the other, and records the requests.
struct StubRegistry {
    url: Url,
    requests: Arc<Mutex<Vec<Received>>>,
}

async fn stub_registry(answers: Vec<(u16, &'static str)>) -> StubRegistry {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&requests);
    let app = Router::new().fallback(move |request: Request| {
        let mut log = log.lock().unwrap();
        let header = request.headers().get("authorization");
        let header = header.map(|header| header.to_str().unwrap().to_owned());
        let (status, body) = answers[log.len().min(answers.len() - 1)];
        log.push((format!("{} {}", request.method(), request.uri()), header));
        let answer = Response::builder().status(status).header("location", "http://127.0.0.1:1/");
        std::future::ready(answer.body(axum::body::Body::from(body)).unwrap())
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/apis/v7", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    StubRegistry { url, requests }
}

fn client(url: &Url, credentials: Option<RegistryCredentials>) -> Client {
    let url = url.clone();
    Client::new(&RegistrySettings { url, credentials, authority: None, auto_register: true })
        .unwrap()
}

#[tokio::test]
async fn each_answer_to_a_registration_means_what_the_table_says() {
    let unavailable = |problem: &str| format!("does not answer: {problem}");
    let cases = [
        (200, r#"{"id":7,"version":3}"#, None),
        (
            409,
            r#"{"error_code":409,"message":"Incompatible\n artifact"}"#,
            Some({
                "refuses the schema of floor.calls-x (409): Incompatible  artifact".to_owned()
            }),
        ),
        (422, r#"{"error_code":42201,"message":"Invalid"}"#, Some("(422): Invalid".to_owned())),
        (422, "", Some("(422): without a reason".to_owned())),
        (404, r#"{"error_code":40401,"message":"no subject"}"#, Some("no subject".to_owned())),
        (404, "<html>not here</html>", Some("is no schema registry (status 404)".to_owned())),
        (200, "<html>log in</html>", Some("is no schema registry (status 200)".to_owned())),
        (200, r#"{"id":-1}"#, Some("is no schema registry".to_owned())),
        (302, "", Some("is no schema registry (status 302)".to_owned())),
        (401, "", Some("refuses the credentials (401)".to_owned())),
        (403, "", Some("refuses the credentials (403)".to_owned())),
        (500, r#"{"error_code":50001}"#, Some(unavailable("status 500"))),
        (429, "", Some(unavailable("status 429"))),
    ];
    for (status, body, expected) in cases {
        let registry = stub_registry(vec![(status, body)]).await;
        let answer = client(&registry.url, None).register("floor.calls-x", "{}").await;
        match (answer, expected) {
            (Ok(id), None) => assert_eq!(id, 7),
            (Err(error), Some(expected)) => {
                assert!(error.to_string().contains(&expected), "{status}: {error}");
                let tries = if error.remedy() == Remedy::Retry { 3 } else { 1 };
                assert_eq!(registry.requests.lock().unwrap().len(), tries, "{status}");
            }
            (answer, expected) => panic!("{status}: {answer:?}, not {expected:?}"),
        }
        let received = registry.requests.lock().unwrap()[0].0.clone();
        assert_eq!(received, "POST /apis/v7/subjects/floor.calls-x/versions");
    }
}

#[tokio::test]
async fn a_missing_schema_is_distinguished_from_a_server_that_knows_no_such_path() {
    let unknown = r#"{"error_code":40403,"message":"no such schema"}"#;
    let registry = stub_registry(vec![(404, unknown)]).await;
    let lookup_client = client(&registry.url, None);
    let missing = lookup_client.look_up("s", "{}").await.unwrap_err();
    assert_eq!(missing, Error::Missing { subject: String::from("s") });
    assert_eq!(lookup_client.compatibility("s", "{}").await, Ok(Compatibility::New));
    assert_eq!(lookup_client.schema(4).await, Err(Error::NoSuchId { id: 4 }));
    let registry = stub_registry(vec![(404, r#"{"message":"no such path"}"#)]).await;
    let lookup_client = client(&registry.url, None);
    for error in [
        lookup_client.look_up("s", "{}").await.unwrap_err(),
        lookup_client.compatibility("s", "{}").await.unwrap_err(),
        lookup_client.schema(4).await.unwrap_err(),
        lookup_client.answers().await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::NoRegistry { status: 404, .. }), "{error}");
    }
}

#[tokio::test]
async fn a_request_is_retried_after_a_status_of_5xx() {
    let registry = stub_registry(vec![(503, ""), (200, r#"{"id":9}"#)]).await;
    assert_eq!(client(&registry.url, None).register("s", "{}").await, Ok(9));
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let basic = RegistryCredentials::Basic {
        username: String::from("ada"),
        password: Secret::new("nobody-sees-this"),
    };
    let bearer = RegistryCredentials::Bearer(Secret::new("nobody-sees-this"));
    let encoded = STANDARD.encode("ada:nobody-sees-this");
    for (credentials, sent) in
        [(basic, format!("Basic {encoded}")), (bearer, String::from("Bearer nobody-sees-this"))]
    {
        let registry = stub_registry(vec![(401, "")]).await;
        let client = client(&registry.url, Some(credentials));
        let error = client.answers().await.unwrap_err();
        let received = registry.requests.lock().unwrap()[0].clone();
        assert_eq!(received, (String::from("GET /apis/v7/subjects"), Some(sent)));
        let shown = format!("{client:?} {error:?} {error}");
        assert!(!shown.contains("nobody-sees-this") && !shown.contains(&encoded), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_and_a_port_without_a_server_are_errors() {
    let endless = " ".repeat(LARGEST_ANSWER + 1).leak();
    let registry = stub_registry(vec![(200, endless)]).await;
    let error = client(&registry.url, None).answers().await.unwrap_err();
    assert!(matches!(error, Error::NoRegistry { .. }), "{error}");
    let closed_port = Url::parse("http://127.0.0.1:1/").unwrap();
    let error = client(&closed_port, None).answers().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(error.to_string().starts_with("the schema registry at 127.0.0.1:1 does not answer"));
}

#[test]
fn an_authority_without_a_certificate_is_refused() {
    let url = Url::parse("https://registry.example.com").unwrap();
    for text in [&b""[..], b"no certificate at all"] {
        let authority = Some(text.into());
        let settings = RegistrySettings {
            url: url.clone(),
            credentials: None,
            authority,
            auto_register: true,
        };
        let error = Client::new(&settings).unwrap_err().to_string();
        assert!(error.contains("ca_file holds no certificate"), "{error}");
    }
}
