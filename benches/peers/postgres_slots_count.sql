-- What is stored beside the claims of the beginning, as one line: reservations, claims, events.
SELECT (SELECT count(*) FROM reservations),
       (SELECT count(*) FROM claims WHERE reservation > 0),
       (SELECT count(*) FROM events);
