-- The indexes that the system's own developers made by hand. Each one's comment
-- says what for.

CREATE INDEX organizations_name_trgm ON organizations USING gin (name gin_trgm_ops);
COMMENT ON INDEX organizations_name_trgm IS 'search by name';

CREATE INDEX organizations_domain ON organizations (domain) WHERE deleted_at IS NULL;
COMMENT ON INDEX organizations_domain IS 'organisation by domain';

CREATE INDEX organizations_status_created ON organizations (status, created_at);
COMMENT ON INDEX organizations_status_created IS 'latest in a state';

CREATE INDEX users_email_lower ON users (lower(email));
COMMENT ON INDEX users_email_lower IS 'login';

CREATE INDEX users_name_search ON users USING gin ((first_name || ' ' || last_name) gin_trgm_ops);
COMMENT ON INDEX users_name_search IS 'search for people';

CREATE INDEX users_status_role ON users (status, role) WHERE deleted_at IS NULL;
COMMENT ON INDEX users_status_role IS 'role-based access';

CREATE INDEX users_login_activity ON users (last_login_at, status) INCLUDE (email, login_count);
COMMENT ON INDEX users_login_activity IS 'login activity';

CREATE INDEX events_aggregate_timeline ON events (aggregate_id, created_at) INCLUDE (event_type);
COMMENT ON INDEX events_aggregate_timeline IS 'events of an aggregate';

CREATE INDEX events_type_timeline ON events (event_type, created_at);
COMMENT ON INDEX events_type_timeline IS 'events of a type';

CREATE INDEX events_org_timeline ON events (organization_id, created_at);
COMMENT ON INDEX events_org_timeline IS 'events of an organisation';

CREATE INDEX events_correlation ON events (correlation_id) WHERE correlation_id IS NOT NULL;
COMMENT ON INDEX events_correlation IS 'tracing';

CREATE INDEX events_unprocessed ON events (created_at) WHERE processed_at IS NULL;
COMMENT ON INDEX events_unprocessed IS 'retry queue';

CREATE INDEX api_keys_user_status ON api_keys (user_id, status);
COMMENT ON INDEX api_keys_user_status IS 'keys of a user';

CREATE INDEX api_keys_expires ON api_keys (expires_at) WHERE status = 'active';
COMMENT ON INDEX api_keys_expires IS 'keys about to expire';

CREATE INDEX api_keys_usage ON api_keys (last_used_at DESC) INCLUDE (usage_count);
COMMENT ON INDEX api_keys_usage IS 'usage of keys';
