-- The indexes that the system's own developers made by hand. Each one's comment
-- says what for.

CREATE INDEX users_role ON users (role);
COMMENT ON INDEX users_role IS 'administration';

CREATE INDEX users_is_active ON users (is_active);
COMMENT ON INDEX users_is_active IS 'active users';

CREATE INDEX users_onboarding_completed ON users (onboarding_completed);
COMMENT ON INDEX users_onboarding_completed IS 'dashboard of the onboarding';

CREATE INDEX exercises_difficulty ON exercises (difficulty);
COMMENT ON INDEX exercises_difficulty IS 'adapting the difficulty';

CREATE INDEX exercises_programming_language ON exercises (programming_language);
COMMENT ON INDEX exercises_programming_language IS 'choosing by language';

CREATE INDEX user_exercises_status ON user_exercises (status);
COMMENT ON INDEX user_exercises_status IS 'progress';

CREATE INDEX user_exercises_user_created ON user_exercises (user_id, created_at);
COMMENT ON INDEX user_exercises_user_created IS 'streaks';
