-- Lets the owner make what it likes in this database, and makes its own what the host's user owns there, but for what the
-- host keeps. What belongs to another object, as the index and the sequence of a table or what is an extension's, goes with
-- it.
DO $owner$
DECLARE
    owner CONSTANT name := '{owner}';
    one record;
BEGIN
    EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO %I', current_database(), owner);
    EXECUTE format('GRANT USAGE ON SCHEMA componentd_migrations TO %I', owner);
    IF to_regnamespace('public') IS NOT NULL THEN
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
        EXECUTE format('GRANT CREATE, USAGE ON SCHEMA public TO %I', owner);
    END IF;
    FOR one IN
        WITH own AS (
            SELECT oid, nspname, nspowner FROM pg_namespace
            WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'componentd_host', 'componentd_migrations', 'componentd_api')
        ), object (kind, class, id, name) AS (
            SELECT 'SCHEMA', 'pg_namespace'::regclass, oid, quote_ident(nspname) FROM own WHERE nspowner = current_user::regrole
            UNION ALL
            SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
                'pg_class'::regclass, pg_class.oid, format('%I.%I', nspname, relname)
            FROM pg_class JOIN own ON own.oid = relnamespace
            WHERE relowner = current_user::regrole AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            UNION ALL
            SELECT 'ROUTINE', 'pg_proc'::regclass, pg_proc.oid, pg_proc.oid::regprocedure::text
            FROM pg_proc JOIN own ON own.oid = pronamespace
            WHERE proowner = current_user::regrole AND prokind <> 'a'
            UNION ALL
            SELECT CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END,
                'pg_type'::regclass, pg_type.oid, format('%I.%I', nspname, typname)
            FROM pg_type JOIN own ON own.oid = typnamespace
            WHERE typowner = current_user::regrole AND (typtype IN ('d', 'e', 'r')
                OR EXISTS (SELECT FROM pg_class WHERE pg_class.oid = typrelid AND relkind = 'c'))
        )
        SELECT kind, name FROM object
        WHERE NOT EXISTS (
            SELECT FROM pg_depend
            WHERE classid = class AND objid = id AND refobjid <> id AND (deptype IN ('e', 'i') OR kind = 'SEQUENCE' AND deptype = 'a'))
        -- A schema first: its new owner has to be able to have things in it.
        ORDER BY kind <> 'SCHEMA'
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO %I', one.kind, one.name, owner);
    END LOOP;
END $owner$
