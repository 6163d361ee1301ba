-- The three databases of the store, one per service that keeps data. Each service's tables come from its migrations,
-- which the host runs before it serves.
CREATE DATABASE usersdb;
CREATE DATABASE ordersdb;
CREATE DATABASE storedb;
