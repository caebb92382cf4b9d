-- A test case by the key people use
SELECT * FROM test_cases WHERE test_id = :'test_key';
