-- What is on, what is off, and how to turn it on.

CREATE FUNCTION pgopt.status()
RETURNS TABLE (feature text, state text, detail text, hint text)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'status_wrapper';
COMMENT ON FUNCTION pgopt.status() IS
'Features of pgopt, each on or off in this session, with the reason and the way to turn it on';
