//! Mutations of bytes, of tokens that decoders look for, and of JSON values.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

/// A text that is put into inputs, and must not appear in an error.
pub(crate) const PLANTED: &str = "Planted-7f3a";

/// Tokens that are inserted anywhere.
const TOKENS: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "0",
    "-1",
    "1e400",
    "-0.0",
    "99999999999999999999999",
    "\"\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"0000-01-01T00:00:00Z\"",
    "\"294276-12-31T23:59:59Z\"",
    "\"2026-03-01T12:00:00.000+0000\"",
    "\"2026-12-31T23:59:60Z\"",
    "[[[[[[[[",
    "{\"id\":",
    ",",
    "\u{feff}",
    "\u{202e}",
];

/// The input, changed once or several times.
pub(super) fn mutate(base: &[u8], other: &[u8], tokens: &[&str], random: &mut StdRng) -> Vec<u8> {
    let mut input = base.to_vec();
    for _ in 0..random.random_range(1..4) {
        input = match random.random_range(0..3) {
            0 => json_mutation(&input, other, random).unwrap_or(input),
            1 => insert_token(input, tokens, random),
            _ => mutate_bytes(input, other, random),
        };
    }
    input
}

fn position(input: &[u8], random: &mut StdRng) -> usize {
    // The first bytes decide how the rest is read.
    if random.random_ratio(1, 8) { 0 } else { random.random_range(0..=input.len()) }
}

fn insert_token(mut input: Vec<u8>, tokens: &[&str], random: &mut StdRng) -> Vec<u8> {
    let all: Vec<_> = tokens.iter().chain(TOKENS).chain(&[PLANTED]).collect();
    let token = all.choose(random).map_or("", |token| token);
    let start = position(&input, random);
    let end = (start + random.random_range(0..8)).min(input.len());
    input.splice(start..end, token.bytes());
    input
}

fn mutate_bytes(mut input: Vec<u8>, other: &[u8], random: &mut StdRng) -> Vec<u8> {
    let start = position(&input, random);
    let end = (start + random.random_range(0..32)).min(input.len());
    match random.random_range(0..6) {
        0 => {
            if let Some(byte) = input.get_mut(start) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(start) {
                *byte = random.random();
            }
        }
        2 => drop(input.drain(start..end)),
        3 => {
            let stretch = input[start..end].to_vec();
            let at = position(&input, random);
            input.splice(at..at, stretch);
        }
        4 => input.truncate(start),
        _ => {
            let from = position(other, random);
            let to = (from + random.random_range(0..64)).min(other.len());
            input.splice(start..end, other[from..to].iter().copied());
        }
    }
    input
}

/// How many values a tree has.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// The value with this number, in depth-first order.
fn nth<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(fields) => fields.values_mut().find_map(|field| nth(field, left)),
        _ => None,
    }
}

fn any(value: &mut Value, random: &mut StdRng) -> Option<Value> {
    let mut number = random.random_range(0..count(value));
    nth(value, &mut number).cloned()
}

fn unusual_value(random: &mut StdRng) -> Value {
    match random.random_range(0..15) {
        0 => Value::Null,
        1 => json!(random.random::<bool>()),
        2 => json!(random.random::<i64>()),
        3 => json!(u64::MAX),
        4 => json!(random.random::<f64>() * 1e300),
        5 => json!(format!("{PLANTED} {}", random.random::<u16>())),
        6 => json!("x".repeat(random.random_range(0..400))),
        7 => json!([PLANTED]),
        8 => json!({ PLANTED: PLANTED }),
        9 => json!("2026-03-01T12:00:00.000Z"),
        10 => json!("+294276-12-31T23:59:59Z"),
        11 => json!("0000-01-01T00:00:00.000Z"),
        12 => json!(format!("\u{0}\n{PLANTED}")),
        13 => json!(random.random_range(-12..12)),
        _ => (0..random.random_range(1..140)).fold(json!(1), |inner, _| json!([inner])),
    }
}

fn json_mutation(input: &[u8], other: &[u8], random: &mut StdRng) -> Option<Vec<u8>> {
    let mut tree: Value = serde_json::from_slice(input).ok()?;
    let new = match random.random_range(0..4) {
        0 => any(&mut tree, random)?,
        1 => any(&mut serde_json::from_slice(other).ok()?, random)?,
        _ => unusual_value(random),
    };
    let mut number = random.random_range(0..count(&tree));
    let target = nth(&mut tree, &mut number)?;
    match (target, random.random_range(0..4)) {
        (Value::Array(items), 0) => items.push(new),
        (Value::Array(items), 1) => drop(items.pop()),
        (Value::Object(fields), 0 | 1) => {
            let names: Vec<_> = fields.keys().cloned().collect();
            fields.remove(names.choose(random)?);
        }
        (Value::Object(fields), 2) => {
            let names: Vec<_> = fields.keys().cloned().collect();
            fields.insert(names.choose(random)?.clone(), new);
        }
        (target, _) => *target = new,
    }
    serde_json::to_vec(&tree).ok()
}
