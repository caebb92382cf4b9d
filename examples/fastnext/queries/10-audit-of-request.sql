-- What a request changed, found inside JSON
-- If not faster: needs a GIN index: comes in a later version
SELECT id, user_id, entity_type, entity_id, action FROM audit_trails
WHERE metadata @> :'request';
