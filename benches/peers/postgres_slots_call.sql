-- What pgbench sends: a slot that nobody has asked for. Each client counts its own, and the calendars
-- have their turns; on each, the days have theirs.
\set mine :mine + 1
\set number :mine * :clients + :client_id
\set calendar :number % :calendars
\set round :number / :calendars
\set nth :round % :days * 96 + 1 + :round / :days
SELECT reserve_slot(:calendar, quarter(:nth));
