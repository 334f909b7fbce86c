//! Which part of `src/` may use which: folders in one direction, and no circle among files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::documents::files;
use crate::structure::code;

/// The folders, each after all that it may use. `docs/architecture.md` shows the same order.
const ORDER: [&str; 23] = [
    "failpoints",
    "backoff",
    "secret",
    "model",
    "clock",
    "event",
    "detect",
    "store",
    "kafka",
    "ownership",
    "delivery",
    "telemetry",
    "source",
    "engine",
    "admin",
    "poll",
    "config",
    "shard",
    "consume",
    "bridge",
    "simulate",
    "cli",
    "main",
];

/// A module: its path below the crate, such as `["delivery", "relay"]`.
type Module = Vec<String>;

/// The modules of the program, with their code; those that exist only for tests are left out.
fn modules() -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    files(&root, "rs", &mut sources);
    let mut modules = BTreeMap::new();
    let mut for_tests = Vec::new();
    for path in sources {
        let below = path.strip_prefix(&root).unwrap().with_extension("");
        let module: Module =
            below.components().map(|part| part.as_os_str().to_str().unwrap().to_owned()).collect();
        let text = fs::read_to_string(&path).unwrap();
        let text = code(&text).collect::<Vec<_>>().join("\n");
        let own = if module == ["lib"] { Module::new() } else { module };
        let declared = text.split("#[cfg(test)]\n").skip(1);
        for_tests.extend(declared.filter_map(|after| {
            let name = after.split_once("mod ")?.1.split_once(';')?.0;
            let is_name = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
            is_name.then(|| [own.clone(), vec![name.to_owned()]].concat())
        }));
        modules.insert(own, text);
    }
    modules.retain(|module, _| !for_tests.iter().any(|tests| module.starts_with(tests)));
    modules
}

/// The paths that `use` declarations with this beginning name, braces written out.
fn used(text: &str, beginning: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for (at, _) in text.match_indices(beginning) {
        let is_start = text[..at].trim_end_matches(' ');
        if !(is_start.is_empty() || is_start.ends_with('\n')) {
            continue;
        }
        let tree = &text[at + beginning.len()..];
        let tree = tree.split(';').next().unwrap_or_default();
        expand(tree, &[], &mut all);
    }
    all
}

fn expand(tree: &str, before: &[String], all: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    let (head, rest) = match (tree.find("::"), tree.find('{')) {
        (Some(colons), brace) if brace.is_none_or(|brace| colons < brace) => {
            (tree[..colons].trim(), Some(&tree[colons + 2..]))
        }
        _ => (tree, None),
    };
    if let Some(rest) = rest {
        return expand(rest, &[before, &[head.to_owned()]].concat(), all);
    }
    let Some(inner) = head.strip_prefix('{').and_then(|head| head.strip_suffix('}')) else {
        let name = head.split(" as ").next().unwrap_or_default().trim();
        if name == "self" {
            all.push(before.to_vec());
        } else if !name.is_empty() {
            all.push([before, &[name.to_owned()]].concat());
        }
        return;
    };
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&inner[start..at], before, all);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&inner[start..], before, all);
}

/// Where a path leads: to the module that defines the item, through the re-exports on the way.
fn target(path: &[String], modules: &BTreeMap<Module, String>) -> Option<Module> {
    let mut at = Module::new();
    let mut rest = path.to_vec();
    while let Some(next) = rest.first() {
        let inner = [at.clone(), vec![next.clone()]].concat();
        if modules.contains_key(&inner) {
            at = inner;
            rest.remove(0);
            continue;
        }
        let text = modules.get(&at)?;
        let exports = ["pub use ", "pub(crate) use ", "pub(super) use ", "pub use self::"];
        let export = exports.iter().flat_map(|beginning| used(text, beginning)).find(|export| {
            export.last() == Some(next) && export.first().is_some_and(|first| first != "crate")
        });
        match export {
            Some(export) if export.len() > 1 => {
                rest = [export, rest[1..].to_vec()].concat();
                rest.retain(|part| part != "self");
            }
            _ => break,
        }
    }
    Some(at)
}

