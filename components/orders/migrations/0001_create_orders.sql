-- Orders. What the component checks is checked here again: other writers may come.
create table orders (
    id           bigint         generated always as identity primary key,
    user_id      bigint         not null check (user_id > 0),
    items        text[]         not null check (cardinality(items) between 1 and 100 and array_position(items, null) is null),
    total_amount numeric(12, 2) not null check (total_amount >= 0),
    status       text           not null default 'pending' check (status in ('pending')),
    created_at   timestamptz    not null default now()
);

create index orders_user_id_idx on orders (user_id);
