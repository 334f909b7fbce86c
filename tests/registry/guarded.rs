//! The bridge and a reader of its events, with a real registry behind a gateway.

use std::time::Duration;

use base64::Engine as _;

use super::gateway::Gateway;
use super::transport::authority;
use super::{centre, file_beside, let_calls_end, lines_with, settle_and_compare};
use crate::bridge::{BridgeFixture, TOKEN, page};
use crate::support::process::Floorcast;
use crate::support::{kafka, python, registry};

const SECRET: &str = "nobody-sees-this";

/// Runs a bridge and `tail` through a gateway that requires this header, and that redirects every
/// request to another host at first.
fn publish_and_read_through_a_gateway(seed: u64, credentials: &str, header: &str) {
    let (broker, registry) = (kafka::shared(), registry::shared());
    let (pem, tls) = authority();
    let gateway = Gateway::open(tls, header, registry.port());
    let (centre, prefix) = (centre(seed), kafka::unique_prefix("gateway"));
    let fixture = BridgeFixture::at(
        &centre.simulator.base_url(),
        broker.bootstrap(),
        &prefix,
        "[account.sla]\ntarget_percent = 80\n",
    );
    let ca = file_beside(fixture.directory(), "ca.pem", &pem);
    let secret = file_beside(fixture.directory(), "secret", SECRET);
    let url = registry.behind(gateway.port()).replace("http://", "https://");
    let credentials = credentials.replace("SECRET", &format!("{{ file = \"{secret}\" }}"));
    let config = std::fs::read_to_string(fixture.config()).unwrap();
    let section = format!("[registry]\nurl = \"{url}\"\nca_file = \"{ca}\"\n{credentials}\n");
    std::fs::write(fixture.config(), format!("{config}{section}")).unwrap();

    let mut bridge = fixture.run();
    let line = bridge.wait_for_line("events wait for a schema", Duration::from_secs(60));
    let host = format!("127.0.0.1:{}", gateway.port());
    assert!(line.contains(&host) && line.contains("307"), "{line}");
    let ready = page(&mut bridge, "/readyz");
    assert!(ready.contains("schemas: "), "{ready}");
    let came = gateway.came();
    assert!(came.redirected > 0 && came.passed.is_empty(), "{came:?}");
    assert_eq!((came.followed, came.refused), (0, 0));

    gateway.let_pass();
    bridge.wait_for_line("events are sent again", Duration::from_secs(60));
    let_calls_end(&centre, 5);
    settle_and_compare(&centre, &mut bridge, broker, &prefix, registry);
    bridge.terminate();
    assert!(bridge.wait(Duration::from_secs(30)).success());
    assert_eq!(lines_with(&bridge, "events wait for a schema"), 1, "{}", bridge.output());
    let came = gateway.came();
    let registered = |line: &String| line.starts_with("POST ") && line.contains("/versions");
    assert!(came.passed.iter().any(registered), "{came:?}");
    assert_eq!((came.followed, came.refused), (0, 0));

    let config = fixture.config();
    let words = ["tail", "--until-end", "--format", "json", "--config", &config];
    let mut tail = Floorcast::start(&words, &[("ACME_TOKEN", TOKEN)]);
    assert!(tail.wait(Duration::from_mins(1)).success(), "{}", tail.output());
    let (lines, came) = (tail.stdout(), gateway.came());
    assert!(lines.iter().all(|line| line.contains("\"_type\":")), "{}", tail.output());
    let independent = python::read_framed(broker.bootstrap(), &prefix, registry.url());
    assert_eq!(lines.len(), independent.len());
    let fetched = |line: &String| line.starts_with("GET ") && line.contains("/schemas/ids/");
    assert!(!came.passed.is_empty() && came.passed.iter().all(fetched), "{came:?}");
    assert_eq!((came.followed, came.refused), (0, 0));
    for output in [bridge.output(), tail.output()] {
        assert!(!output.contains(SECRET) && !output.contains(header), "{output}");
    }
}

#[test]
fn events_go_through_a_registry_behind_tls_and_a_password_and_a_redirect_gets_neither() {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("ada:{SECRET}"));
    let credentials = "username = \"ada\"\npassword = SECRET";
    publish_and_read_through_a_gateway(46, credentials, &format!("Basic {pair}"));
}

#[test]
fn events_go_through_a_registry_behind_tls_and_a_token_and_a_redirect_gets_neither() {
    publish_and_read_through_a_gateway(47, "token = SECRET", &format!("Bearer {SECRET}"));
}
