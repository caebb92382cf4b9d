-- What is compared: a name for the shape, and the command without the name of the
-- index. Those with a caveat are reported but kept out of the bars.

INSERT INTO accuracy.shapes (schema, shape, rest) VALUES
('sizes', 'integer, unique values', 'items (id)'),
('sizes', 'bigint, in row order', 'items (serial)'),
('sizes', 'bigint, random', 'items (random)'),
('sizes', 'bigint, 20 rows per value', 'items (parent)'),
('sizes', 'bigint, skewed', 'items (owner)'),
('sizes', 'smallint, 100 values', 'items (quantity)'),
('sizes', 'double precision', 'items (ratio)'),
('sizes', 'md5 as text', 'items (digest)'),
('sizes', 'text of varying length', 'items (title)'),
('sizes', 'text, 4 values', 'items (status)'),
('sizes', 'char(2), 8 values', 'items (country)'),
('sizes', 'boolean', 'items (active)'),
('sizes', 'nullable text, 40 % NULL', 'items (note)'),
('sizes', 'nullable time, 75 % NULL', 'items (closed_at)'),
('sizes', 'numeric', 'items (amount)'),
('sizes', 'uuid', 'items (token)'),
('sizes', 'timestamptz', 'items (at DESC)'),
('sizes', 'date, 700 values', 'items (day)'),
('sizes', 'varchar, unique values', 'items (email)'),
('sizes', 'composite: text, time', 'items (status, at)'),
('sizes', 'composite: bigint, time', 'items (parent, at DESC)'),
('sizes', 'composite: text, boolean', 'items (status, active)'),
('sizes', 'composite: 2 of few values, date', 'items (country, status, day)'),
('sizes', 'composite: boolean, text', 'items (active, title)'),
('sizes', 'composite: nullable, nullable', 'items (closed_at, note)'),
('sizes', 'INCLUDE text', 'items (id) INCLUDE (title)'),
('sizes', 'INCLUDE numeric', 'items (parent) INCLUDE (amount)'),
('sizes', 'INCLUDE nullable', 'items (owner) INCLUDE (closed_at, active)'),
('sizes', 'fillfactor 70', 'items (at) WITH (fillfactor = 70)'),
('sizes', 'fillfactor 100, duplicates', 'items (parent) WITH (fillfactor = 100)'),
('sizes', 'deduplicate_items off, bigint', 'items (parent) WITH (deduplicate_items = off)'),
('sizes', 'deduplicate_items off, text', 'items (status) WITH (deduplicate_items = off)'),
('sizes', 'partial: another column, 3 %', $$items (at) WHERE status = 'failed'$$),
('sizes', 'partial: duplicates, 3 %', $$items (parent) WHERE status = 'failed'$$),
('sizes', 'partial: skewed, 20 %', $$items (owner) WHERE NOT active$$),
('sizes', 'partial: the column itself', $$items (closed_at) WHERE closed_at IS NOT NULL$$),
('sizes', 'partial: a range of the column', $$items (owner, at) WHERE owner < 2000$$),
('sizes', 'partial: range, duplicates', $$items (parent) WHERE parent < 2000$$),
('sizes', 'partial: only the NULLs', $$items (parent) WHERE closed_at IS NULL$$),
('sizes', 'partitioned: time', 'events (at)'),
('sizes', 'partitioned: bigint, time', 'events (device, at)'),
('sizes', 'partitioned: text', 'events (kind)'),
('sizes', 'materialized view', 'totals (owner)'),
('sizes', 'materialized view: composite', 'totals (day, amount)'),
('sizes', 'dependent columns, statistics', 'addresses (country, city, street)'),
('sizes', 'dependent columns, statistics of 2', 'addresses (city, street)'),
('testhub', 'testhub: executions of a test', 'test_executions (test_id, created_at)'),
('testhub', 'testhub: executions by project', 'test_executions (project_id, created_at DESC)'),
('testhub', 'testhub: executions by test', 'test_executions (test_id)'),
('testhub', 'testhub: executions by user', 'test_executions (executed_by)'),
('testhub', 'testhub: results by time', 'test_executions (result, created_at)'),
('testhub', 'testhub: environment, browser', 'test_executions (environment, browser)'),
('testhub', 'testhub: duration', 'test_executions (duration_ms)'),
('testhub', 'testhub: message, mostly NULL', 'test_executions (error_message)'),
('testhub', 'testhub: address of the log', 'test_executions (log_url)'),
('testhub', 'testhub: failures', $$test_executions (project_id, created_at) WHERE result IN ('fail', 'error')$$),
('testhub', 'testhub: key of a case', 'test_cases (test_id)'),
('testhub', 'testhub: title of a case', 'test_cases (title)'),
('testhub', 'testhub: cases by state', 'test_cases (project_id, status, priority)'),
('testhub', 'testhub: not labelled', 'predictions (model_id, created_at) WHERE ground_truth IS NULL'),
('testhub', 'testhub: models', 'predictions (model_name, model_version, created_at)'),
('testhub', 'testhub: decisions', 'agent_decisions (agent_id, confidence_score)'),
('testhub', 'testhub: unread messages', 'agent_messages (receiver_id, created_at) WHERE NOT is_read'),
('testhub', 'testhub: conversations', 'agent_messages (conversation_id)'),
('testhub', 'testhub: audit trail', 'audit_logs (user_id, created_at)'),
('testhub', 'testhub: audited entities', 'audit_logs (entity_type, entity_id)');

INSERT INTO accuracy.shapes (schema, shape, rest, unique_keys) VALUES
('sizes', 'UNIQUE varchar', 'items (email)', true),
('sizes', 'UNIQUE composite', 'items (serial, status)', true),
('testhub', 'testhub: UNIQUE e-mail', 'users (email)', true);

-- Measured a second time when the real index has been analysed, and its
-- expression has statistics.
INSERT INTO accuracy.shapes (schema, shape, rest, expression) VALUES
('sizes', 'expression: lower(email)', 'items (lower(email))', true),
('sizes', 'expression: time in UTC', $$items ((at AT TIME ZONE 'UTC'))$$, true);

INSERT INTO accuracy.shapes (schema, shape, rest, expression) VALUES
('sizes', 'expression: month', $$items (date_trunc('month', at AT TIME ZONE 'UTC'))$$, true);

INSERT INTO accuracy.shapes (schema, shape, rest, expression, caveat) VALUES
('sizes', 'dependent columns, no statistics', 'plain_addresses (country, city, street)', false,
 'columns are taken as independent; CREATE STATISTICS tells');
