-- The schema itself comes from the control file; nothing is PUBLIC's until it is granted.
REVOKE ALL ON SCHEMA pgopt FROM PUBLIC;
