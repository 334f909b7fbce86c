//! What each part of the tree may know of vendors: a vendor is a folder under `source/`, a part of
//! `simulate/`, a line of a table, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use floorcast::secret::SecretSource;
use floorcast::source::{SettingsReader, VENDORS};
use url::Url;

use crate::documents::files;

/// Words of the vendors' interfaces. Those that are also fields of the model are not among them.
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
pub(crate) fn code(text: &str) -> impl Iterator<Item = &str> {
    let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    own.lines().map(|line| line.split("//").next().unwrap_or_default())
}

/// Records which keys are read.
struct RecordedKeys(BTreeSet<String>);

impl RecordedKeys {
    fn note<T>(&mut self, name: &str) -> Option<T> {
        self.0.insert(name.to_owned());
        None
    }
}

impl SettingsReader for RecordedKeys {
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

/// What only a vendor's folder may name: names, keys of accounts, words.
fn vendors_words() -> BTreeSet<String> {
    let mut keys = RecordedKeys(BTreeSet::new());
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
        let below = path.strip_prefix(&root).unwrap().display().to_string();
        let knows = ["source/", "source.rs", "simulate/"].iter().any(|at| below.starts_with(at));
        let is_test = below.ends_with("tests.rs") || below.contains("/tests/");
        if knows || is_test {
            continue;
        }
        searched += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let named = naming(&text, &words);
        assert!(named.is_none(), "{below} names a vendor: {named:?}");
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

/// Folders in which no vendor's word is known: what they need of one is a normal form.
const NEUTRAL: [&str; 3] = ["detect", "engine", "model"];

/// The texts between quotes in the program's own code of a file.
fn literals(text: &str) -> Vec<String> {
    let code: String = code(text).flat_map(|line| [line, "\n"]).collect();
    let mut letters = code.chars();
    let mut literals = Vec::new();
    let mut open: Option<String> = None;
    let mut before = '\n';
    while let Some(letter) = letters.next() {
        match (&mut open, letter) {
            (Some(literal), '\\') => literal.extend(letters.next()),
            (Some(_), '"') => literals.extend(open.take()),
            (Some(literal), _) => literal.push(letter),
            (None, '"') if before != '\'' => open = Some(String::new()),
            (None, _) => {}
        }
        before = letter;
    }
    literals
}

fn is_part_of_a_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// The words of all vendors: those of their vocabularies, and the texts of their mappings that are
/// one word.
fn words_of_all_vendors() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut words: BTreeSet<_> =
        VENDORS.iter().flat_map(|vendor| vendor.vocabulary.words()).map(String::from).collect();
    let mut sources = Vec::new();
    files(&root.join("src/source"), "rs", &mut sources);
    sources.retain(|path| {
        let below = path.display().to_string();
        below.contains("/mapping") || below.ends_with("/vocabulary.rs")
    });
    assert!(sources.len() >= 6, "only {} mappings were read", sources.len());
    for path in sources {
        let texts = literals(&std::fs::read_to_string(path).unwrap()).into_iter();
        words.extend(texts.filter(|text| text.len() > 2 && text.chars().all(is_part_of_a_word)));
    }
    words
}

/// Words of vendors that are also ours, where they are not in a list of fields: the file, the word
/// and what it is there.
const OWN_WORDS: [(&str, &str, &str); 16] = [
    ("detect/activity.rs", "call", "the kind of an interaction in events"),
    ("detect/activity.rs", "chat", "the kind of an interaction in events"),
    ("detect/interactions.rs", "updated_at", "a field whose change is no event"),
    ("detect/interactions.rs", "wait_duration", "a field whose change is no event"),
    ("detect/interactions/call.rs", "call", "the channel in events"),
    ("detect/interactions/chat.rs", "chat", "the channel in events"),
    ("detect/interactions/context.rs", "transfer", "a part of the keys of steps"),
    ("model/identity.rs", "call", "a kind of entity in keys"),
    ("model/identity.rs", "chat", "a kind of entity in keys"),
    ("model/identity.rs", "status", "a kind of entity in keys"),
    ("model/identity.rs", "team", "a kind of entity in keys"),
    ("model/interaction_parts.rs", "type", "a field of a schema"),
    ("model/privacy/fields.rs", "activity", "a kind of record on the page on privacy"),
    ("model/privacy/fields.rs", "call", "a kind of record on the page on privacy"),
    ("model/privacy/fields.rs", "chat", "a kind of record on the page on privacy"),
    ("model/privacy/fields.rs", "team", "a kind of record on the page on privacy"),
];

/// The fields of our schemas.
fn fields_of_the_schemas() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut schemas = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas"), "avsc", &mut schemas);
    for path in schemas {
        let schema: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let fields = schema["fields"].as_array().into_iter().flatten();
        names.extend(fields.map(|field| field["name"].as_str().unwrap().to_owned()));
    }
    names
}

