-- Whether another session of this database may have committed changes that are not counted yet, as
-- one value: the server gets a session's counts when it is idle, outside of a transaction.
-- $1 the view.
SELECT to_jsonb(EXISTS (
    SELECT FROM pgopt.matview_states AS s
           CROSS JOIN LATERAL (SELECT greatest(s.last_skip, s.last_refresh) AS last,
                                      s.last_refresh - s.last_duration - interval '5 s' AS first) AS look
           CROSS JOIN pg_stat_get_activity(NULL) AS p
     WHERE s.view = $1 AND p.pid <> pg_backend_pid() AND coalesce(p.state, '') <> 'idle'
       AND p.datid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
       AND p.backend_type NOT IN ('autovacuum worker', 'walsender', 'parallel worker', 'pgopt worker')
       AND p.backend_type NOT LIKE 'logical replication%'
       AND CASE
           -- Idle it is gone: only a command that commits on its way has anything to hide, whose
           -- transaction began after it.
           WHEN p.backend_type = 'pgopt executor' THEN p.query_start < look.last AND coalesce(p.xact_start > p.query_start, true)
           WHEN p.state = 'disabled' THEN true
           -- One command, which may commit more than once.
           WHEN p.state IN ('active', 'fastpath function call') AND p.query_start < look.last THEN true
           -- A transaction that followed on another one's heels.
           ELSE p.xact_start BETWEEN look.first AND look.last END))
