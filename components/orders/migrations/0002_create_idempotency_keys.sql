-- What was answered to requests with an Idempotency-Key. The row is made, and its order set, in the transaction of the
-- order; the request is kept to tell a repetition from another request under the same key.
create table idempotency_keys (
    key        text        primary key check (length(key) between 1 and 255),
    request    text        not null,
    order_id   bigint      references orders (id),
    created_at timestamptz not null default now()
);

create index idempotency_keys_created_at_idx on idempotency_keys (created_at);
