-- The indexes that the system's own developers made by hand. Each one's comment
-- says what for.

CREATE UNIQUE INDEX users_email ON users (email);
COMMENT ON INDEX users_email IS 'login';

CREATE UNIQUE INDEX users_username ON users (username);
COMMENT ON INDEX users_username IS 'user by name';

CREATE INDEX users_active ON users (id) WHERE is_active = true;
COMMENT ON INDEX users_active IS 'active users only';

CREATE INDEX activity_logs_user_id ON activity_logs (user_id);
COMMENT ON INDEX activity_logs_user_id IS 'activity of a user';

CREATE INDEX activity_logs_timestamp ON activity_logs (timestamp);
COMMENT ON INDEX activity_logs_timestamp IS 'activity of a time';

CREATE INDEX activity_logs_user_timestamp ON activity_logs (user_id, timestamp);
COMMENT ON INDEX activity_logs_user_timestamp IS 'activity of a user in a time';

-- A predicate cannot say now(), so it holds the day on which the index was made.
SELECT current_date - 30 AS month_ago \gset
CREATE INDEX activity_logs_recent ON activity_logs (timestamp) WHERE timestamp > :'month_ago';
COMMENT ON INDEX activity_logs_recent IS 'activity of the last 30 days';

CREATE INDEX workflow_templates_config_gin ON workflow_templates USING gin (config);
COMMENT ON INDEX workflow_templates_config_gin IS 'search in workflow definitions';

CREATE INDEX audit_trails_metadata_gin ON audit_trails USING gin (metadata);
COMMENT ON INDEX audit_trails_metadata_gin IS 'search in audit metadata';
