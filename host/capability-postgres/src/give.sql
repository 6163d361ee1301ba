-- Gives the role of a grant its rights to what the owner has in this database: no more, and no less. What has them already
-- is not written again; what others own is left as it is.
DO $give$
DECLARE
    grantee CONSTANT name := '{role}';
    grantee_id CONSTANT oid := (SELECT oid FROM pg_roles WHERE rolname = grantee);
    owner_id CONSTANT oid := (SELECT oid FROM pg_roles WHERE rolname = '{owner}');
    one record;
BEGIN
    FOR one IN
        SELECT nspname FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'componentd_host', 'componentd_migrations', 'componentd_api')
            AND (nspname = 'public' OR pg_has_role(nspowner, 'USAGE')) AND NOT has_schema_privilege(grantee_id, oid, 'USAGE')
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', one.nspname, grantee);
    END LOOP;
    FOR one IN
        WITH object AS (
            SELECT pg_class.oid::regclass AS name, relacl,
                CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
                CASE relkind WHEN 'S' THEN '{of-sequences}' ELSE '{of-tables}' END AS rights
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'componentd_host', 'componentd_migrations', 'componentd_api')
                AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relname <> '_sqlx_migrations'
                AND relowner = owner_id
                AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
        )
        SELECT name, kind, rights FROM object WHERE rights IS DISTINCT FROM
            (SELECT string_agg(privilege_type, ', ' ORDER BY privilege_type) FROM aclexplode(relacl) WHERE grantee_id = aclexplode.grantee)
    LOOP
        EXECUTE format('REVOKE ALL ON %s %s FROM %I', one.kind, one.name, grantee);
        EXECUTE format('GRANT %s ON %s %s TO %I', one.rights, one.kind, one.name, grantee);
    END LOOP;
END $give$
