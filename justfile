# The recipes of everyday work. `.ci/run` does the same in one go, and installs what is missing.

# Show the recipes
default:
    @just --list

# Put the code in its form
fmt:
    cargo fmt

# Check form and lints, as CI does
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# All tests, with a real Kafka (Docker, or Java 17 and Maven)
test *FILTER:
    cargo test {{ FILTER }}

# The tests that need nothing but cargo
test-lib *FILTER:
    cargo test --lib {{ FILTER }}

# Fuzz the decoders for long: so many cases each, by this seed
fuzz cases="1000000" seed="1":
    FLOORCAST_FUZZ_CASES={{ cases }} FLOORCAST_FUZZ_SEED={{ seed }} cargo test --release --lib fuzzed

# The request budget over long times: so many accounts, so many simulated days each
budget accounts="1000" days="30":
    FLOORCAST_BUDGET_ACCOUNTS={{ accounts }} FLOORCAST_BUDGET_DAYS={{ days }} cargo test --release --lib accounts_with_all_their_streams

# Torment the bridge: so many faults; without a seed, by one of its own
torture rounds="200" *ARGUMENTS:
    cargo run --release --features failpoints --example torture -- --rounds {{ rounds }} {{ ARGUMENTS }}

# The simulated vendors, a broker and the bridge, with a verdict at the end
demo length="60s":
    cargo run --release -- demo --for {{ length }}

# Measure
bench *FILTER:
    cargo bench {{ FILTER }}

# Everything that CI does
ci:
    .ci/run
