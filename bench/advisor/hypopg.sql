-- Costs the live peer's advice and pgopt's by HypoPG.

CREATE EXTENSION hypopg;

INSERT INTO bench.sets (name, ddl)
SELECT 'pgopt, budget ' || label, bench.plain(ddl) FROM bench.advice JOIN bench.budgets USING (label) ORDER BY position, rank;

CREATE PROCEDURE bench.cost_by_hypopg(set_name text) LANGUAGE plpgsql AS $$
DECLARE
    this record;
    made oid;
BEGIN
    PERFORM hypopg_reset();
    FOR this IN SELECT id, ddl FROM bench.sets WHERE name = set_name LOOP
        BEGIN
            SELECT indexrelid INTO made FROM hypopg_create_index(this.ddl);
            UPDATE bench.sets SET size_bytes = hypopg_relation_size(made) WHERE id = this.id;
        EXCEPTION WHEN OTHERS THEN
            UPDATE bench.sets SET refused = SQLERRM WHERE id = this.id;
        END;
    END LOOP;
    CALL bench.note_plans('hypopg ' || set_name);
    PERFORM hypopg_reset();
END $$;

CALL bench.cost_by_hypopg('nothing');
SELECT format('CALL bench.cost_by_hypopg(%L)', name) FROM (SELECT DISTINCT name FROM bench.sets) AS names \gexec
