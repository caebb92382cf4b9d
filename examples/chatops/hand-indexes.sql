-- The indexes that the system's own developers made by hand. Each one's comment
-- says what for.

CREATE INDEX agents_name ON agents (name);
COMMENT ON INDEX agents_name IS 'agent by name';

CREATE INDEX agents_type ON agents (type);
COMMENT ON INDEX agents_type IS 'agents of a type';

CREATE INDEX agents_active ON agents (is_active);
COMMENT ON INDEX agents_active IS 'active agents';

CREATE INDEX agents_type_active ON agents (type, is_active);
COMMENT ON INDEX agents_type_active IS 'orchestrator lookup';

CREATE INDEX messages_channel_id ON messages (channel_id);
COMMENT ON INDEX messages_channel_id IS 'messages of a channel';

CREATE INDEX messages_created_at ON messages (created_at);
COMMENT ON INDEX messages_created_at IS 'messages in order';

CREATE INDEX messages_author_id ON messages (author_id);
COMMENT ON INDEX messages_author_id IS 'messages of an agent';

CREATE INDEX messages_channel_created ON messages (channel_id, created_at);
COMMENT ON INDEX messages_channel_created IS 'pages of a channel''s history';

CREATE INDEX workflows_status ON workflows (status);
COMMENT ON INDEX workflows_status IS 'workflows in a state';

CREATE INDEX workflows_created_at ON workflows (created_at);
COMMENT ON INDEX workflows_created_at IS 'workflow history';

CREATE INDEX workflows_channel_id ON workflows (channel_id);
COMMENT ON INDEX workflows_channel_id IS 'workflows of a channel';

CREATE INDEX workflows_status_created ON workflows (status, created_at);
COMMENT ON INDEX workflows_status_created IS 'latest workflows in a state';

CREATE INDEX workflow_tasks_workflow_id ON workflow_tasks (workflow_id);
COMMENT ON INDEX workflow_tasks_workflow_id IS 'tasks of a workflow';

CREATE INDEX workflow_tasks_status ON workflow_tasks (status);
COMMENT ON INDEX workflow_tasks_status IS 'tasks in a state';

CREATE INDEX workflow_tasks_order ON workflow_tasks ("order");
COMMENT ON INDEX workflow_tasks_order IS 'order of execution';

CREATE INDEX workflow_tasks_workflow_status ON workflow_tasks (workflow_id, status);
COMMENT ON INDEX workflow_tasks_workflow_status IS 'tasks of a workflow in a state';
