-- Predictions of a model that nobody has checked yet
SELECT id, test_id, prediction, confidence FROM predictions
WHERE model_id = :model_id AND ground_truth IS NULL
ORDER BY created_at DESC LIMIT 100;
