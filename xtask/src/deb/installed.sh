#!/usr/bin/env bash
# Installs, uses, upgrades, removes and purges the package as docs/src/install.md describes it. `cargo xtask deb` runs this as
# root in a Debian of its own that systemd has booted (debian.rs). /check has the package (componentd.deb), a component
# (hello.wasm) and the free ports (ports).
set -Eeuo pipefail
cd /check
exec >log 2>&1
. ./ports # ADMIN, HELLO
export DEBIAN_FRONTEND=noninteractive MANPAGER=cat HOME=/root
manifest=/etc/componentd/componentd.toml
unit=componentd.service
trap 'fault "$LINENO" "$BASH_COMMAND"' ERR

fault() {
  echo "*** line $1 of installed.sh failed: $2"
  systemctl status --no-pager --lines=0 "$unit" || true
  journalctl --no-pager --lines=60 --unit="$unit" || true
  exit 1
}

# The unit as systemd sees it now: one property.
now() { systemctl show --property="$1" --value "$unit"; }

equal() { [ "$1" = "$2" ] || { echo "it is \"$1\" and not \"$2\""; return 1; }; }

has() { grep --quiet --fixed-strings -- "$2" <<<"$1" || { echo "there is no \"$2\" in: $1"; return 1; }; }

until_is() {
  for _ in $(seq 600); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  "$@"
}

fails() { if "$@" >/dev/null 2>&1; then echo "it succeeds: $*"; return 1; fi; }

