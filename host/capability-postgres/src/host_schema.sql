-- What the host keeps in a database. Components reach none of it but by `componentd_api`.
CREATE SCHEMA IF NOT EXISTS componentd_host;
CREATE TABLE IF NOT EXISTS componentd_host.outbox (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at    timestamptz NOT NULL DEFAULT now(),
    topic         text        NOT NULL,
    key           bytea,
    header_names  text[]      NOT NULL,
    header_values bytea[]     NOT NULL,
    payload       bytea
);
-- Records larger than their topics take, set aside so that no other waits for them.
CREATE TABLE IF NOT EXISTS componentd_host.too_large (
    LIKE componentd_host.outbox,
    set_aside_at  timestamptz NOT NULL DEFAULT now()
);
-- Rows to be locked by whoever does what only one may do at a time.
CREATE TABLE IF NOT EXISTS componentd_host.turns (at text PRIMARY KEY);
INSERT INTO componentd_host.turns VALUES ('relay'), ('roles'), ('migrations') ON CONFLICT DO NOTHING;
-- The roles that the host has made, and what each may publish to.
CREATE TABLE IF NOT EXISTS componentd_host.logins (role name PRIMARY KEY, password text NOT NULL);
CREATE TABLE IF NOT EXISTS componentd_host.topics (role name, topic text, PRIMARY KEY (role, topic));
CREATE SCHEMA IF NOT EXISTS componentd_api;
CREATE SCHEMA IF NOT EXISTS componentd_migrations
