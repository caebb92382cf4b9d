-- How right a model was on each of the last 14 days
SELECT date_trunc('day', created_at) AS day, avg(confidence) AS confidence,
       avg((prediction = ground_truth)::int) AS accuracy
FROM predictions
WHERE model_name = :'model_name' AND model_version = :'model_version'
  AND created_at >= now() - INTERVAL '14 days'
GROUP BY 1 ORDER BY 1;
