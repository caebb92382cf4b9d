-- The workflows that a source triggers, found inside their JSON definition
-- If not faster: needs a GIN index: comes in a later version
SELECT id, name, category FROM workflow_templates WHERE config @> :'trigger';