answers() { has "$(curl --fail --silent --show-error "http://127.0.0.1:$HELLO/")" 'Hello, world!'; }

history_has() { has "$(componentd history hello --manifest "$manifest")" "$1"; }

installs_with_apt() {
  apt-get install --quiet=2 ./componentd.deb
  has "$(componentd --version)" componentd
  equal "$(dpkg --verify componentd)" ""
  equal "$(apt-get check 2>&1 | grep '^E:' || true)" ""
}

has_manual_and_completions() {
  has "$(man componentd)" 'componentd run'
  bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader componentd || [ $? = 124 ]; complete -p componentd'
  zsh -f -c 'autoload -Uz compinit && compinit -D -u && [[ -n "${_comps[componentd]}" ]]'
  has "$(fish --command 'complete --do-complete "componentd ro"')" rollback
}

unit_is_off_and_sound() {
  equal "$(systemctl is-enabled "$unit" || true)" disabled
  equal "$(systemctl is-active "$unit" || true)" inactive
  equal "$(systemd-analyze verify --man=yes "$unit" 2>&1)" ""
  # Tenths of systemd's measure of exposure, from 0 to 100: what it calls OK ends at 50.
  equal "$(now TimeoutStopUSec)" 1min
  systemd-analyze security --no-pager --threshold=20 "$unit" | tail --lines=1
}

wrong_manifest_is_not_tried_again() {
  use_manifest /srv/componentd/absent.wasm
  systemctl start "$unit"
  until_is ended
  equal "$(now ActiveState) $(now NRestarts) $(now ExecMainStatus)" 'failed 0 66'
  has "$(journalctl --unit="$unit")" /srv/componentd/absent.wasm
  systemctl reset-failed "$unit"
}

# The manifest of the package with its service uncommented, and on a port that its file of variables gives.
use_manifest() {
  [ -e manifest.packaged ] || cp "$manifest" manifest.packaged
  sed -e '/^# \[services/,$s/^# //' -e "s|/srv/componentd/hello.wasm|$1|" -e "s/127.0.0.1:8080/127.0.0.1:$ADMIN/" \
    -e 's/0.0.0.0:8090/${HELLO_LISTEN}/' manifest.packaged >"$manifest"
  (umask 077 && echo "HELLO_LISTEN=127.0.0.1:$HELLO" >/etc/componentd/environment)
}

service_answers_with_its_variables() {
  install -D --mode=644 hello.wasm /srv/componentd/hello.wasm
  use_manifest /srv/componentd/hello.wasm
  systemctl enable --now "$unit"
  until_is answers
}

unit_may_only_write_its_state() {
  local pid status
  pid="$(now MainPID)"
  status="$(tr -s '\t' ' ' <"/proc/$pid/status")"
  for line in 'CapEff: 0000000000000000' 'CapBnd: 0000000000000000' 'NoNewPrivs: 1' 'Seccomp: 2'; do has "$status" "$line"; done
  fails has "$status" 'Uid: 0 '
  equal "$(stat --format=%a:%u /var/lib/private/componentd)" "700:$(stat --format=%u "/proc/$pid")"
  [ -n "$(ls /var/lib/componentd/)" ]
  for folder in / /etc /srv /usr /var/lib /opt; do
    has "$(nsenter --mount --target "$pid" touch "$folder/written" 2>&1 || true)" 'Read-only file system'
  done
}

versions_are_swapped_and_outlive_a_restart() {
  cp hello.wasm other.wasm && printf '\x00\x05\x04demo' >>other.wasm
  local first other
  first="$(live)"
  componentd swap hello other.wasm --manifest "$manifest"
  other="$(live)"
  fails equal "$other" "$first"
  systemctl restart "$unit"
  until_is answers
  history_has 'by upload'
  equal "$(live)" "$other"
  componentd rollback hello --manifest "$manifest"
  equal "$(live)" "$first"
  install --mode=644 other.wasm /srv/componentd/hello.wasm
  until_is is_live "$other"
  history_has 'by file'
  answers
  # What is live is another than the file from here on.
  componentd rollback hello --manifest "$manifest"
  equal "$(live)" "$first"
}

is_started_again_when_it_dies() {
  systemctl kill --kill-whom=main --signal=SIGKILL "$unit"
  until_is restarted
  until_is answers
}

ended() { [ "$(now MainPID)" = 0 ]; }

restarted() { equal "$(now ActiveState) $(now NRestarts)" 'active 1'; }

stops_in_good_order() {
  systemctl stop "$unit"
  equal "$(now ActiveState) $(now Result) $(now ExecMainStatus)" 'inactive success 0'
  systemctl start "$unit"
  until_is answers
}

# A later version whose manifest is another; Enter is what dpkg's question is answered with.
upgrade_keeps_the_manifest() {
  local before live
  before="$(now MainPID)" live="$(live)"
  dpkg-deb --raw-extract componentd.deb next
  sed -i 's/^Version: .*/Version: 999/' next/DEBIAN/control
  echo '# of the next version' >>next/etc/componentd/componentd.toml
  dpkg-deb -Znone --build next next.deb
  cp "$manifest" manifest.mine
  apt-get install --quiet=2 ./next.deb <<<''
  equal "$(dpkg-query --show --showformat='${Version}' componentd)" 999
  cmp "$manifest" manifest.mine
  equal "$(systemctl is-enabled "$unit")" enabled
  until_is answers
  [ "$(now MainPID)" != "$before" ]
  equal "$(live)" "$live"
}

is_live() { equal "$(live)" "$1"; }

# The digest of the version that answers.
live() { componentd status --manifest "$manifest" | grep --only-matching 'sha256:[0-9a-f]*'; }

removal_keeps_settings_and_state() {
  apt-get remove --quiet=2 componentd
  equal "$(systemctl is-active "$unit" || true)" inactive
  [ ! -e /usr/bin/componentd ]
  cmp "$manifest" manifest.mine
  [ -e /etc/componentd/environment ] && [ -n "$(ls /var/lib/private/componentd)" ]
}

purge_leaves_nothing() {
  apt-get purge --quiet=2 componentd
  # The manual's cache is man-db's, which looks after it once a day.
  equal "$(find / -xdev -name '*componentd*' -not -path '/srv/*' -not -path '/var/cache/man/*')" ""
  equal "$(systemctl list-unit-files --no-legend "$unit" || true)" ""
}

for promise in installs_with_apt has_manual_and_completions unit_is_off_and_sound wrong_manifest_is_not_tried_again \
  service_answers_with_its_variables unit_may_only_write_its_state versions_are_swapped_and_outlive_a_restart \
  is_started_again_when_it_dies stops_in_good_order upgrade_keeps_the_manifest removal_keeps_settings_and_state \
  purge_leaves_nothing; do
  echo "+++ ${promise//_/ }"
  "$promise"
done
echo '+++ all is as promised'
