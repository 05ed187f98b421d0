-- What is stored, as one line: reservations, units held, events.
SELECT (SELECT count(*) FROM reservations),
       (SELECT sum(held) FROM balances),
       (SELECT count(*) FROM events);
