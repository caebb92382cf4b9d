-- Settings that results may depend on, as one value.
-- $1 their names, $2 their values in this session, $3 the role that a session works as, $4 whether
-- that is this session, whose values they are then.
WITH here(oid) AS (
    SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()
), entries(role, database, name, value) AS (
    SELECT s.setrole, s.setdatabase, lower(split_part(c.entry, '=', 1)), substr(c.entry, strpos(c.entry, '=') + 1)
      FROM pg_db_role_setting AS s CROSS JOIN unnest(s.setconfig) AS c(entry)
     WHERE s.setrole IN (0, 10, $3::oid) AND s.setdatabase IN (0, (SELECT h.oid FROM here AS h))
)
SELECT jsonb_build_object(
    'settings', (
        SELECT jsonb_object_agg(n.name, CASE WHEN $4::bool THEN n.value ELSE coalesce(
                   (SELECT e.value FROM entries AS e WHERE e.name = lower(n.name) AND e.role IN (0, $3::oid)
                     ORDER BY e.role <> 0 DESC, e.database <> 0 DESC LIMIT 1),
                   -- What this process was given as a superuser is no other role's.
                   CASE WHEN NOT EXISTS (SELECT FROM entries AS e WHERE e.name = lower(n.name) AND e.role = 10)
                        THEN n.value END) END)
          FROM unnest($1::text[], $2::text[]) AS n(name, value)),
    -- One that was taken back may still be in force in this process.
    'defaults', (
        SELECT hashtextextended(coalesce(jsonb_agg(jsonb_build_array(e.role::int8, e.database::int8, e.name, e.value)
                   ORDER BY e.role, e.database, e.name, e.value)::text, ''), 0)::text
          FROM entries AS e WHERE e.role IN (0, $3::oid)))
