# Recipes for development. `.ci/run` runs all checks at once and installs what is missing.

# Show the recipes
default:
    @just --list

# Format the code
fmt:
    cargo fmt

# Check format and lints, as CI does
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# Licences, duplicate versions and sources of the dependencies, as CI does (cargo install cargo-deny)
deny:
    cargo deny --locked check licenses bans sources

# Known vulnerabilities of the dependencies; reads the RustSec database from GitHub. Weekly, and before a release
advisories:
    cargo deny --locked check advisories

# All tests, with a real Kafka (Docker, or Java 17 and Maven)
test *FILTER:
    cargo test {{ FILTER }}

# The tests that need nothing but cargo
test-lib *FILTER:
    cargo test --lib {{ FILTER }}

# Fuzz the decoders: this many cases each, from this seed
fuzz cases="1000000" seed="1":
    FLOORCAST_FUZZ_CASES={{ cases }} FLOORCAST_FUZZ_SEED={{ seed }} cargo test --release --lib fuzzed

# The request budget over long times: so many accounts, so many simulated days each
budget accounts="1000" days="30":
    FLOORCAST_BUDGET_ACCOUNTS={{ accounts }} FLOORCAST_BUDGET_DAYS={{ days }} cargo test --release --lib accounts_with_all_their_streams

# Inject faults into a running bridge, this many rounds; --seed repeats a run
torture rounds="200" *ARGUMENTS:
    cargo run --release --features failpoints --example torture -- --rounds {{ rounds }} {{ ARGUMENTS }}

# Simulated vendors, a broker and the bridge, with a comparison of what happened and what was published
demo length="60s":
    cargo run --release -- demo --for {{ length }}

# Benchmarks
bench *FILTER:
    cargo bench {{ FILTER }}

# Everything that CI does
ci:
    .ci/run

# Check the Kubernetes manifests and the Helm chart (Go, Python)
kubernetes:
    .ci/kubernetes

# Check what the image and the systemd unit promise (root, strace, systemd)
packaging:
    cargo build --release
    packaging/check-rootfs
    packaging/check-service target/release/floorcast
