#!/bin/sh
# Run once, by the image's entrypoint, as the superuser that postgres.env names: makes the role that the host connects
# as. It owns the databases of init.sql, because it creates them, and may do nothing else afterwards but make the roles of
# its grants, which are let into no database that is not theirs.
set -eu
admin() { psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres "$@"; }
admin --set role="$COMPONENTD_USER" --set password="$COMPONENTD_PASSWORD" <<'SQL'
CREATE ROLE :"role" LOGIN CREATEDB CREATEROLE PASSWORD :'password';
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE postgres TO :"role";
SQL
{ printf 'SET ROLE :"role";\n'; cat /usr/local/share/componentd/init.sql; } | admin --set role="$COMPONENTD_USER"
admin --set role="$COMPONENTD_USER" <<'SQL'
ALTER ROLE :"role" NOCREATEDB;
SQL
