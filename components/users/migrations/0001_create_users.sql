-- Customers. What the component checks is checked here again: other writers may come.
create table users (
    id            bigint      generated always as identity primary key,
    email         text        not null check (email = btrim(email) and char_length(email) between 3 and 254),
    password_hash text        not null check (password_hash like '$argon2id$%'),
    created_at    timestamptz not null default now()
);

-- One account an address, whatever its case; the case that the customer typed is kept.
create unique index users_email_key on users (lower(email));