/// Where the code lists fields of our own records: how a list begins, and where it ends.
const FIELD_LISTS: [(&str, char); 4] =
    [(": &[&str] =", ';'), ("Coverage::Fields(&[", ']'), ("changed.push(", ')'), ("field!(", '|')];

/// Whether a constant is used only as a list of fields, and is compared with nothing.
fn is_list_of_fields(name: &str, code: &str) -> bool {
    code.match_indices(name).all(|(start, _)| {
        let line = code[..start].rfind('\n').map_or(0, |end| end + 1);
        let (before, after) = (&code[line..start], &code[start + name.len()..]);
        let is_other = before.ends_with(is_part_of_a_word) || after.starts_with(is_part_of_a_word);
        is_other
            || before.ends_with("Coverage::Fields(")
            || before.contains("field!(")
            || (before.ends_with("const ") && after.starts_with(": &[&str] ="))
    })
}

/// The program's own code of a file without its lists of fields. A list counts as one only if all
/// of its texts are fields of our schemas.
fn without_field_lists(text: &str, fields: &BTreeSet<String>) -> String {
    let mut code: String = code(text).flat_map(|line| [line, "\n"]).collect();
    let all = code.clone();
    for (beginning, end) in FIELD_LISTS {
        let mut from = 0;
        while let Some(start) = code[from..].find(beginning).map(|at| from + at) {
            from = start + beginning.len();
            let Some(end) = code[from..].find(end).map(|at| from + at) else { break };
            let mut names = literals(&code[from..end]).into_iter();
            let is_ours = names.all(|path| path.split('.').all(|name| fields.contains(name)));
            let constant = code[..start].rsplit(|letter| !is_part_of_a_word(letter)).next();
            let is_named = beginning.starts_with(':');
            if is_ours && (!is_named || constant.is_some_and(|name| is_list_of_fields(name, &all)))
            {
                code.replace_range(from..end, "");
            }
        }
    }
    code
}

/// The vendor's word in a text. One that is also an English word has to be all of the text,
/// but for its placeholders and punctuation; others, and the beginnings and ends of such words, are
/// noticed anywhere in it.
fn vendors_word<'a>(text: &str, words: &'a BTreeSet<String>) -> Option<&'a String> {
    let is_name = |word: &str| word.contains(|letter: char| !letter.is_ascii_lowercase());
    let whole = |start: usize, word: &str| {
        let ends = [text[..start].chars().next_back(), text[start + word.len()..].chars().next()];
        ends.into_iter().flatten().all(|letter| !is_part_of_a_word(letter))
    };
    let mut bare = text.to_owned();
    while let Some((start, end)) = bare.find('{').zip(bare.find('}')).filter(|(from, to)| from < to)
    {
        bare.replace_range(start..=end, "");
    }
    let bare = bare.trim_matches(|letter| !is_part_of_a_word(letter));
    words.iter().find(|word| {
        let word = word.as_str();
        let is_end = bare.len() > 2 && (bare.starts_with('_') || bare.ends_with('_'));
        bare == word
            || (is_end && word.contains(bare))
            || (is_name(word) && text.match_indices(word).any(|(start, _)| whole(start, word)))
    })
}

