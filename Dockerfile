FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches keep the registry and the compiled dependencies between builds; the program itself is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --bin numbers-gateway \
    && cp target/release/numbers-gateway /usr/local/bin/numbers-gateway

FROM debian:bookworm-slim
# The certificates are what the gateway knows ClickSend and the issuers of tokens by; without them it does not start.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --uid 10001 --no-create-home --shell /usr/sbin/nologin gateway \
    && install -d -o gateway -g gateway -m 0750 /var/lib/numbers-gateway /var/lib/numbers-gateway-audit
COPY --from=build /usr/local/bin/numbers-gateway /usr/local/bin/numbers-gateway

# To the C library's allocator, which keeps for each thread what it once needed, and whatever large pieces leave behind: few
# arenas, and large pieces apart from them, given back when they are free (tests/ops/soak.py).
ENV MALLOC_ARENA_MAX=2
ENV MALLOC_MMAP_THRESHOLD_=131072
ENV MALLOC_TRIM_THRESHOLD_=131072

# All addresses of the container; what of that is reachable from outside is decided where the container is started.
ENV GATEWAY__SERVER__LISTEN=0.0.0.0:8080 \
    GATEWAY__OPS__LISTEN=0.0.0.0:9464 \
    GATEWAY__STORAGE__URL=sqlite:/var/lib/numbers-gateway/gateway.db \
    GATEWAY__AUDIT__HEAD_FILE=/var/lib/numbers-gateway/audit-head
USER 10001:10001
WORKDIR /var/lib/numbers-gateway
VOLUME /var/lib/numbers-gateway
EXPOSE 8080 9464
# The image has no curl: the program asks itself.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["numbers-gateway", "healthcheck"]
ENTRYPOINT ["numbers-gateway"]
CMD ["serve"]
