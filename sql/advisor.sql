-- Index advice.

CREATE FUNCTION pgopt.recommend_for(
    queries text[],
    weights float8[] DEFAULT NULL,
    storage_budget text DEFAULT NULL,
    max_indexes int DEFAULT NULL,
    min_benefit float8 DEFAULT 0.01,
    time_limit interval DEFAULT '30 s')
RETURNS TABLE (
    rank int, action text, table_name regclass, ddl text, undo_ddl text, steps text[],
    access_method text, kind text, size_bytes bigint, build_time interval,
    benefit float8, write_penalty float8, cost_before float8, cost_after float8,
    time_saved interval, statements int, reason text, evidence jsonb)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'recommend_for_wrapper';
COMMENT ON FUNCTION pgopt.recommend_for(text[], float8[], text, int, float8, interval) IS
'Indexes that would make these queries cheaper, best first, each proved by the planner; weights (1 each by default) are how often each query runs; storage_budget is a size such as ''500 MB''; min_benefit is the share of the whole cost that each index must save';

CREATE FUNCTION pgopt.index_recommendations(
    storage_budget text DEFAULT NULL,
    max_indexes int DEFAULT NULL,
    min_benefit float8 DEFAULT 0.01,
    schemas text[] DEFAULT NULL,
    time_limit interval DEFAULT '30 s')
RETURNS TABLE (
    rank int, action text, table_name regclass, ddl text, undo_ddl text, steps text[],
    access_method text, kind text, size_bytes bigint, build_time interval,
    benefit float8, write_penalty float8, cost_before float8, cost_after float8,
    time_saved interval, statements int, reason text, evidence jsonb)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'index_recommendations_wrapper';
COMMENT ON FUNCTION pgopt.index_recommendations(text, int, float8, text[], interval) IS
'Indexes that would make the observed workload (what pgopt captured, else pg_stat_statements) cheaper, best first, each proved by the planner. benefit and write_penalty are shares of the workload''s cost; cost_before and cost_after its planner cost before and after adding the index to those ranked above it; time_saved is per hour; ddl creates the index, undo_ddl removes it, steps build it without blocking writes';
