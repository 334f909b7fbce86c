//! Fuzzing of the decoders: mutations of a corpus, deterministic for a seed.
//!
//! A bounded run is part of the tests. For a long one, run
//! `FLOORCAST_FUZZ_CASES=1000000 cargo test --release --lib fuzzed`; `FLOORCAST_FUZZ_SEED` sets the
//! seed. Inputs with a new outcome are added to the corpus of their run and mutated further. An
//! input that makes a check fail is written to `target/fuzz`; moved to `tests/fixtures/fuzz/TARGET`
//! it is a regression test of every run.

mod mutation;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use xxhash_rust::xxh3::xxh3_64;

pub(crate) use self::mutation::PLANTED;

/// Mutations per target, unless `FLOORCAST_FUZZ_CASES` is set.
const CASES: u64 = 1_500;
/// The most inputs that a run adds to its corpus.
const MAX_ADDED: usize = 2_000;
/// The largest input, in bytes.
const MAX_BYTES: usize = 64 << 10;

/// The outcome of decoding an input.
pub(crate) struct Outcome {
    /// The kind of outcome: an input with a new kind is added to the corpus.
    pub(crate) class: String,
    /// The whole outcome: the same bytes have to give the same.
    pub(crate) whole: String,
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Inputs that failed in an earlier run.
fn regressions(target: &str) -> Vec<Vec<u8>> {
    let directory =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz").join(target);
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Tests the invariants of a decoder, which `check` asserts, with every input of the corpus, every
/// input that failed in an earlier run, and mutations of them.
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
            assert_eq!(once.whole, again.whole, "the same bytes have two outcomes");
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
        // Half of the mutations start from the original corpus: added inputs are mostly invalid.
        let bases = if random.random() { &pool[..known] } else { &pool };
        let base = bases.choose(&mut random).unwrap();
        let other = pool.choose(&mut random).unwrap();
        let mut input = mutation::mutate(base, other, tokens, &mut random);
        input.truncate(MAX_BYTES);
        if classes.insert(attempt(&input)) && pool.len() < known + MAX_ADDED {
            pool.push(input);
        }
    }
    // A run with hardly any different outcomes tests nothing.
    assert!(classes.len() > 3, "{target}: {classes:?}");
}
