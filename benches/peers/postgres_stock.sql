-- Stock in PostgreSQL: tables, balances, and one function that does it all in one call.
--
--   psql -v skus=100000 -v units=1000000 -f postgres_stock.sql
--
-- Whatever was there before is dropped. Keys are integers from sequences, which is the cheapest that
-- PostgreSQL can do.
\set ON_ERROR_STOP on

DROP SCHEMA public CASCADE;
CREATE SCHEMA public;

-- Half of each page is left free, so that a new version of a row finds room beside the old one and
-- the index needn't change.
CREATE TABLE balances (
    sku     integer PRIMARY KEY,
    on_hand bigint NOT NULL,
    held    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE reservations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku         integer NOT NULL,
    quantity    bigint NOT NULL,
    state       text NOT NULL,
    expire_time timestamptz NOT NULL
);

CREATE TABLE events (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time        timestamptz NOT NULL,
    type        text NOT NULL,
    sku         integer NOT NULL,
    reservation bigint NOT NULL,
    quantity    bigint NOT NULL
);

-- Holds so many units of a SKU; gives the reservation's id, or null where too few are left.
CREATE FUNCTION reserve(wanted_sku integer, wanted bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
BEGIN
    UPDATE balances SET held = held + wanted
        WHERE sku = wanted_sku AND on_hand - held >= wanted;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO reservations (sku, quantity, state, expire_time)
        VALUES (wanted_sku, wanted, 'HELD', now() + interval '15 minutes')
        RETURNING id INTO made;
    INSERT INTO events (time, type, sku, reservation, quantity) VALUES
        (now(), 'ClaimMade', wanted_sku, made, wanted),
        (now(), 'ReservationCreated', wanted_sku, made, wanted);
    RETURN made;
END
$$;

INSERT INTO balances (sku, on_hand) SELECT sku, :units FROM generate_series(1, :skus) AS sku;

VACUUM ANALYZE;
-- So that no page of the loading is written in the measurement.
CHECKPOINT;
