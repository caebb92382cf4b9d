-- What-if: plans with indexes that do not exist, and without indexes that do.

CREATE FUNCTION pgopt.workload_cost(
    queries text[],
    create_indexes text[] DEFAULT '{}',
    hide_indexes regclass[] DEFAULT '{}')
RETURNS TABLE (query int, cost float8, indexes_used text[])
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'workload_cost_wrapper';
COMMENT ON FUNCTION pgopt.workload_cost(text[], text[], regclass[]) IS
'Planner cost of each query (by its position, from 1) and the indexes its plan uses, as if the indexes of create_indexes (CREATE INDEX commands) existed and those of hide_indexes did not; costs are in the planner''s units. Nothing is created or executed';

CREATE FUNCTION pgopt.explain_with(
    query text,
    create_indexes text[] DEFAULT '{}',
    hide_indexes regclass[] DEFAULT '{}',
    format text DEFAULT 'text')
RETURNS SETOF text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'explain_with_wrapper';
COMMENT ON FUNCTION pgopt.explain_with(text, text[], regclass[], text) IS
'EXPLAIN of a query, which may hold $n parameters, as if the indexes of create_indexes existed and those of hide_indexes did not; format is text, json, yaml or xml';

CREATE FUNCTION pgopt.hypothetical_create(ddl text)
RETURNS TABLE (id oid, name text)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hypothetical_create_wrapper';
COMMENT ON FUNCTION pgopt.hypothetical_create(text) IS
'Adds a hypothetical index, given as a CREATE INDEX command, to this session: plain EXPLAIN sees it, execution never does';

CREATE FUNCTION pgopt.hypothetical_hide(index regclass)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hypothetical_hide_wrapper';
COMMENT ON FUNCTION pgopt.hypothetical_hide(regclass) IS
'Hides an existing index from plain EXPLAIN in this session; false if it was hidden already';

CREATE FUNCTION pgopt.hypothetical_drop(id oid)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hypothetical_drop_wrapper';
COMMENT ON FUNCTION pgopt.hypothetical_drop(oid) IS
'Removes a hypothetical index from this session, or shows a hidden index again; false if there is no such one';

CREATE FUNCTION pgopt.hypothetical_reset()
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hypothetical_reset_wrapper';
COMMENT ON FUNCTION pgopt.hypothetical_reset() IS
'Removes every hypothetical index from this session and shows the hidden ones again';

CREATE FUNCTION pgopt.hypothetical_list()
RETURNS TABLE (id oid, state text, name text, table_name regclass, access_method text, size_bytes bigint, definition text)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hypothetical_list_wrapper';
COMMENT ON FUNCTION pgopt.hypothetical_list() IS
'This session''s hypothetical and hidden indexes; use the view pgopt.hypothetical_indexes';

CREATE VIEW pgopt.hypothetical_indexes AS
SELECT l.id,
       l.state,
       l.name,
       coalesce(l.table_name, i.indrelid::pg_catalog.regclass) AS table_name,
       coalesce(l.access_method, m.amname::pg_catalog.text) AS access_method,
       coalesce(l.size_bytes, CASE WHEN l.state OPERATOR(pg_catalog.=) 'hidden'
                                   THEN pg_catalog.pg_relation_size(l.id::pg_catalog.regclass) END) AS size_bytes,
       coalesce(l.definition, pg_catalog.pg_get_indexdef(l.id)) AS definition
  FROM pgopt.hypothetical_list() AS l
  LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid OPERATOR(pg_catalog.=) l.id
  LEFT JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) l.id
  LEFT JOIN pg_catalog.pg_am AS m ON m.oid OPERATOR(pg_catalog.=) c.relam;
COMMENT ON VIEW pgopt.hypothetical_indexes IS
'Indexes that plain EXPLAIN in this session sees though they do not exist (state added), and existing ones that it does not see (state hidden); the size is an estimate for added ones';
COMMENT ON COLUMN pgopt.hypothetical_indexes.id IS 'made-up OID of an added index, OID of a hidden one; the argument of pgopt.hypothetical_drop()';
COMMENT ON COLUMN pgopt.hypothetical_indexes.state IS 'added or hidden';
COMMENT ON COLUMN pgopt.hypothetical_indexes.name IS 'name given in the command, or the one CREATE INDEX would choose';
COMMENT ON COLUMN pgopt.hypothetical_indexes.table_name IS 'table of the index; NULL when it was dropped since';
COMMENT ON COLUMN pgopt.hypothetical_indexes.access_method IS 'access method of the index';
COMMENT ON COLUMN pgopt.hypothetical_indexes.size_bytes IS 'size in bytes, estimated for added indexes, real for hidden ones';
COMMENT ON COLUMN pgopt.hypothetical_indexes.definition IS 'CREATE INDEX command';
