#!/usr/bin/env bash
# As the official image starts: a cluster is made once, by a server on the Unix socket only, with POSTGRES_USER as its
# superuser, and the scripts of /docker-entrypoint-initdb.d are run; then the server proper.
set -Eeuo pipefail

if [ "$(id -u)" = 0 ]; then
  install --directory --mode 0700 "$PGDATA"
  chown -R postgres /var/lib/postgresql /var/run/postgresql
  exec setpriv --reuid postgres --regid postgres --clear-groups "$0" "$@"
fi

socket=(-c unix_socket_directories=/var/run/postgresql)
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_PASSWORD:?a superuser needs a password}" "${POSTGRES_USER:=postgres}"
  : "${POSTGRES_DB:=$POSTGRES_USER}"
  export POSTGRES_USER POSTGRES_DB
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
  printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' ${socket[*]}" -w start
  run=(psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password --no-psqlrc)
  if [ "$POSTGRES_DB" != postgres ]; then
    "${run[@]}" --dbname postgres --command "CREATE DATABASE \"$POSTGRES_DB\""
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    echo "$0: running $file"
    case "$file" in
      *.sh) "$file" ;;
      *.sql) "${run[@]}" --dbname "$POSTGRES_DB" --file "$file" ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop
fi
[ "$1" != postgres ] || set -- "$@" -c listen_addresses='*' "${socket[@]}"
exec "$@"
