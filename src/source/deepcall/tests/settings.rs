//! The keys of an account, and each mistake in them.

use crate::config::{Config, Environment};

const START: &str = "[kafka]\nbootstrap_servers = \"b:1\"\ndeployment = \"d\"\n\
    [[account]]\nname = \"acme\"\nvendor = \"deepcall\"\n";
const URL: &str = "base_url = \"https://acme.example.com\"\n";
const SSID: &str = "ssid = { env = \"SSID\" }\n";
const USER: &str = "user_id = \"10000001\"\n";
const TOKEN: &str = "token = { file = \"/run/token\" }\n";

fn read(keys: &[&str]) -> Result<Config, Vec<String>> {
    let text = format!("{START}{}", keys.concat());
    Config::read("f.toml", &text, &Environment::default())
        .map_err(|mistakes| mistakes.all().iter().map(ToString::to_string).collect())
}

#[test]
fn an_account_has_a_session_or_a_user_with_a_token() {
    for keys in [&[URL, SSID][..], &[URL, USER, TOKEN]] {
        let config = read(keys).unwrap();
        let account = &config.accounts[0];
        assert_eq!(account.access.secrets().len(), 1);
        assert_eq!(account.access.to_string(), "https://acme.example.com/api/v2/Agent/list");
        // No limit is documented: the default is a cautious one.
        assert!((account.requests_per_second - 0.2).abs() < 1e-9);
    }
    let path = "path = \"/deepcall/api/v2/Agent/list/\"\n";
    let config = read(&[URL, SSID, path]).unwrap();
    let address = config.accounts[0].access.to_string();
    assert_eq!(address, "https://acme.example.com/deepcall/api/v2/Agent/list/");
}

#[test]
fn each_mistake_in_the_keys_of_deepcall_is_one_line_with_its_remedy() {
    let both = "account.ssid: set together with user_id or token; the vendor takes either alone: \
                leave it, or user_id and token, out";
    let cases: [(&[&str], &str); 12] = [
        (&[URL], "account.ssid: missing, and so are user_id and token; set it, or both of them"),
        (&[URL, SSID, USER, TOKEN], both),
        (&[URL, SSID, USER], both),
        (&[URL, SSID, TOKEN], both),
        (&[URL, USER], "account.token: missing, and there is a user_id; add it"),
        (&[URL, TOKEN], "account.user_id: missing, and there is a token; add it"),
        (&[SSID], "account.base_url: it is missing; set it: the vendor's address"),
        (&[URL, "ssid = \"abc\"\n"], "account.ssid: "),
        (&[URL, SSID, "path = \"api\"\n"], "account.path: it is no path that starts with '/'"),
        (&[URL, SSID, "path = \"/a?b=c\"\n"], "account.path: it is no path"),
        (&[URL, SSID, "api_prefix = \"/x\"\n"], "account.api_prefix: no such key"),
        (
            &["base_url = \"https://acme.example.com/api\"\n", SSID],
            "account.base_url: it holds a path; set path beside it",
        ),
    ];
    for (keys, expected) in cases {
        let mistakes = read(keys).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(mistakes[0].contains(expected), "{mistakes:?}");
        assert!(!mistakes[0].contains("abc"), "{mistakes:?}");
    }
}
