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
GRANT SELECT ON pgopt.worker_status TO PUBLIC;
-- What runs in the background is the database owner's to allow; everybody sees and stops his own,
-- and the commands of actions' jobs look at who calls them.
REVOKE EXECUTE ON FUNCTION pgopt.jobs_changed() FROM PUBLIC;
DO $$
DECLARE
    f pg_catalog.regprocedure;
BEGIN
    FOR f IN SELECT p.oid FROM pg_catalog.pg_proc AS p
              WHERE p.pronamespace OPERATOR(pg_catalog.=) 'pgopt'::pg_catalog.regnamespace
                AND p.proname OPERATOR(pg_catalog.=) ANY ('{schedule,alter_job,run_now,resume,reset_breaker,refresh_every,refresh_all,apply,undo}'::pg_catalog.name[])
    LOOP
        EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO pg_database_owner WITH GRANT OPTION', f);
    END LOOP;
END $$;
GRANT SELECT ON pgopt.jobs, pgopt.job_runs, pgopt.matview_status, pgopt.applied TO PUBLIC;
-- What pg_dump reads of the tables that it dumps, so that the owner of the database can dump it.
GRANT SELECT ON pgopt.job_definitions, pgopt.job_ids, pgopt.matview_schedules, pgopt.matview_schedules_id_seq
    TO pg_database_owner;
