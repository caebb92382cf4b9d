-- Everything below works with the caller's own rights and shows nobody's secrets, so everybody
-- may use it: reading statistics is checked inside, as pg_read_all_stats has it.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pgopt FROM PUBLIC;
GRANT USAGE ON SCHEMA pgopt TO PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO PUBLIC;
GRANT SELECT ON pgopt.hypothetical_indexes TO PUBLIC;
