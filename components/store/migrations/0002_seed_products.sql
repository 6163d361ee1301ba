-- The catalogue that the store opens with: Apple is 1, Banana is 2.
insert into products (name, price) values ('Apple', 1.99), ('Banana', 0.99);
