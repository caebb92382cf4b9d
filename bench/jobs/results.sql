-- What is measured is kept here.

CREATE EXTENSION pgopt;
CREATE SCHEMA bench;
CREATE TABLE bench.parts (part text);
CREATE TABLE bench.figures (name text PRIMARY KEY, value float8);
CREATE TABLE bench.windows (begins timestamptz, ends timestamptz);
-- When each job is due: at that moment, and every minute from then on.
CREATE TABLE bench.jobs (name text PRIMARY KEY, starts timestamptz NOT NULL);
CREATE TABLE bench.latencies (seconds float8 NOT NULL);
CREATE TABLE bench.refreshes (policy text, minute int, seconds float8, refreshed boolean);