/// The program's own files of the neutral folders, by their paths below `src/`, with their texts.
fn neutral_files() -> Vec<(String, String)> {
    let mut neutral = Vec::new();
    for folder in NEUTRAL {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut sources = vec![root.join(format!("{folder}.rs"))];
        files(&root.join(folder), "rs", &mut sources);
        for path in sources {
            let below = path.strip_prefix(&root).unwrap().display().to_string();
            if below.ends_with("tests.rs") || below.contains("/tests/") {
                continue;
            }
            neutral.push((below, std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(neutral.len() > 45, "only {} files were found", neutral.len());
    neutral
}

#[test]
fn detection_the_engine_and_the_model_know_no_vendors_word() {
    let words = words_of_all_vendors();
    assert!(words.len() > 160, "only {} words are known", words.len());
    let fields = fields_of_the_schemas();
    let mut unused = OWN_WORDS.to_vec();
    for (path, text) in neutral_files() {
        for literal in literals(&without_field_lists(&text, &fields)) {
            let Some(word) = vendors_word(&literal, &words) else { continue };
            let is_same = |own: &(&str, &str, &str)| (own.0, own.1) == (&path, &literal);
            assert!(OWN_WORDS.iter().any(is_same), "{path} has {word:?} in {literal:?}");
            unused.retain(|own| !is_same(own));
        }
    }
    assert!(unused.is_empty(), "remove {unused:?}");
}

/// A name of a vendor or of its product in a comment.
fn vendor_in_a_comment(text: &str) -> Option<&str> {
    let names: Vec<_> = VENDORS.iter().map(|vendor| vendor.name).chain(["ujet"]).collect();
    text.lines().filter_map(|line| line.split_once("//")).map(|(_, comment)| comment).find(|line| {
        let line = line.to_lowercase();
        names.iter().any(|name| line.contains(name))
    })
}

#[test]
fn no_comment_of_detection_the_engine_and_the_model_names_a_vendor() {
    for (path, text) in neutral_files() {
        let comment = vendor_in_a_comment(&text);
        assert!(comment.is_none(), "{path} names a vendor: {comment:?}");
    }
    assert!(vendor_in_a_comment("/// A queue (at CCAI: a menu).\n").is_some());
    assert!(vendor_in_a_comment("let id = 1; // as Infobip does\n").is_some());
    assert!(vendor_in_a_comment("/// A queue.\nlet ccai = 1;\n").is_none());
}

#[test]
fn a_vendors_word_in_a_text_is_noticed() {
    let (words, fields) = (words_of_all_vendors(), fields_of_the_schemas());
    let all = |line: &str| {
        let text = format!("fn detect() {{\n    {line}\n}}\n");
        let literals = literals(&without_field_lists(&text, &fields));
        literals.iter().any(|literal| vendors_word(literal, &words).is_some())
    };
    for line in [
        "matches!(status, \"queued\" | \"ringing\")",
        "row.activity == \"user_status_changed\"",
        "activity.ends_with(\"_missed\")",
        "reason.starts_with(\"eu_\")",
        "Some(\"not_in_sla\") => breach(),",
        "word != \"no_deflection\"",
        "format!(\"finished:{key}\")",
        "Some(\"Voice Inbound (IVR)\") => Direction::Inbound,",
        "value[\"outgoingEnabled\"]",
        "error!(\"the vendor said deltacast_call_missed again\")",
        "if status == \"INVISIBLE\" {",
        "if status == \"deleted\" {",
        "matches!(status, \"active\")",
        "Some(\"deflection\") => deflected(),",
        "let name = \"status\";",
        "let kind = \"call\";",
        "const GONE: &[&str] = &[\"deleted\"];\n    let gone = GONE.contains(&status);",
        "const FIELDS: &[&str] = &[\"status\", \"ringing\"];",
    ] {
        assert!(all(line), "{line}");
    }
    for line in [
        "Self::Queued => queued(),",
        "// \"queued\" is the vendor's word",
        "#[error(\"the local store failed: {0}\")]",
        "const FIELDS: &[&str] = &[\"status\", \"queue_durations\", \"queued_at\"];",
        "steps.add(key, Coverage::Fields(&[\"status\", \"deflection\"]));",
        "field!(Agents, \"transfers.from_agent\", REFERENCE, |record| Vec::new());",
        "changed.push(\"teams\");",
        "let quote = '\"'; let queued = true;",
    ] {
        assert!(!all(line), "{line}");
    }
}
