//! A malicious or broken vendor. Whatever it answers, the bridge keeps running, publishes no change
//! because of it, shows no secret, and recovers by itself once the vendor answers correctly again.
//!
//! `docs/hostile.md` lists the bad answers.

mod bad_answers;
mod cases;
mod footprint;
mod recovery;
mod rosters;
mod vendor;

use std::collections::BTreeSet;
use std::path::Path;

use crate::documents::tests_of;
use crate::support::repository_file;

/// Appends the sources below a directory.
fn sources(directory: &Path, all: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn the_page_on_hostile_vendors_names_every_test_and_only_existing_ones() {
    let page = std::fs::read_to_string(repository_file("docs/hostile.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.matches('_').count() > 3
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let named: BTreeSet<_> = quoted.filter(is_name).collect();
    let missing: Vec<_> = cases::NAMES.iter().filter(|name| !named.contains(*name)).collect();
    assert!(missing.is_empty(), "the page lacks {missing:?}");
    let mut all = String::new();
    sources(&repository_file("src"), &mut all);
    sources(&repository_file("tests/hostile"), &mut all);
    let tests: BTreeSet<_> = tests_of(&all).into_iter().collect();
    // Macros define the cases and the tests of endpoints.
    let declared = |name: &str| {
        cases::NAMES.contains(&name)
            || tests.contains(name)
            || all.contains(&format!("    {name}, \""))
    };
    let unknown: Vec<_> = named.iter().filter(|name| !declared(name)).collect();
    assert!(unknown.is_empty(), "no such test: {unknown:?}");
    let fuzzed = all.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let fuzzed = fuzzed.filter(|word| word.starts_with("fuzzed_"));
    let unnamed: BTreeSet<_> = fuzzed.filter(|word| !named.contains(word)).collect();
    assert!(unnamed.is_empty(), "the page lacks {unnamed:?}");
}
