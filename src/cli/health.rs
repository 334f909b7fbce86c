//! `floorcast health`: asks a running bridge on this machine whether it works, for images and
//! service managers whose health check is a command.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::run::read_config;
use super::{Failure, say};
use crate::config::Environment;

/// The variable of `[admin] listen`.
const LISTEN: &str = "FLOORCAST_ADMIN__LISTEN";
/// The default of `[admin] listen`.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);
/// How much of an answer is read and shown.
const SHOWN_BYTES: usize = 500;

#[derive(Debug, Args)]
pub(super) struct HealthArguments {
    /// The configuration file whose [admin] listen is asked; without it,
    /// `FLOORCAST_ADMIN__LISTEN` or 127.0.0.1:9464
    #[arg(long, value_name = "FILE", conflicts_with = "address")]
    config: Option<PathBuf>,
    /// Ask this address
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// How long to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

pub(super) async fn health(
    arguments: &HealthArguments,
    environment: &Environment,
) -> Result<(), Failure> {
    let url = format!("http://{}/healthz", reachable(address(arguments, environment)?));
    let timeout = Duration::from_secs(arguments.timeout);
    let no_answer = |error: reqwest::Error| {
        let reason = if error.is_timeout() {
            format!("it takes longer than {} s", arguments.timeout)
        } else {
            cause(&error)
        };
        Failure::Failed(format!(
            "no answer from {url}: {reason}; is `floorcast run` running, and is this its [admin] listen?"
        ))
    };
    // Plain HTTP, but reqwest builds no client without a provider of TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        // The process is on this machine, whatever the environment says of proxies.
        .no_proxy()
        // No authorities are needed, and none are loaded from the system.
        .tls_certs_only(std::iter::empty())
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .map_err(no_answer)?;
    let mut answer = client.get(&url).send().await.map_err(no_answer)?;
    let status = answer.status();
    let mut body = Vec::new();
    while body.len() < SHOWN_BYTES {
        let Some(part) = answer.chunk().await.map_err(no_answer)? else { break };
        body.extend_from_slice(&part);
    }
    body.truncate(SHOWN_BYTES);
    let text = one_line(&String::from_utf8_lossy(&body));
    match status.as_u16() {
        200 => {
            say(format_args!("healthy: {url}: {text}"));
            Ok(())
        }
        503 => Err(Failure::Failed(format!("not healthy: {url}: {text}"))),
        _ => Err(Failure::Failed(format!(
            "{url} answers {status}: this is not floorcast's admin address"
        ))),
    }
}

/// Where the bridge listens, as the arguments, the configuration or the environment say.
fn address(arguments: &HealthArguments, environment: &Environment) -> Result<SocketAddr, Failure> {
    if let Some(address) = arguments.address {
        return Ok(address);
    }
    if let Some(config) = &arguments.config {
        return Ok(read_config(config, environment)?.admin_listen);
    }
    let Some(text) = environment.get(LISTEN) else { return Ok(DEFAULT) };
    text.parse().map_err(|_| {
        Failure::Usage(format!("{LISTEN}: write an address such as \"127.0.0.1:9464\""))
    })
}

/// Where something that listens on this address is reached from the same machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The first line, without what a terminal would act on.
fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().filter(|letter| !letter.is_control()).collect()
}

/// The innermost cause: the outer ones only name the URL again.
fn cause(error: &reqwest::Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut text = String::from("the request failed");
    while let Some(error) = source {
        text = error.to_string();
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str], listen: Option<&str>) -> Result<SocketAddr, String> {
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            health: HealthArguments,
        }
        let line = [&["health"], arguments].concat();
        let line: Line = clap::Parser::try_parse_from(line).map_err(|error| error.to_string())?;
        let environment =
            listen.map(|address| (LISTEN.to_owned(), address.to_owned())).into_iter().collect();
        address(&line.health, &environment).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn the_address_is_the_arguments_or_the_environments_or_the_default() {
        let address = |text: &str| Ok(text.parse().unwrap());
        assert_eq!(asked(&[], None), address("127.0.0.1:9464"));
        assert_eq!(asked(&[], Some("0.0.0.0:9000")), address("0.0.0.0:9000"));
        assert_eq!(asked(&["--address", "[::1]:1"], Some("0.0.0.0:9000")), address("[::1]:1"));
        assert!(asked(&[], Some("9464")).unwrap_err().contains("FLOORCAST_ADMIN__LISTEN"));
        assert!(asked(&["--address", "127.0.0.1:1", "--config", "x"], None).is_err());
        assert!(asked(&["--timeout", "0"], None).is_err());
    }

    #[test]
    fn an_unspecified_address_is_reached_by_loopback_of_its_family() {
        for (listen, reached) in [
            ("0.0.0.0:9464", "127.0.0.1:9464"),
            ("[::]:9464", "[::1]:9464"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), reached.parse().unwrap());
        }
    }

    #[test]
    fn an_answer_is_one_line_without_control_characters() {
        assert_eq!(one_line("ok\n"), "ok");
        assert_eq!(one_line("a\u{1b}[31mb\r\nc"), "a[31mb");
        assert_eq!(one_line(""), "");
    }
}
