//! What a part of the tree may know: a vendor is a folder under `source/`, a part of `simulate/`, a
//! line of a table, and nothing else.

use std::path::Path;

use floorcast::source::VENDORS;

use crate::documents::files;

/// The program's own code of a file: neither its comments nor its tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    own.lines().map(|line| line.split("//").next().unwrap_or_default())
}

#[test]
fn outside_its_folder_nothing_knows_a_vendors_name() {
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
        for line in code(&std::fs::read_to_string(&path).unwrap()) {
            let line = line.to_lowercase();
            let named = VENDORS.iter().find(|vendor| line.contains(vendor.name));
            assert!(named.is_none(), "{place} names a vendor: {line}");
        }
    }
    assert!(searched > 80, "only {searched} files were searched");
}
