# Installs Debian packages as root: the arguments. Run by `cargo xtask setup` (see packages.rs).
# The servers are ours to start, so that none may start by itself now: neither by its package's script (policy-rc.d says
# no while this runs) nor as a cluster of Postgres that its package would make. Both files go again, whatever happens.
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d/componentd.conf
made=
trap 'rm -f $made' EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
  made="$policy"
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
if [ ! -e "$clusters" ]; then
  made="$made $clusters"
  mkdir -p "${clusters%/*}"
  echo 'create_main_cluster = false' > "$clusters"
fi
apt-get update
apt-get install -y --no-install-recommends "$@"
