# Three images of one build: `componentd` (the host with the store's manifest and components), `mailbox` (stands in for
# SendGrid), and `postgres` (the server, with the databases of init.sql). The first two have their program, the libraries
# that it is linked to, and neither a shell nor root.

FROM rust:1.95.0-trixie AS build
RUN apt-get update && apt-get install --yes --no-install-recommends zlib1g-dev && rm -rf /var/lib/apt/lists/*
# The toolchain of the image is the one that is wanted; rust-toolchain.toml would fetch another.
ENV RUSTUP_TOOLCHAIN=$RUST_VERSION
RUN rustup target add wasm32-wasip2
WORKDIR /src
COPY . .
# `--quick` builds sooner what is slower; `cargo xtask compose` uses it.
ARG IMAGE_OPTIONS=
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo xtask image --into /out $IMAGE_OPTIONS && chmod --recursive a+rX /out

FROM debian:13-slim AS runtime
RUN apt-get update && apt-get install --yes --no-install-recommends zlib1g libgcc-s1 ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out /out
# The libraries that the programs say they need, by the paths at which they look for them, with their licences.
RUN mkdir -p /image/etc /image/var/lib /image/tmp && cd /image \
    && ldd /out/*/usr/local/bin/* | grep --only-matching '/[^ ]*\.so[^ ]*' | sort --unique > /libraries \
    && xargs cp --parents --dereference --target-directory . < /libraries \
    && cp --parents --dereference /etc/ssl/certs/ca-certificates.crt . \
    && cp --parents /usr/share/doc/libc6/copyright /usr/share/doc/zlib1g/copyright \
         /usr/share/doc/libgcc-s1/copyright /usr/share/doc/ca-certificates/copyright . \
    && echo 'hosts: files dns' > etc/nsswitch.conf \
    && echo 'componentd:x:10001:10001::/app:/usr/sbin/nologin' > etc/passwd \
    && echo 'componentd:x:10001:' > etc/group \
    && install --directory --owner 10001 --group 10001 --mode 0700 var/lib/componentd \
    && chmod 1777 tmp

FROM scratch AS base
COPY --from=runtime /image /
USER 10001:10001
WORKDIR /app

FROM base AS mailbox
COPY --from=build /out/mailbox /
EXPOSE 8025
ENTRYPOINT ["dev-backends", "mailbox", "--listen", "0.0.0.0:8025"]

FROM postgres:18.6-trixie AS postgres
COPY --chmod=0555 compose/postgres/host-role.sh /docker-entrypoint-initdb.d/
COPY --chmod=0555 compose/postgres/databases-answer.sh /usr/local/bin/databases-answer
COPY --chmod=0444 init.sql /usr/local/share/componentd/

FROM base AS componentd
COPY --from=build /out/componentd /
ENV COMPONENTD_STATE=/var/lib/componentd
EXPOSE 8080 8081 8082 8083 8084
HEALTHCHECK --interval=5s --timeout=20s --start-period=60s --retries=12 CMD ["componentd", "ready"]
ENTRYPOINT ["componentd"]
CMD ["run"]
