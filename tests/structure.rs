//! What a part of the tree may know: a vendor is a folder under `source/`, a part of `simulate/`, a
//! line of a table, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use floorcast::secret::SecretSource;
use floorcast::source::{SettingsReader, VENDORS};
use url::Url;

use crate::documents::files;

/// Words of the vendors' interfaces. What the model took over from one of them is not among them.
const WORDS: [&str; 12] = [
    "agent_activity_logs",
    "call_pass",
    "ccaas",
    "displayname",
    "dest_type",
    "isdeleted",
    "manager/api",
    "outgoingenabled",
    "requesterror",
    "totalitems",
    "unique_id",
    "agent/list",
];
/// Keys of accounts that mean the same at several vendors, or elsewhere.
const COMMON_KEYS: [&str; 6] = ["base_url", "password", "path", "token", "user_id", "username"];

/// The program's own code of a file: neither its comments nor its tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    own.lines().map(|line| line.split("//").next().unwrap_or_default())
}

/// Notes which keys are asked for.
struct Asked(BTreeSet<String>);

impl Asked {
    fn note<T>(&mut self, name: &str) -> Option<T> {
        self.0.insert(name.to_owned());
        None
    }
}

impl SettingsReader for Asked {
    fn text(&mut self, name: &str) -> Option<String> {
        self.note(name)
    }

    fn required_text(&mut self, name: &str, _: &str) -> Option<String> {
        self.note(name)
    }

    fn secret(&mut self, name: &str) -> Option<SecretSource> {
        self.note(name)
    }

    fn required_secret(&mut self, name: &str) -> Option<SecretSource> {
        self.note(name)
    }

    fn is_there(&self, _: &str) -> bool {
        false
    }

    fn mistake(&mut self, _: &str, _: &str, _: &str) {}

    fn base_url(&mut self, _: Option<&str>, _: Option<&str>) -> Option<Url> {
        self.note("base_url")
    }
}

/// What only a vendor's folder may say: names, keys of accounts, words.
fn vendors_words() -> BTreeSet<String> {
    let mut keys = Asked(BTreeSet::new());
    for vendor in VENDORS {
        (vendor.settings)(&mut keys);
    }
    let keys = keys.0.into_iter().filter(|key| !COMMON_KEYS.contains(&key.as_str()));
    let names = VENDORS.iter().map(|vendor| vendor.name.to_owned());
    keys.chain(names).chain(WORDS.map(String::from)).collect()
}

/// The first line of the program's own code with one of these words.
fn naming<'a>(text: &'a str, words: &BTreeSet<String>) -> Option<&'a str> {
    code(text).find(|line| {
        let line = line.to_lowercase();
        words.iter().any(|word| line.contains(word.as_str()))
    })
}

#[test]
fn outside_its_folder_nothing_knows_a_vendors_name_or_its_words() {
    let words = vendors_words();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    files(&root, "rs", &mut sources);
    let mut searched = 0;
    for path in sources {
        let place = path.strip_prefix(&root).unwrap().display().to_string();
        let knows = ["source/", "source.rs", "simulate/"].iter().any(|at| place.starts_with(at));
        let is_test = place.ends_with("tests.rs") || place.contains("/tests/");
        if knows || is_test {
            continue;
        }
        searched += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let named = naming(&text, &words);
        assert!(named.is_none(), "{place} names a vendor: {named:?}");
    }
    assert!(searched > 80, "only {searched} files were searched");
}

#[test]
fn a_vendors_name_key_or_word_outside_its_folder_is_noticed() {
    let words = vendors_words();
    for key in ["api_prefix", "api_key", "ssid"] {
        assert!(words.contains(key), "{key} is a vendor's own: {words:?}");
    }
    let named = |line: &str| naming(&format!("fn ask() {{\n    {line}\n}}\n"), &words).is_some();
    for line in [
        "if vendor.name == \"deepcall\" {",
        "let prefix = keys.text(\"api_prefix\");",
        "Ccai::new()",
        "url.set_path(\"/ccaas/1/agents\");",
        "row.flag(\"isDeleted\")",
    ] {
        assert!(named(line), "{line}");
    }
    for line in ["// as Infobip does", "let vendor = account.vendor.name;", "let password = x;"] {
        assert!(!named(line), "{line}");
    }
}
