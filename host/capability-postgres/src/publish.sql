-- Publishes with the host's right what the session's role may publish, as a relay can send it.
CREATE OR REPLACE FUNCTION componentd_api.publish(text, bytea, text[], bytea[], bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $publish$
BEGIN
    IF NOT EXISTS (SELECT FROM componentd_host.topics WHERE role = session_user AND topic = $1) THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s may not publish to %s', session_user, $1);
    END IF;
    IF coalesce(array_ndims($3), 1) <> 1 OR coalesce(array_ndims($4), 1) <> 1 OR array_position($3, NULL) IS NOT NULL
        OR array_position($4, NULL) IS NOT NULL OR cardinality($3) IS DISTINCT FROM cardinality($4) THEN
        RAISE invalid_parameter_value USING MESSAGE = 'each header has a name and a value';
    END IF;
    IF coalesce(octet_length($2), 0) + coalesce(octet_length($5), 0)
        + coalesce((SELECT sum(octet_length(name)) FROM unnest($3) AS name), 0)
        + coalesce((SELECT sum(octet_length(value)) FROM unnest($4) AS value), 0) > 1000000 THEN
        RAISE program_limit_exceeded USING MESSAGE = 'the record is larger than a broker accepts';
    END IF;
    INSERT INTO componentd_host.outbox (topic, key, header_names, header_values, payload) VALUES ($1, $2, $3, $4, $5);
END $publish$;
REVOKE ALL ON FUNCTION componentd_api.publish FROM PUBLIC
