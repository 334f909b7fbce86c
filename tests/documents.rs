//! The pages under `docs/` name tests that exist: a claim whose test is gone is noticed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use floorcast::source::VENDORS;

/// The files below a directory with this extension.
pub(crate) fn files(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

/// The names of all tests of the repository's Rust files.
fn tests(root: &Path) -> BTreeSet<String> {
    let mut sources = Vec::new();
    for directory in ["src", "tests"] {
        files(&root.join(directory), "rs", &mut sources);
    }
    sources.iter().flat_map(|source| tests_of(&fs::read_to_string(source).unwrap())).collect()
}

/// The names of the functions that carry `#[test]` or `#[tokio::test]`, on a line of its own as
/// rustfmt leaves it; further attributes and comments may stand between.
pub(crate) fn tests_of(source: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line == "#[test]" || line == "#[tokio::test]" || line.starts_with("#[tokio::test(") {
            is_test = true;
        } else if let Some(name) = function_name(line) {
            if is_test {
                tests.push(name.to_owned());
            }
            is_test = false;
        } else if line.is_empty() || line.ends_with(['{', '}', ';']) {
            is_test = false;
        }
    }
    tests
}

/// The name of the function whose first line this is.
fn function_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let (name, _) = line.strip_prefix("fn ")?.split_once(['(', '<'])?;
    Some(name)
}

/// The tests that a page's tables name in backticks, in a last column `test`.
fn named_tests(page: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut in_table = false;
    for line in page.lines() {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            in_table = false;
            continue;
        };
        let last = row.rsplit('|').next().unwrap_or_default();
        if last.trim() == "test" {
            in_table = true;
        } else if in_table {
            tests.extend(last.split('`').skip(1).step_by(2).map(String::from));
        }
    }
    tests
}

#[test]
fn every_test_that_a_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = tests(root);
    let mut pages = Vec::new();
    files(&root.join("docs"), "md", &mut pages);
    // A macro generates its tests from a table; tests/hostile.rs compares the page with that table.
    pages.retain(|page| !page.ends_with("hostile.md"));
    let mut named = 0;
    let mut missing = Vec::new();
    for page in pages {
        for test in named_tests(&fs::read_to_string(&page).unwrap()) {
            named += 1;
            if !tests.contains(&test) {
                missing.push(format!("{}: no test {test}", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(named > 40, "only {named} tests are named: are the tables still read?");
}

#[test]
fn only_a_function_that_is_marked_as_a_test_is_one() {
    let source = "
        fn helper() {}
        #[test]
        fn plain() {}
        #[test]
        #[cfg(unix)]
        // A comment.
        fn with_attributes() {}
        #[tokio::test(
            flavor = \"multi_thread\",
        )]
        async fn on_threads() {
            fn inner() {}
        }
        proptest! {
            #[test]
            fn from_cases(number in 0..9_u8) {}
        }
        #[cfg(test)]
        mod tests {
            fn made() {}
        }
        #[test]
        const NAME: &str = \"fn name()\";
        fn after() {}";
    assert_eq!(tests_of(source), ["plain", "with_attributes", "on_threads", "from_cases"]);
    let page = "| claim | test |\n|---|---|\n| one | `plain` |\n| other | `helper` |\n";
    let known: BTreeSet<_> = tests_of(source).into_iter().collect();
    let unknown: Vec<_> =
        named_tests(page).into_iter().filter(|test| !known.contains(test)).collect();
    assert_eq!(unknown, ["helper"]);
}

/// The code blocks of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            found.push(
                lines.by_ref().take_while(|line| *line != "```").collect::<Vec<_>>().join("\n"),
            );
        }
    }
    found
}

#[test]
fn the_page_on_adding_a_vendor_shows_the_code_that_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let code = read("src/source/parley.rs") + &read("src/source/vendors.rs");
    let blocks = blocks(&read("docs/adding-a-vendor.md"), "rust");
    assert!(blocks.len() > 6, "are the blocks still read?");
    for block in blocks {
        assert!(code.contains(&block), "the code has no\n{block}");
    }
}

#[test]
fn the_readme_and_a_page_of_its_own_describe_every_vendor() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for vendor in VENDORS {
        let page = format!("docs/{}.md", vendor.name);
        let line = format!("| [`{}`]({page})", vendor.name);
        assert!(readme.lines().any(|row| row.starts_with(&line)), "no line of {}", vendor.name);
        let text = fs::read_to_string(root.join(&page)).unwrap_or_default();
        assert!(text.contains(&format!("vendor = \"{}\"", vendor.name)), "{page} has no example");
        for stream in vendor.streams() {
            assert!(text.contains(&format!("`{}`", stream.name)), "{page}: no {}", stream.name);
        }
    }
}