/// The paths in the code outside `use` declarations, such as `crate::a::b(1)` and `super::C`;
/// those that only limit who sees an item are left out.
fn inline_paths(text: &str) -> Vec<Vec<String>> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut all = Vec::new();
    for beginning in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(beginning) {
            let before = &text[..at];
            if before.ends_with(is_name) || before.ends_with("::") || before.ends_with("(in ") {
                continue;
            }
            let parts = text[at..].split("::").map(|part| {
                let end = part.find(|letter| !is_name(letter)).unwrap_or(part.len());
                (part[..end].to_owned(), end == part.len())
            });
            let mut path = Vec::new();
            for (name, may_continue) in parts {
                if !name.is_empty() {
                    path.push(name);
                }
                if !may_continue {
                    break;
                }
            }
            all.push(path);
        }
    }
    all
}

/// Where a path of a module leads; `None` for one that leaves the crate.
fn resolve(
    module: &Module,
    mut path: Vec<String>,
    modules: &BTreeMap<Module, String>,
) -> Option<Module> {
    let mut base = module.clone();
    match path.first().map(String::as_str) {
        Some("crate") => base.clear(),
        Some("super") => {
            base.pop();
        }
        Some("self") => {}
        _ => return None,
    }
    path.remove(0);
    while path.first().is_some_and(|part| part == "super") {
        base.pop();
        path.remove(0);
    }
    target(&[base, path].concat(), modules)
}

/// Which module uses which.
fn imports(modules: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut edges = BTreeMap::new();
    for (module, text) in modules {
        let declared =
            ["use ", "    use ", "        use "].map(|beginning| used(text, beginning)).concat();
        let paths = declared.into_iter().chain(inline_paths(text));
        let mut to: BTreeSet<_> = paths.filter_map(|path| resolve(module, path, modules)).collect();
        to.remove(module);
        to.remove(&Module::new());
        edges.insert(module.clone(), to);
    }
    edges
}

/// All that a module uses, directly or not.
fn reachable(module: &Module, edges: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<_> = edges[module].iter().collect();
    while let Some(next) = open.pop() {
        if reached.insert(next.clone()) {
            open.extend(edges.get(next).into_iter().flatten());
        }
    }
    reached
}

#[test]
fn folders_use_only_those_before_them() {
    let position = |folder: &str| ORDER.iter().position(|known| *known == folder);
    let modules = modules();
    let mut seen = 0;
    for (module, text) in &modules {
        let Some(folder) = module.first() else { continue };
        let own = position(folder).unwrap_or_else(|| panic!("{folder} is not in the order"));
        for (at, _) in text.match_indices("crate::") {
            let name = text[at + "crate::".len()..]
                .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .next()
                .unwrap_or_default();
            let Some(used) = position(name) else { continue };
            assert!(used <= own, "src/{} uses {name}", module.join("/"));
            seen += 1;
        }
    }
    assert!(seen > 300, "only {seen} uses were found");
}

#[test]
fn no_file_takes_part_in_an_import_circle() {
    let modules = modules();
    let edges = imports(&modules);
    let count: usize = edges.values().map(BTreeSet::len).sum();
    assert!(count > 300, "only {count} imports were found");
    let reached: BTreeMap<_, _> =
        edges.keys().map(|module| (module, reachable(module, &edges))).collect();
    let circle: Vec<_> = reached
        .iter()
        .filter(|(module, reached)| reached.contains(**module))
        .map(|(module, _)| {
            let with = edges[*module].iter().filter(|used| reached[*used].contains(*module));
            let with: Vec<_> = with.map(|used| used.join("/")).collect();
            format!("{} -> {}", module.join("/"), with.join(", "))
        })
        .collect();
    assert!(circle.is_empty(), "an import circle:\n{}", circle.join("\n"));
}

#[test]
fn a_use_declaration_is_written_out() {
    let text = "use crate::a::{b::{self, C}, D as E};\nuse super::f;\n";
    let paths: Vec<_> = used(text, "use ").iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["crate::a::b", "crate::a::b::C", "crate::a::D", "super::f"]);
}

#[test]
fn a_path_outside_use_declarations_is_read() {
    let text =
        "pub(in crate::a) fn f(x: super::b::C<u8>) { crate::d::e(self::g); other::crate_::h }";
    let paths: Vec<_> = inline_paths(text).iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["crate::d::e", "super::b::C", "self::g"]);
}
