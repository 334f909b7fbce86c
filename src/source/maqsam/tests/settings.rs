//! The keys of an account of this vendor.

use crate::config::{Config, Environment};

fn read(keys: &str) -> Result<Config, Vec<String>> {
    let text = format!(
        "[kafka]\nbootstrap_servers = \"localhost:9092\"\ndeployment = \"acme-bridge\"\n\
         [[account]]\nname = \"acme\"\nvendor = \"maqsam\"\n{keys}"
    );
    let environment = Environment::default();
    Config::read("f.toml", &text, &environment)
        .map_err(|mistakes| mistakes.all().iter().map(ToString::to_string).collect())
}

#[test]
fn an_account_has_an_access_key_and_a_usual_address() {
    let keys = "username = \"key\"\npassword = { env = \"P\" }";
    let config = read(keys).unwrap();
    let account = &config.accounts[0];
    assert_eq!(account.access.to_string(), "https://api.maqsam.com");
    assert_eq!(account.access.secrets().len(), 1);
    // A cautious rate: none is documented.
    assert!((account.requests_per_second - 0.2).abs() < 1e-9);
    assert!(!account.vendor.has_activity_log());
    let own = format!("{keys}\nbase_url = \"https://maqsam.example\"");
    assert_eq!(read(&own).unwrap().accounts[0].access.to_string(), "https://maqsam.example");
}

#[test]
fn each_mistake_in_the_keys_of_maqsam_is_one_line_with_its_remedy() {
    let cases = [
        (
            "password = { env = \"P\" }",
            "account.username: it is missing; set it: the id of the access key",
        ),
        ("username = \"key\"", "account.password: "),
        ("username = \"key\"\npassword = \"plain\"", "account.password: "),
        (
            "username = \"key\"\npassword = { env = \"P\" }\nbase_url = \"https://m.example/v1\"",
            "account.base_url: it holds a path; leave it out: the path is always the same",
        ),
    ];
    for (keys, expected) in cases {
        let mistakes = read(keys).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{keys}: {mistakes:?}");
        assert!(mistakes[0].contains(expected), "{mistakes:?}");
        assert!(!mistakes[0].contains("plain\""), "{mistakes:?}");
    }
}
