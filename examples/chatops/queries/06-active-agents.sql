-- The agents that can be spoken to
SELECT id, name, type FROM agents WHERE is_active = true ORDER BY name;
