-- Everything below works with the caller's own rights and shows nobody's secrets, so everybody
-- may use it: reading statistics is checked inside, as pg_read_all_stats has it.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pgopt FROM PUBLIC;
GRANT USAGE ON SCHEMA pgopt TO PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO PUBLIC;
GRANT SELECT ON pgopt.hypothetical_indexes TO PUBLIC;
-- What was counted is everybody's: nobody but whom a superuser trusts throws it away.
REVOKE EXECUTE ON FUNCTION pgopt.reset_statements(name, name, bigint) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION pgopt.reset_statements_by_id(oid, oid, bigint) FROM PUBLIC;
GRANT SELECT ON pgopt.statements, pgopt.top_statements, pgopt.statement_samples, pgopt.latency,
    pgopt.n_plus_one, pgopt.slow_transactions, pgopt.capture_info TO PUBLIC;
-- Work in the background is the database owner's to allow; the commands of actions' jobs look at
-- who calls them.
REVOKE EXECUTE ON FUNCTION pgopt.apply(int), pgopt.undo(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgopt.apply(int), pgopt.undo(bigint) TO pg_database_owner;
GRANT SELECT ON pgopt.applied TO PUBLIC;
GRANT SELECT ON pgopt.worker_status TO PUBLIC;
