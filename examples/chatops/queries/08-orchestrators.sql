-- The orchestrators on duty
SELECT id, name, config FROM agents WHERE type = 'orchestrator' AND is_active = true;
