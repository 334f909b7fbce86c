# The recipes that are used every day; `.ci/run` runs the first ones in this order.

# Format and lint
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# All tests, with a real Kafka
test:
    cargo test

# The tests that need nothing else
test-lib:
    cargo test --lib

# A simulated contact centre, a broker and the bridge, for a minute, with a verdict
demo:
    cargo run --release -- demo --for 60s

# Each part beside its limit
bench:
    cargo bench
