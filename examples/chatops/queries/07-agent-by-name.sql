-- An agent that was mentioned
SELECT id, name, type, system_prompt, config FROM agents WHERE name = :'agent_name';
