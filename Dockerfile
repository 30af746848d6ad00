# The gateway and what it needs to run, nothing else: no shell, no package manager. tests/deploy/image.py takes these steps
# without an engine, so they stay plain: COPY, RUN, and no mounts.
FROM rust:1.95-bookworm AS build
# sbom.py's; the image has it, this says that it must.
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies first, with a program that is empty: this layer is built again only when they change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/bench/fastpath \
    && echo 'fn main() {}' | tee src/main.rs tests/bench/fastpath/main.rs > tests/bench/purchases.rs \
    && touch src/lib.rs \
    && cargo build --locked --release --bin numbers-gateway \
    && cargo clean --locked --release --package numbers-gateway \
    && rm -r src tests
COPY config config
COPY src src
RUN mkdir -p tests/bench/fastpath \
    && touch tests/bench/purchases.rs tests/bench/fastpath/main.rs \
    && cargo build --locked --release --bin numbers-gateway
COPY deploy/sbom.py deploy/sbom.py

# What the program needs of Debian 12: the libraries that it names itself, and the certificates by which it knows ClickSend and
# the issuers of tokens.
FROM debian:bookworm-slim AS root
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /image
COPY --from=build /src/target/release/numbers-gateway usr/local/bin/numbers-gateway
RUN ldd usr/local/bin/numbers-gateway | grep -o '/lib[^ ]*' | xargs cp -L --parents --target-directory=. \
    && cp -L --parents /etc/ssl/certs/ca-certificates.crt . \
    && echo 'hosts: files dns' > etc/nsswitch.conf \
    && echo 'gateway:x:10001:10001::/var/lib/numbers-gateway:/usr/sbin/nologin' > etc/passwd \
    && echo 'gateway:x:10001:' > etc/group \
    && mkdir -p dev proc sys run tmp var/lib \
    && dpkg-query --show --showformat='${Package} ${Version} ${Architecture}\n' libc6 libgcc-s1 ca-certificates \
        > /debian-packages \
    && mkdir -m 0750 /data

FROM build AS sbom
COPY --from=root /debian-packages /debian-packages
RUN python3 deploy/sbom.py --debian /debian-packages > /sbom.cdx.json

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Numbers Gateway" \
      org.opencontainers.image.description="A self-hosted gateway between a company and ClickSend's Numbers API" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="scratch"
COPY --from=root /image /
COPY --from=sbom /sbom.cdx.json /usr/share/doc/numbers-gateway/sbom.cdx.json
# Empty folders, so that the volumes over them belong to the user below.
COPY --from=root --chown=10001:10001 /data /var/lib/numbers-gateway
COPY --from=root --chown=10001:10001 /data /var/lib/numbers-gateway-audit

# To the C library's allocator, from which SQLite and the cryptography have their memory: it keeps for each thread what it
# once needed, and whatever large pieces leave behind. Few arenas, and large pieces apart from them, given back when they are
# free (tests/ops/soak.py). The program's own memory is mimalloc's.
ENV MALLOC_ARENA_MAX=2
ENV MALLOC_MMAP_THRESHOLD_=131072
ENV MALLOC_TRIM_THRESHOLD_=131072

# All addresses of the container; what of that is reachable from outside is decided where the container is started.
ENV PATH=/usr/local/bin \
    GATEWAY__SERVER__LISTEN=0.0.0.0:8080 \
    GATEWAY__OPS__LISTEN=0.0.0.0:9464 \
    GATEWAY__STORAGE__URL=sqlite:/var/lib/numbers-gateway/gateway.db \
    GATEWAY__STORAGE__EMERGENCY_FILE=/var/lib/numbers-gateway/gateway.emergency \
    GATEWAY__AUDIT__HEAD_FILE=/var/lib/numbers-gateway/audit-head
USER 10001:10001
WORKDIR /var/lib/numbers-gateway
VOLUME /var/lib/numbers-gateway
EXPOSE 8080 9464
STOPSIGNAL SIGTERM
# There is no curl: the program asks itself.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["numbers-gateway", "healthcheck"]
ENTRYPOINT ["numbers-gateway"]
CMD ["serve"]
