-- The latest users who have not finished their onboarding
SELECT id, email, created_at FROM users WHERE onboarding_completed = false
ORDER BY created_at DESC LIMIT 20;
