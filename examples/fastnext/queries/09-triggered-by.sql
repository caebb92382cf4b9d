-- The workflows that a source triggers, found inside their JSON definition
SELECT id, name, category FROM workflow_templates WHERE config @> :'trigger';
