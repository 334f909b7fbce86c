//! The keys of an account of this vendor.

use super::{account_by, agent, envelope, scan_of};
use crate::config::{Config, Environment};
use crate::secret::Secret;
use crate::source::RowMemory;
use crate::source::http::Authorization;
use crate::source::loopback::VendorServer;

fn read(keys: &str) -> Result<Config, Vec<String>> {
    let text = format!(
        "[kafka]\nbootstrap_servers = \"localhost:9092\"\ndeployment = \"acme-bridge\"\n\
         [[account]]\nname = \"acme\"\nvendor = \"infobip\"\n{keys}"
    );
    let environment = Environment::default();
    Config::read("f.toml", &text, &environment)
        .map_err(|mistakes| mistakes.all().iter().map(ToString::to_string).collect())
}

#[test]
fn an_account_has_a_user_or_a_key_and_a_usual_address() {
    for keys in ["api_key = { env = \"K\" }", "username = \"u\"\npassword = { env = \"P\" }"] {
        let config = read(keys).unwrap();
        let account = &config.accounts[0];
        assert_eq!(account.access.to_string(), "https://api.infobip.com");
        assert_eq!(account.access.secrets().len(), 1);
        // A cautious rate: none is documented.
        assert!((account.requests_per_second - 0.2).abs() < 1e-9);
        assert!(!account.vendor.has_activity_log());
    }
    let own = "api_key = { env = \"K\" }\nbase_url = \"https://x1.api.infobip.example\"";
    let access = read(own).unwrap().accounts[0].access.to_string();
    assert_eq!(access, "https://x1.api.infobip.example");
}

#[test]
fn each_mistake_in_the_keys_of_infobip_is_one_line_with_its_remedy() {
    let cases = [
        ("", "account.api_key: missing, and so are username and password; set it, or both of them"),
        (
            "api_key = { env = \"K\" }\nusername = \"u\"\npassword = { env = \"P\" }",
            "account.api_key: set together with username or password; one of them is enough: leave \
             it, or username and password, out",
        ),
        ("username = \"u\"", "account.password: missing, and there is a username; add it"),
        (
            "password = { env = \"P\" }",
            "account.username: missing, and there is a password; add it",
        ),
        (
            "api_key = { env = \"K\" }\nbase_url = \"https://x.example/ccaas/1\"",
            "account.base_url: it holds a path; leave it out: the path is always the same",
        ),
        ("api_key = \"plain\"", "account.api_key: "),
    ];
    for (keys, expected) in cases {
        let mistakes = read(keys).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{keys}: {mistakes:?}");
        assert!(mistakes[0].contains(expected), "{mistakes:?}");
        assert!(!mistakes[0].contains("plain\""), "{mistakes:?}");
    }
}

#[tokio::test]
async fn a_user_is_sent_by_basic_authentication() {
    let vendor = VendorServer::answering(|_| envelope(&[agent(1)], &serde_json::json!(1))).await;
    let basic = Authorization::basic("u", &Secret::new("p")).unwrap();
    scan_of(&account_by(&vendor, basic), &RowMemory::default()).await.unwrap();
    assert_eq!(vendor.requests()[0].header("authorization").as_deref(), Some("Basic dTpw"));
}
