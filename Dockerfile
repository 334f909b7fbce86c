# The image: floorcast on an empty root, with only the files that it needs to run.
#
#   docker build -t registry.example.com/floorcast:0.1.0 \
#     --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" \
#     --build-arg CREATED="$(date -u +%Y-%m-%dT%H:%M:%SZ)" .
#
# The debug symbols, for crash reports and profilers:
#   docker build --target debug-symbols --output type=local,dest=symbols .
#
# A release pins the base by digest: --build-arg RUST_IMAGE=docker.io/library/rust@sha256:…
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm

FROM ${RUST_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends binutils ca-certificates g++ make perl \
    && rm -rf /var/lib/apt/lists/*
# Writes the list of all crates into the binary, where `cargo audit bin`, Trivy, Grype and Syft find
# it: the SBOM goes where the binary goes.
RUN cargo install --locked --root /usr/local cargo-auditable@0.7.7
WORKDIR /source
COPY . .
# Without the registry, a change of the source alone downloads nothing again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo auditable build --release --locked --bin floorcast \
    && packaging/rootfs target/release/floorcast /out

FROM scratch AS debug-symbols
COPY --from=build /out/debug/ /

FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="floorcast" \
      org.opencontainers.image.description="Polls contact centres and publishes every change as a typed Avro event on Kafka" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /out/root/ /
# Numeric, so that runAsNonRoot can be checked.
USER 65532:65532
# The pages are of use only outside of the container, and `floorcast health` reads the address too.
ENV FLOORCAST_ADMIN__LISTEN=0.0.0.0:9464 \
    FLOORCAST_STATE__DIR=/var/lib/floorcast
EXPOSE 9464
VOLUME ["/var/lib/floorcast"]
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["/usr/bin/floorcast", "health"]
ENTRYPOINT ["/usr/bin/floorcast"]
CMD ["run", "--config", "/etc/floorcast/floorcast.toml"]
