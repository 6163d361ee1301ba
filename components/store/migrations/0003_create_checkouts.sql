-- The orders of checkouts with an Idempotency-Key, as they were first asked for: a repetition asks for the same order, also
-- when prices have changed since. The cart is kept to tell a repetition from another checkout under the same key.
create table checkouts (
    key         text        primary key check (length(key) between 1 and 255),
    cart        text        not null,
    order_asked text        not null,
    created_at  timestamptz not null default now()
);

create index checkouts_created_at_idx on checkouts (created_at);
