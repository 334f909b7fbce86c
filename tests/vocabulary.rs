//! The words of the field: retired words stay out of code, configuration and pages.

use std::fs;
use std::path::Path;

use crate::documents::files;

/// Words that were replaced, each with the word to use.
const RETIRED: [(&str, &str); 17] = [
    ("sweep", "full scan"),
    ("swept", "scanned"),
    ("first look", "baseline"),
    ("set aside", "quarantined, or moved aside"),
    ("sets aside", "quarantines"),
    ("stepped over", "skipped"),
    ("told", "emitted, or published"),
    ("asks nobody", "sends no vendor requests"),
    ("last word", "last owner record"),
    ("sign of life", "heartbeat"),
    ("stands by", "is on standby"),
    ("standing by", "standby"),
    ("misasked", "unsupported request"),
    ("shipment", "transaction batch"),
    ("falls silent", "sends no heartbeat"),
    ("said loudly", "logged as an error"),
    ("in doubt", "uncertain"),
];

/// Where a line has one of these words as a whole word.
fn retired_words(text: &str) -> Vec<(usize, &'static str, &'static str)> {
    let mut found = Vec::new();
    // Stored names stay as they are.
    let lines = text.lines().enumerate().filter(|(_, line)| !line.contains("\"first_look\""));
    for (number, line) in lines {
        let words: String = line
            .to_lowercase()
            .chars()
            .map(|letter| if letter.is_alphanumeric() { letter } else { ' ' })
            .collect();
        let words = format!(" {} ", words.split_whitespace().collect::<Vec<_>>().join(" "));
        for (word, instead) in RETIRED {
            if [word.to_owned(), format!("{word}s")]
                .iter()
                .any(|word| words.contains(&format!(" {word} ")))
            {
                found.push((number + 1, word, instead));
            }
        }
    }
    found
}

#[test]
fn retired_words_are_in_no_source_configuration_or_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for (folder, ending) in [("src", "rs"), ("config", "toml"), ("docs", "md"), ("benches", "rs")] {
        files(&root.join(folder), ending, &mut paths);
    }
    assert!(paths.len() > 200, "only {} files are searched", paths.len());
    let mut found = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let place = path.strip_prefix(root).unwrap().display().to_string();
        found.extend(
            retired_words(&text).into_iter().map(|(line, word, instead)| {
                format!("{place}:{line}: \"{word}\": use \"{instead}\"")
            }),
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_retired_word_is_found_as_a_whole_word_in_names_and_sentences() {
    for line in ["// A full sweep.", "fn complete_sweep() {", "it was Told", "the first look"] {
        assert_eq!(retired_words(line).len(), 1, "{line}");
    }
    for line in ["untold", "first looked", "aside"] {
        assert_eq!(retired_words(line).len(), 0, "{line}");
    }
}
