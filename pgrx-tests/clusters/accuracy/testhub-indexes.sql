-- Indexes for the demo's queries.

INSERT INTO accuracy.indexes (schema, rest) VALUES
('testhub', 'test_executions (project_id)'),
('testhub', 'test_executions (created_at)'),
('testhub', 'test_executions (project_id, created_at DESC)'),
('testhub', 'test_executions (project_id, result, created_at)'),
('testhub', 'test_executions (test_id)'),
('testhub', 'test_executions (test_id, created_at DESC)'),
('testhub', 'test_executions (project_id, test_id, created_at DESC)'),
('testhub', $$test_executions (project_id, created_at) WHERE result IN ('fail', 'error')$$),
('testhub', 'test_cases (test_id)'),
('testhub', 'test_cases (project_id)'),
('testhub', 'test_cases (project_id, status, priority)'),
('testhub', 'test_cases (project_id, status, priority, updated_at DESC)'),
('testhub', 'projects (owner_id)'),
('testhub', 'predictions (model_id)'),
('testhub', 'predictions (model_id, created_at DESC) WHERE ground_truth IS NULL'),
('testhub', 'predictions (ground_truth, model_id)'),
('testhub', 'predictions (model_name, model_version, created_at)'),
('testhub', 'predictions (created_at)'),
('testhub', 'agent_decisions (agent_id, created_at)'),
('testhub', 'agent_decisions (agent_id, confidence_score)'),
('testhub', 'agent_messages (receiver_id, created_at)'),
('testhub', 'agent_messages (receiver_id, created_at) WHERE is_read = false'),
('testhub', 'audit_logs (user_id)'),
('testhub', 'audit_logs (user_id, created_at)'),
('testhub', 'users (email)'),
('testhub', 'users (email) INCLUDE (full_name, role)');

INSERT INTO accuracy.queries (schema, name, query) VALUES
('testhub', '17 login, any case', $$SELECT id, full_name FROM users WHERE lower(email) = 'user4711@testhub.example'$$),
('testhub', '18 executions of a month', $$SELECT count(*) FROM test_executions WHERE date_trunc('month', created_at AT TIME ZONE 'UTC') = date_trunc('month', now() AT TIME ZONE 'UTC')$$);

INSERT INTO accuracy.indexes (schema, rest, expression) VALUES
('testhub', 'users (lower(email))', true),
('testhub', $$test_executions (date_trunc('month', created_at AT TIME ZONE 'UTC'))$$, true);
