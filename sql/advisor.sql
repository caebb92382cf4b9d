-- Index advice.

CREATE FUNCTION pgopt.recommend_for(
    queries text[],
    weights float8[] DEFAULT NULL,
    storage_budget text DEFAULT NULL,
    max_indexes int DEFAULT NULL,
    min_benefit float8 DEFAULT 0.01,
    time_limit interval DEFAULT '30 s')
RETURNS TABLE (
    rank int, action text, table_name regclass, ddl text, undo_ddl text, steps text[], undo_steps text[],
    access_method text, kind text, size_bytes bigint, build_time interval,
    benefit float8, write_penalty float8, cost_before float8, cost_after float8,
    time_saved interval, statements int, reason text, evidence jsonb)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'recommend_for_2_wrapper';
COMMENT ON FUNCTION pgopt.recommend_for(text[], float8[], text, int, float8, interval) IS
'What would make these queries cheaper, best first, each index proved by the planner; weights (1 each by default) are how often each query runs; storage_budget is a size such as ''500 MB''; min_benefit is the share of the whole cost that each index must save';

CREATE FUNCTION pgopt.index_recommendations(
    storage_budget text DEFAULT NULL,
    max_indexes int DEFAULT NULL,
    min_benefit float8 DEFAULT 0.01,
    schemas text[] DEFAULT NULL,
    time_limit interval DEFAULT '30 s')
RETURNS TABLE (
    rank int, action text, table_name regclass, ddl text, undo_ddl text, steps text[], undo_steps text[],
    access_method text, kind text, size_bytes bigint, build_time interval,
    benefit float8, write_penalty float8, cost_before float8, cost_after float8,
    time_saved interval, statements int, reason text, evidence jsonb)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'index_recommendations_2_wrapper';
COMMENT ON FUNCTION pgopt.index_recommendations(text, int, float8, text[], interval) IS
'What would make the observed workload (what pgopt captured, else pg_stat_statements) cheaper, best first, each index proved by the planner. benefit and write_penalty are shares of the workload''s cost; cost_before and cost_after its planner cost before and after adding the index to those ranked above it; time_saved is per hour; undo_ddl takes ddl back; steps do it all without blocking writes, undo_steps take that back';

CREATE FUNCTION pgopt.explain_advice(
    query text,
    time_limit interval DEFAULT '30 s')
RETURNS TABLE (
    candidate text, verdict text, reason text, cost_before float8, cost_after float8, size_bytes bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'explain_advice_wrapper';
COMMENT ON FUNCTION pgopt.explain_advice(text, interval) IS
'Every candidate for this query and what came of it: recommended, rejected, existing (an index that is there serves it), not possible, or a hint; cost_before and cost_after are the planner''s cost of the query without and with that candidate alone';

CREATE FUNCTION pgopt.export_migration(
    ranks int[] DEFAULT NULL,
    storage_budget text DEFAULT NULL,
    max_indexes int DEFAULT NULL,
    min_benefit float8 DEFAULT 0.01,
    schemas text[] DEFAULT NULL,
    time_limit interval DEFAULT '30 s')
RETURNS TABLE (direction text, "position" int, command text)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'export_migration_wrapper';
COMMENT ON FUNCTION pgopt.export_migration(int[], text, int, float8, text[], interval) IS
'The commands of pgopt.index_recommendations() with the same arguments, of all ranks or of those given, and the commands that take them back: one command a row, each to be run by itself outside a transaction block, and safe to run again';

CREATE FUNCTION pgopt.export_migration_script(
    ranks int[] DEFAULT NULL,
    direction text DEFAULT 'up',
    storage_budget text DEFAULT NULL,
    max_indexes int DEFAULT NULL,
    min_benefit float8 DEFAULT 0.01,
    schemas text[] DEFAULT NULL,
    time_limit interval DEFAULT '30 s')
RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'export_migration_script_wrapper';
COMMENT ON FUNCTION pgopt.export_migration_script(int[], text, text, int, float8, text[], interval) IS
'The same as plain SQL for a file, with the estimates as comments: direction up (and the way down as comments) or down';
