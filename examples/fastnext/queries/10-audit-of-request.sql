-- What a request changed, found inside JSON
SELECT id, user_id, entity_type, entity_id, action FROM audit_trails
WHERE metadata @> :'request';
