-- What the example leaves out, as nothing in it needs it: the words of a test
-- case, which its developers searched once they had made an index on them.
ALTER TABLE test_cases ADD COLUMN tsv tsvector
    GENERATED ALWAYS AS (to_tsvector('english', title || ' ' || description)) STORED;
