//! Fuzzing of the decoders: mutations of a corpus, the same in every run of a seed.
//!
//! A bounded run is a part of the tests. A long one is asked for by
//! `FLOORCAST_FUZZ_CASES=1000000 cargo test --release --lib fuzzed`, another one by
//! `FLOORCAST_FUZZ_SEED`. Inputs whose outcome was not seen before join the corpus of their run, so
//! that mutations go on from them. What makes a check fail is written to `target/fuzz`; moved to
//! `tests/fixtures/fuzz/TARGET` it is tried first in every run.

mod mutation;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use xxhash_rust::xxh3::xxh3_64;

pub(crate) use self::mutation::PLANTED;

/// Cases of a target in an ordinary run.
const CASES: u64 = 1_500;
/// Inputs that may join a corpus.
const MOST_NOVEL: usize = 2_000;
/// An input does not grow beyond this.
const LARGEST: usize = 64 << 10;

/// What a decoder made of an input.
pub(crate) struct Outcome {
    /// What kind of outcome it is: an input with a new one is worth mutating further.
    pub(crate) class: String,
    /// All of it: the same bytes have to give the same.
    pub(crate) whole: String,
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The inputs that once failed.
fn regressions(target: &str) -> Vec<Vec<u8>> {
    let directory =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz").join(target);
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Holds a decoder against its invariants, which `check` asserts: every input of the corpus, every
/// one that once failed, and as many mutations of them as are asked for.
pub(crate) fn run(
    target: &str,
    corpus: &[&[u8]],
    tokens: &[&str],
    check: impl Fn(&[u8]) -> Outcome,
) {
    let seed = number("FLOORCAST_FUZZ_SEED", 1);
    let cases = number("FLOORCAST_FUZZ_CASES", CASES);
    let mut random = StdRng::seed_from_u64(seed ^ xxh3_64(target.as_bytes()));
    let mut pool = regressions(target);
    pool.extend(corpus.iter().map(|input| input.to_vec()));
    let mut classes = HashSet::new();
    let attempt = |input: &[u8]| {
        let tried = catch_unwind(AssertUnwindSafe(|| {
            let (once, again) = (check(input), check(input));
            assert_eq!(once.whole, again.whole, "the same bytes, another outcome");
            once.class
        }));
        tried.unwrap_or_else(|_| {
            let directory =
                PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/fuzz").join(target);
            let file = directory.join(format!("{:016x}", xxh3_64(input)));
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(&file, input).unwrap();
            panic!("{target}: seed {seed}: the input is in {}", file.display());
        })
    };
    for input in &pool {
        classes.insert(attempt(input));
    }
    let known = pool.len();
    for _ in 0..cases {
        // Half of the time from what is valid: novel inputs are mostly broken ones.
        let whole = if random.random() { &pool[..known] } else { &pool };
        let base = whole.choose(&mut random).unwrap();
        let other = pool.choose(&mut random).unwrap();
        let mut input = mutation::mutate(base, other, tokens, &mut random);
        input.truncate(LARGEST);
        if classes.insert(attempt(&input)) && pool.len() < known + MOST_NOVEL {
            pool.push(input);
        }
    }
    // A run that only ever sees one outcome tests nothing.
    assert!(classes.len() > 3, "{target}: {classes:?}");
}
