-- The indexes that the system's own developers made by hand: those on keys,
-- foreign keys and times first, then composite, partial and GIN ones. Each one's
-- comment says what for.

CREATE UNIQUE INDEX users_email ON users (email);
COMMENT ON INDEX users_email IS 'login';

CREATE UNIQUE INDEX test_cases_test_id ON test_cases (test_id);
COMMENT ON INDEX test_cases_test_id IS 'test case by key';

CREATE INDEX projects_owner_id ON projects (owner_id);
COMMENT ON INDEX projects_owner_id IS 'projects of an owner';

CREATE INDEX test_cases_project_id ON test_cases (project_id);
COMMENT ON INDEX test_cases_project_id IS 'test cases of a project';

CREATE INDEX test_executions_test_id ON test_executions (test_id);
COMMENT ON INDEX test_executions_test_id IS 'executions of a test';

CREATE INDEX test_executions_project_id ON test_executions (project_id);
COMMENT ON INDEX test_executions_project_id IS 'executions of a project';

CREATE INDEX test_executions_executed_by ON test_executions (executed_by);
COMMENT ON INDEX test_executions_executed_by IS 'executions by a user';

CREATE INDEX predictions_model_id ON predictions (model_id);
COMMENT ON INDEX predictions_model_id IS 'predictions of a model';

CREATE INDEX predictions_test_id ON predictions (test_id);
COMMENT ON INDEX predictions_test_id IS 'predictions about a test';

CREATE INDEX audit_logs_user_id ON audit_logs (user_id);
COMMENT ON INDEX audit_logs_user_id IS 'audit of a user';

CREATE INDEX test_executions_created_at ON test_executions (created_at);
COMMENT ON INDEX test_executions_created_at IS 'latest executions';

CREATE INDEX predictions_created_at ON predictions (created_at);
COMMENT ON INDEX predictions_created_at IS 'latest predictions';

CREATE INDEX agent_decisions_created_at ON agent_decisions (created_at);
COMMENT ON INDEX agent_decisions_created_at IS 'latest decisions';

CREATE INDEX audit_logs_created_at ON audit_logs (created_at);
COMMENT ON INDEX audit_logs_created_at IS 'latest audit entries';

CREATE INDEX test_exec_project_status_created ON test_executions (project_id, result, created_at DESC);
COMMENT ON INDEX test_exec_project_status_created IS 'dashboard';

CREATE INDEX test_exec_test_result_created ON test_executions (test_id, result, created_at DESC);
COMMENT ON INDEX test_exec_test_result_created IS 'test history';

CREATE INDEX test_cases_project_status_priority ON test_cases (project_id, status, priority);
COMMENT ON INDEX test_cases_project_status_priority IS 'test cases of a project in a state';

CREATE INDEX predictions_model_version_created ON predictions (model_name, model_version, created_at DESC);
COMMENT ON INDEX predictions_model_version_created IS 'drift of a model';

CREATE INDEX agent_decisions_confidence ON agent_decisions (agent_id, confidence_score, created_at DESC);
COMMENT ON INDEX agent_decisions_confidence IS 'unsure decisions of an agent';

CREATE INDEX test_cases_active ON test_cases (project_id, updated_at DESC) WHERE status = 'active';
COMMENT ON INDEX test_cases_active IS 'active test cases';

CREATE INDEX test_exec_failures ON test_executions (project_id, created_at DESC) WHERE result IN ('fail', 'error');
COMMENT ON INDEX test_exec_failures IS 'recent failures';

CREATE INDEX predictions_unlabelled ON predictions (model_id, created_at DESC) WHERE ground_truth IS NULL;
COMMENT ON INDEX predictions_unlabelled IS 'predictions to be checked';

CREATE INDEX agent_decisions_unsure ON agent_decisions (agent_id, created_at DESC) WHERE confidence_score < 0.5;
COMMENT ON INDEX agent_decisions_unsure IS 'unsure decisions';

CREATE INDEX agent_messages_unread ON agent_messages (receiver_id, created_at) WHERE is_read = false;
COMMENT ON INDEX agent_messages_unread IS 'inbox';

CREATE INDEX projects_active ON projects (owner_id) WHERE status = 'active';
COMMENT ON INDEX projects_active IS 'active projects';

CREATE INDEX agent_decisions_context ON agent_decisions USING gin (context);
COMMENT ON INDEX agent_decisions_context IS 'search in the context of decisions';

CREATE INDEX test_cases_metadata ON test_cases USING gin (metadata);
COMMENT ON INDEX test_cases_metadata IS 'search in metadata of test cases';

CREATE INDEX audit_logs_details ON audit_logs USING gin (details);
COMMENT ON INDEX audit_logs_details IS 'search in details of the audit';

-- The column with the words came with the index: bench/seeds/testhub/setup.sql
CREATE INDEX test_cases_tsv ON test_cases USING gin (tsv);
COMMENT ON INDEX test_cases_tsv IS 'search for words';
