-- Slots in PostgreSQL: claims that an exclusion constraint keeps apart, and one function that makes a
-- reservation of one in one call.
--
--   psql -v calendars=10000 -v days=100 -f postgres_slots.sql
--
-- Whatever was there before is dropped. Keys are integers from sequences, which is the cheapest that
-- PostgreSQL can do. Each calendar has the first quarter of an hour of so many days claimed.
\set ON_ERROR_STOP on

DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
-- So that an index of ranges can hold a calendar's number too.
CREATE EXTENSION btree_gist;

CREATE TABLE reservations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    calendar    integer NOT NULL,
    during      tstzrange NOT NULL,
    state       text NOT NULL,
    expire_time timestamptz NOT NULL
);

CREATE TABLE claims (
    calendar    integer NOT NULL,
    during      tstzrange NOT NULL,
    reservation bigint NOT NULL
);

CREATE TABLE events (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time        timestamptz NOT NULL,
    type        text NOT NULL,
    calendar    integer NOT NULL,
    reservation bigint NOT NULL,
    during      tstzrange NOT NULL
);

-- A quarter of an hour, counted from 0; a day has 96.
CREATE FUNCTION quarter(nth integer) RETURNS tstzrange
LANGUAGE sql STABLE AS $$
    SELECT tstzrange(timestamptz '2030-01-01 00:00:00+00' + nth * interval '15 minutes',
                     timestamptz '2030-01-01 00:15:00+00' + nth * interval '15 minutes')
$$;

-- Holds a slot of a calendar; gives the reservation's id, or fails where the slot is taken.
CREATE FUNCTION reserve_slot(wanted_calendar integer, wanted tstzrange) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
BEGIN
    INSERT INTO reservations (calendar, during, state, expire_time)
        VALUES (wanted_calendar, wanted, 'HELD', now() + interval '15 minutes')
        RETURNING id INTO made;
    INSERT INTO claims (calendar, during, reservation) VALUES (wanted_calendar, wanted, made);
    INSERT INTO events (time, type, calendar, reservation, during) VALUES
        (now(), 'ClaimMade', wanted_calendar, made, wanted),
        (now(), 'ReservationCreated', wanted_calendar, made, wanted);
    RETURN made;
END
$$;

-- The claims of the beginning are of reservation 0.
INSERT INTO claims (calendar, during, reservation)
    SELECT calendar, quarter(day * 96), 0
    FROM generate_series(0, :calendars - 1) AS calendar, generate_series(0, :days - 1) AS day;
ALTER TABLE claims ADD EXCLUDE USING gist (calendar WITH =, during WITH &&);

VACUUM ANALYZE;
-- So that no page of the loading is written in the measurement.
CHECKPOINT;
