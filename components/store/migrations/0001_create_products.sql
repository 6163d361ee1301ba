-- The catalogue. A name must also be one that the orders service takes.
create table products (
    id    bigint         generated always as identity primary key,
    name  text           not null check (name = btrim(name) and char_length(name) between 1 and 200),
    price numeric(12, 2) not null check (price >= 0)
);
