# syntax=docker/dockerfile:1
# Three images from one build: `componentd` (the host), `components` (fills a folder with the store's components), and
# `mailbox` (stands in for SendGrid). None of them has a compiler, a shell's tools aside from the base, or runs as root.

FROM rust:1.95.0-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends zlib1g-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The toolchain of the image is the one that is wanted; rust-toolchain.toml would fetch another.
RUN rm rust-toolchain.toml && rustup target add wasm32-wasip2
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo xtask release \
    && cargo build --release --locked --package dev-backends \
    && cargo build --release --locked --target wasm32-wasip2 \
         --package users --package orders --package store --package notifications \
    && mkdir -p /out/components /out/migrations \
    && cp target/componentd target/release/dev-backends /out/ \
    && for name in users orders store notifications; do \
         cp "target/wasm32-wasip2/release/$name.wasm" "/out/components/$name.wasm"; \
       done \
    && for name in users orders store; do \
         mkdir -p "/out/migrations/$name" && cp -r "components/$name/migrations" "/out/migrations/$name/"; \
       done

FROM debian:12.11-slim AS base
RUN apt-get update && apt-get install --yes --no-install-recommends zlib1g ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin componentd \
    && install --directory --owner componentd --group componentd --mode 0700 /var/lib/componentd
USER 10001:10001
WORKDIR /app

FROM base AS mailbox
COPY --from=build /out/dev-backends /usr/local/bin/
ENTRYPOINT ["dev-backends", "mailbox", "--listen", "0.0.0.0:8025"]

# Copies what is not there yet, so that a component which somebody put there stays.
FROM base AS components
COPY --from=build /out/components /components
COPY --from=build /out/migrations /migrations
USER root
CMD ["sh", "-c", "cp --no-clobber /components/*.wasm /target/ && cp --recursive --no-clobber /migrations/. /target/"]

FROM base AS componentd
COPY --from=build /out/componentd /usr/local/bin/
COPY componentd.toml /app/
EXPOSE 8081 8082 8083
HEALTHCHECK --interval=5s --timeout=20s --start-period=60s --retries=12 CMD ["componentd", "ready"]
ENTRYPOINT ["componentd", "run"]
