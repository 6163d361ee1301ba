#!/bin/sh
# Whether the host can work with this server: over the network, with its own password, and as the owner of as many
# databases as init.sql has.
set -eu
wanted="$(grep -c '^CREATE DATABASE' /usr/local/share/componentd/init.sql)"
owned="$(PGPASSWORD="$COMPONENTD_PASSWORD" PGCONNECT_TIMEOUT=3 psql --no-psqlrc --tuples-only --no-align \
  --host "$HOSTNAME" --username "$COMPONENTD_USER" --dbname postgres \
  --command 'SELECT count(*) FROM pg_database WHERE datdba = current_user::regrole')"
[ "$owned" -ge "$wanted" ] || { echo "the role $COMPONENTD_USER owns $owned databases of $wanted in init.sql"; exit 1; }
