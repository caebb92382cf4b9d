//! The dry run of `CREATE INDEX` against the real command, definition by definition.

#[allow(clippy::result_large_err)] // what pgrx makes of a test's error
#[pgrx::pg_schema]
mod tests {
    use std::panic::AssertUnwindSafe;

    use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportWithLevel};
    use pgrx::prelude::*;
    use pgrx::{PgRelation, PgSqlErrorCode};

    use crate::error::Error;
    use crate::pg::index_definition::IndexDefinition;
    use crate::pg::ports::define_index::{DryRun, dry_run_create_index};

    /// What all definitions are about; dropped columns make attribute numbers differ.
    const OBJECTS: &str = r#"
        CREATE SCHEMA di; SET LOCAL search_path = di, public;
        CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
        CREATE TYPE pair AS (a int, b text);
        CREATE DOMAIN posint AS int CHECK (VALUE > 0);
        CREATE DOMAIN numbers AS int[];
        CREATE DOMAIN label AS text COLLATE "C";
        CREATE COLLATION nd (provider = icu, locale = 'und', deterministic = false);
        CREATE FUNCTION imm(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 1; END';
        CREATE FUNCTION sta(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1 + 1; END';
        CREATE FUNCTION inlined(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 + 1';
        CREATE FUNCTION dated(int, timestamptz DEFAULT now()) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
        CREATE FUNCTION late(int, timestamptz DEFAULT now()) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
        CREATE FUNCTION boom(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'boom %', $1; END $$;
        CREATE FUNCTION anon(int) RETURNS record LANGUAGE sql IMMUTABLE AS 'SELECT $1, $1';
        CREATE FUNCTION paired(int) RETURNS pair LANGUAGE sql IMMUTABLE AS $$ SELECT $1, 'x' $$;
        CREATE TABLE t (gone int, id int, k int NOT NULL, b bigint, txt text, vc varchar(20), ch char(5),
            lab label, pos posint, flag boolean, ts timestamp, tz timestamptz, d date, n numeric,
            arr int[], tarr text[], doc jsonb, js json, x xml, r int4range, mr int4multirange, m mood,
            pt point, bx box, tsv tsvector, ip inet, nd text COLLATE nd, u uuid, pr pair, oidv oid, darr numbers,
            gen int GENERATED ALWAYS AS (k * 2) STORED);
        ALTER TABLE t DROP COLUMN gone;
        CREATE INDEX taken ON t (id);
        CREATE INDEX t_txt_idx ON t (txt);
        CREATE TABLE "Mixed Case" ("Id" int, "a""b" text, "select" int,
            "a_very_long_column_name_which_is_almost_as_long_as_one_can_be_" text,
            "ä_sehr_langer_spaltenname_mit_umlauten_äöüäöüäöüäöüäöü" text);
        CREATE MATERIALIZED VIEW mv AS SELECT 1 AS a, 'x'::text AS b;
        CREATE VIEW v AS SELECT id, txt FROM t;
        CREATE SEQUENCE sq;
        CREATE TEMP TABLE tmp (a int, b text);
        CREATE UNLOGGED TABLE ulg (a int);
        CREATE TABLE par (gone int, a int, b text, c int) PARTITION BY RANGE (a);
        ALTER TABLE par DROP COLUMN gone;
        CREATE TABLE par1 (c int, b text, a int);
        ALTER TABLE par ATTACH PARTITION par1 FOR VALUES FROM (0) TO (10);
        CREATE TABLE par2 PARTITION OF par FOR VALUES FROM (10) TO (20) PARTITION BY LIST (c);
        CREATE TABLE par2_1 PARTITION OF par2 FOR VALUES IN (1, 2);
        CREATE TABLE hpar (a int, b text) PARTITION BY HASH (a, b);
        CREATE TABLE epar (a int, b text) PARTITION BY RANGE ((a + 1));
        CREATE TABLE tpar (a int, b text) PARTITION BY LIST (b);
        CREATE TABLE bare (a int) PARTITION BY LIST (a);
        CREATE FOREIGN DATA WRAPPER di_fdw; CREATE SERVER di_srv FOREIGN DATA WRAPPER di_fdw;
        CREATE FOREIGN TABLE ft (a int) SERVER di_srv;
        CREATE TABLE fpar (a int) PARTITION BY LIST (a);
        CREATE FOREIGN TABLE fpar1 PARTITION OF fpar FOR VALUES IN (1) SERVER di_srv;
    "#;

    /// Definitions that the server accepts.
    const RIGHT: &[&str] = &[
        "CREATE INDEX ON t (id)",
        "CREATE INDEX named ON t (id)",
        "CREATE INDEX IF NOT EXISTS fresh ON t (id)",
        "CREATE INDEX IF NOT EXISTS taken ON t (txt)",
        "CREATE INDEX IF NOT EXISTS v ON t (id)",
        "CREATE UNIQUE INDEX ON t (id, txt)",
        "CREATE UNIQUE INDEX ON t (id) NULLS NOT DISTINCT",
        "CREATE INDEX CONCURRENTLY ON t (b)",
        "CREATE INDEX ON ONLY di.t (b)",
        "CREATE INDEX ON t (txt)",
        "CREATE INDEX ON t (id DESC, k ASC NULLS FIRST, b DESC NULLS LAST)",
        "CREATE INDEX ON t (id, id, id)",
        "CREATE INDEX ON t ((id), (txt COLLATE \"C\"))",
        "CREATE INDEX ON t (txt COLLATE \"C\" text_pattern_ops, vc varchar_pattern_ops, ch bpchar_pattern_ops)",
        "CREATE INDEX ON t (vc, ch, lab, pos, flag)",
        "CREATE INDEX ON t (nd, m, u, n, ts, tz, d)",
        "CREATE INDEX ON t (gen)",
        "CREATE INDEX ON t (arr, tarr, doc, r, mr, tsv, pr)",
        "CREATE INDEX ON t (id) INCLUDE (txt, js, pt, x, id)",
        "CREATE UNIQUE INDEX ON t (id) INCLUDE (k) WITH (fillfactor = 70, deduplicate_items = off)",
        "CREATE INDEX ON t USING hash (txt) WITH (fillfactor = 80)",
        "CREATE INDEX ON t USING gin (arr)",
        "CREATE INDEX ON t USING gin (tarr, doc, tsv) WITH (fastupdate = false, gin_pending_list_limit = 128)",
        "CREATE INDEX ON t USING gin (doc jsonb_path_ops)",
        "CREATE INDEX ON t USING gist (pt, bx, r, mr, tsv)",
        "CREATE INDEX ON t USING gist (tsv tsvector_ops (siglen = 100)) INCLUDE (id)",
        "CREATE INDEX ON t USING gist (ip inet_ops)",
        "CREATE INDEX ON t USING rtree (bx)",
        "CREATE INDEX ON t USING spgist (pt) INCLUDE (k)",
        "CREATE INDEX ON t USING spgist (txt)",
        "CREATE INDEX ON t USING spgist (r)",
        "CREATE INDEX ON t USING spgist (bx)",
        "CREATE INDEX ON t USING brin (id, txt, ts, ip, r, bx) WITH (pages_per_range = 32, autosummarize = on)",
        "CREATE INDEX ON t USING brin (id int4_bloom_ops (n_distinct_per_range = 100), b int8_minmax_multi_ops)",
        "CREATE INDEX ON t (lower(txt))",
        "CREATE INDEX ON t (lower(txt), (id + 1), k, (id + 1), upper(vc) COLLATE \"C\" text_pattern_ops)",
        "CREATE INDEX ON t ((id + (1 + 2)))",
        "CREATE INDEX ON t (imm(id), imm(3))",
        "CREATE INDEX ON t ((t.id = 1))",
        "CREATE INDEX ON t (inlined(id))",
        "CREATE INDEX ON t (dated(id))",
        "CREATE INDEX ON t ((doc ->> 'name'), ((doc -> 'a' ->> 'b')::int))",
        "CREATE INDEX ON t USING gin ((doc -> 'tags'))",
        "CREATE INDEX ON t ((arr[1]), (array_length(tarr, 1)))",
        "CREATE INDEX ON t ((CASE WHEN flag THEN id ELSE k END), coalesce(txt, vc))",
        "CREATE INDEX ON t ((ts::date), date_trunc('month', ts))",
        "CREATE INDEX ON t (timezone('UTC', tz))",
        "CREATE INDEX ON t ((t.*))",
        "CREATE INDEX ON t (paired(id))",
        "CREATE INDEX ON t (((pr).a))",
        "CREATE INDEX ON t USING gin (to_tsvector('english', txt))",
        "CREATE INDEX ON t (id) WHERE flag",
        "CREATE INDEX ON t (id) WHERE id > 0 AND (txt IS NOT NULL AND k = 1 + 1)",
        "CREATE INDEX ON t (id) WHERE NOT (id = 1 OR (id = 1 AND k = 2))",
        "CREATE INDEX ON t (id) WHERE true",
        "CREATE INDEX ON t (id) WHERE false",
        "CREATE INDEX ON t (id) WHERE m = 'happy' AND txt IN ('a', 'b') AND pos > 3",
        "CREATE INDEX ON t (id) WHERE ts > '2024-01-01'",
        "CREATE INDEX ON t (id) WHERE imm(id) > 3",
        "CREATE INDEX ON t (id) WHERE t IS NOT NULL",
        "CREATE INDEX ON t (lower(nd) COLLATE \"C\") WHERE nd = 'x'",
        "CREATE INDEX ON t (id) TABLESPACE pg_default",
        "CREATE INDEX ON \"Mixed Case\" (\"Id\", \"a\"\"b\", \"select\")",
        "CREATE INDEX ON \"Mixed Case\" (\"a_very_long_column_name_which_is_almost_as_long_as_one_can_be_\")",
        "CREATE INDEX ON \"Mixed Case\" (\"a_very_long_column_name_which_is_almost_as_long_as_one_can_be_\", \"a_very_long_column_name_which_is_almost_as_long_as_one_can_be_\", \"Id\")",
        "CREATE INDEX ON \"Mixed Case\" (\"ä_sehr_langer_spaltenname_mit_umlauten_äöüäöüäöüäöüäöü\", \"ä_sehr_langer_spaltenname_mit_umlauten_äöüäöüäöüäöüäöü\")",
        "CREATE INDEX a_name_that_is_much_longer_than_sixty_three_bytes_and_therefore_cut ON t (id)",
        "CREATE UNIQUE INDEX ON mv (a)",
        "CREATE INDEX ON mv (b) WHERE a > 1",
        "CREATE INDEX ON tmp (a, b)",
        "CREATE INDEX ON pg_temp.tmp (lower(b))",
        "CREATE INDEX ON ulg (a)",
        "CREATE INDEX ON par (b, (c + 1)) WHERE a > 3",
        "CREATE INDEX ON ONLY par (b)",
        "CREATE INDEX ON ONLY par ((par.*))",
        "CREATE UNIQUE INDEX ON par2 (c, a)",
        "CREATE UNIQUE INDEX ON ONLY par (a, b)",
        "CREATE UNIQUE INDEX ON hpar (b, a)",
        "CREATE INDEX ON epar (a)",
        "CREATE UNIQUE INDEX ON tpar (b, a)",
        "CREATE INDEX ON bare ((bare.*))",
        "CREATE INDEX ON fpar (a)",
        "CREATE INDEX ON par1 (a) INCLUDE (b)",
        "CREATE INDEX ON t (id, k, b, txt, vc, ch, lab, pos, flag, ts, tz, d, n, u, m)",
        "CREATE INDEX ON t (lower(lab))",
        "CREATE INDEX ON t USING gin (darr, tarr)",
        "CREATE INDEX ON t USING gist (r range_ops, mr multirange_ops)",
        "CREATE INDEX ON t ((txt || id))",
        "CREATE INDEX ON t ((d + 1), (doc #>> '{a,b}'), (NULL::int))",
        "CREATE INDEX ON t (jsonb_path_exists(doc, '$.a'))",
        "CREATE INDEX ON t ((ARRAY[id, k]), (ARRAY[pr]))",
        "CREATE INDEX ON t ((id::bigint), (vc::text) text_pattern_ops DESC NULLS LAST)",
        "CREATE INDEX ON t (id) INCLUDE (gen, darr)",
        "CREATE INDEX ON t (id) WHERE flag IS TRUE AND (id > 1 OR NULL) AND arr @> ARRAY[1, 2]",
        "CREATE INDEX ON t (id) WHERE k BETWEEN 1 AND 10 OR txt LIKE 'a%' OR NOT flag",
        "CREATE INDEX ON t (id) WHERE (id, k) > (1, 2) AND txt IS DISTINCT FROM 'x'",
        "CREATE INDEX ON t (id) WHERE d >= DATE '2024-01-01' AND pos::int = 3 AND coalesce(k, 0) = 0",
    ];

    /// Definitions that the server refuses.
    const WRONG: &[&str] = &[
        "CREATE INDEX ON t id",
        "CREATE INDEX ON t ()",
        "CREATE INDEX IF NOT EXISTS ON t (id)",
        "CREATE INDEX taken ON t (id)",
        "CREATE INDEX v ON t (id)",
        "CREATE INDEX ON nowhere (id)",
        "CREATE INDEX ON no_schema.t (id)",
        "CREATE INDEX ON no_database.di.t (id)",
        "CREATE INDEX ON t (missing)",
        "CREATE INDEX ON t (gone)",
        "CREATE INDEX ON t (lower(missing))",
        "CREATE INDEX ON t (id) WHERE missing = 1",
        "CREATE INDEX ON t (id) INCLUDE (missing)",
        "CREATE INDEX ON t USING no_method (id)",
        "CREATE INDEX ON t USING heap (id)",
        "CREATE INDEX ON t (id no_ops)",
        "CREATE INDEX ON t (id no_schema.int4_ops)",
        "CREATE INDEX ON t (id pg_catalog.no_ops)",
        "CREATE INDEX ON t (txt int4_ops)",
        "CREATE INDEX ON t USING gin (id)",
        "CREATE INDEX ON t USING gin (doc jsonb_ops (siglen = 1))",
        "CREATE INDEX ON t (id int4_ops (siglen = 1))",
        "CREATE INDEX ON t USING gist (tsv tsvector_ops (siglen = 100000))",
        "CREATE INDEX ON t USING gist (tsv tsvector_ops (nonsense = 1))",
        "CREATE INDEX ON t USING gist (id)",
        "CREATE INDEX ON t USING brin (js)",
        "CREATE INDEX ON t (js)",
        "CREATE INDEX ON t (x)",
        "CREATE INDEX ON t (pt)",
        "CREATE INDEX ON t USING hash (js)",
        "CREATE INDEX ON t (txt COLLATE no_collation)",
        "CREATE INDEX ON t (id COLLATE \"C\")",
        "CREATE INDEX ON t ((id COLLATE \"C\"))",
        "CREATE INDEX ON t ((lab || (txt COLLATE \"POSIX\") || (vc COLLATE \"C\")))",
        "CREATE INDEX ON t ((lab || nd))",
        "CREATE INDEX ON t (nd text_pattern_ops)",
        "CREATE INDEX ON t (vc COLLATE nd varchar_pattern_ops)",
        "CREATE INDEX ON t USING gin (arr DESC)",
        "CREATE INDEX ON t USING hash (id NULLS FIRST)",
        "CREATE INDEX ON t USING hash (id, k)",
        "CREATE INDEX ON t USING spgist (pt, pt)",
        "CREATE UNIQUE INDEX ON t USING hash (id)",
        "CREATE UNIQUE INDEX ON t USING gin (arr)",
        "CREATE INDEX ON t USING hash (id) INCLUDE (k)",
        "CREATE INDEX ON t USING brin (id) INCLUDE (k)",
        "CREATE INDEX ON t (id) INCLUDE ((k + 1))",
        "CREATE INDEX ON t (id) INCLUDE (txt COLLATE \"C\")",
        "CREATE INDEX ON t (id) INCLUDE (txt text_ops)",
        "CREATE INDEX ON t (id) INCLUDE (k DESC)",
        "CREATE INDEX ON t (id) INCLUDE (k NULLS FIRST)",
        "CREATE INDEX ON t (id) INCLUDE (ctid)",
        "CREATE INDEX ON t (ctid)",
        "CREATE INDEX ON t ((ctid))",
        "CREATE INDEX ON t ((tableoid::int))",
        "CREATE INDEX ON t (id) WHERE tableoid = 1",
        "CREATE INDEX ON t (sta(id))",
        "CREATE INDEX ON t (late(id))",
        "CREATE INDEX ON t (id) WITH (fillfactor)",
        "CREATE INDEX ON t (boom(1))",
        "CREATE INDEX ON t ((tz::date))",
        "CREATE INDEX ON t ((now()))",
        "CREATE INDEX ON t ((random()))",
        "CREATE INDEX ON t (id) WHERE ts > now()",
        "CREATE INDEX ON t (id) WHERE sta(id) > 1",
        "CREATE INDEX ON t (id) WHERE tz > '2024-01-01'::timestamp",
        "CREATE INDEX ON t (id) WHERE id",
        "CREATE INDEX ON t (id) WHERE id IN (SELECT k FROM t)",
        "CREATE INDEX ON t ((SELECT 1))",
        "CREATE INDEX ON t (sum(id))",
        "CREATE INDEX ON t (id) WHERE sum(id) > 1",
        "CREATE INDEX ON t ((row_number() OVER ()))",
        "CREATE INDEX ON t (generate_series(1, id))",
        "CREATE INDEX ON t ((id + 'x'))",
        "CREATE INDEX ON t ((id || arr || txt))",
        "CREATE INDEX ON t (no_function(id))",
        "CREATE INDEX ON t (anon(id))",
        "CREATE INDEX ON t (('x'))",
        "CREATE INDEX ON t ((NULL))",
        "CREATE INDEX ON t ((mv.a))",
        "CREATE INDEX ON t (id) WHERE oidv = 'postgres'::regrole",
        "CREATE INDEX ON t (id) WHERE $1 = 1",
        "CREATE INDEX ON t (id) WITH (fillfactor = 5)",
        "CREATE INDEX ON t (id) WITH (fillfactor = abc)",
        "CREATE INDEX ON t (id) WITH (fillfactor = 70, fillfactor = 80)",
        "CREATE INDEX ON t (id) WITH (no_option = 1)",
        "CREATE INDEX ON t (id) WITH (space.fillfactor = 70)",
        "CREATE INDEX ON t (id) WITH (\"a=b\" = 1)",
        "CREATE INDEX ON t USING gin (arr) WITH (fillfactor = 70)",
        "CREATE INDEX ON t USING brin (id) WITH (pages_per_range = 0)",
        "CREATE INDEX ON t (id) TABLESPACE no_tablespace",
        "CREATE INDEX ON t (id) TABLESPACE pg_global",
        "CREATE INDEX ON t (id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id)",
        "CREATE INDEX ON t (id) INCLUDE (id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id,id)",
        "CREATE INDEX ON v (id)",
        "CREATE INDEX ON v (missing)",
        "CREATE INDEX ON v (lower(missing))",
        "CREATE INDEX ON ft (a)",
        "CREATE INDEX ON sq (last_value)",
        "CREATE INDEX ON taken (id)",
        "CREATE INDEX ON pair (a)",
        "CREATE INDEX ON pg_class (relname)",
        "CREATE INDEX ON pg_database (datname)",
        "CREATE INDEX ON pg_toast.pg_toast_1255 (chunk_id)",
        "CREATE INDEX ON information_schema.tables (table_name)",
        "CREATE UNIQUE INDEX ON par (b)",
        "CREATE UNIQUE INDEX ON par (a)",
        "CREATE UNIQUE INDEX ON par2 (a)",
        "CREATE UNIQUE INDEX ON hpar (a)",
        "CREATE UNIQUE INDEX ON epar (a)",
        "CREATE UNIQUE INDEX ON tpar (b COLLATE \"C\")",
        "CREATE UNIQUE INDEX ON tpar (b text_pattern_ops COLLATE \"C\")",
        "CREATE UNIQUE INDEX ON par USING hash (a)",
        "CREATE INDEX ON par ((par.*))",
        "CREATE INDEX ON par (a) WHERE par IS NOT NULL",
        "CREATE INDEX ON par (a) TABLESPACE pg_default",
        "CREATE UNIQUE INDEX ON fpar (a)",
        "CREATE INDEX di.named ON t (id)",
        "CREATE INDEX ON t ((ROW(id, k)))",
        "CREATE INDEX ON t (textout(txt))",
        "CREATE INDEX ON t ((tz + interval '1 day'))",
        "CREATE INDEX ON t (to_char(ts, 'YYYY'))",
        "CREATE INDEX ON t (concat(txt, id))",
        "CREATE INDEX ON t ((txt::date))",
        "CREATE INDEX ON t ((ts::text))",
        "CREATE INDEX ON t (to_tsvector(txt))",
        "CREATE INDEX ON t (nextval('sq'))",
        "CREATE INDEX ON t (id) WHERE d = CURRENT_DATE",
        "CREATE INDEX ON t (id) WHERE txt = current_user",
        "CREATE INDEX ON t (id) WHERE EXISTS (SELECT 1)",
        "CREATE INDEX ON t (id) WHERE rank() OVER () = 1",
        "CREATE INDEX ON t (id) WHERE generate_series(1, 2) = 1",
        "CREATE INDEX ON t (id) WHERE m = 'furious'",
        "CREATE INDEX ON t (id) WHERE id = 1 / 0",
        "CREATE INDEX ON t (id) WHERE grouping(id) = 1",
        "CREATE INDEX ON t (id ASC NULLS MIDDLE)",
        "CREATE INDEX ON t USING gist (pt ASC)",
        "CREATE INDEX ON t USING gist (pt NULLS LAST)",
        "CREATE INDEX ON t USING btree (id) WITH (fillfactor = -1, deduplicate_items = maybe)",
        "CREATE INDEX ON t USING gist (pt) WITH (buffering = perhaps)",
    ];

    /// An error as far as the two commands must agree on it.
    #[derive(Debug, PartialEq)]
    struct Failure {
        code: PgSqlErrorCode,
        message: String,
        detail: Option<String>,
        hint: Option<String>,
    }

    impl From<&ErrorReportWithLevel> for Failure {
        fn from(report: &ErrorReportWithLevel) -> Self {
            Self {
                code: report.sql_error_code(),
                message: report.message().to_owned(),
                detail: report.detail().map(str::to_owned),
                hint: report.hint().map(str::to_owned),
            }
        }
    }

    impl Failure {
        fn brief(&self) -> (PgSqlErrorCode, &str) {
            (self.code, &self.message)
        }
    }

    /// Runs `work` in a subtransaction that is rolled back whatever happens.
    fn undone<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Failure> {
        // SAFETY: the test runs in a transaction; context and owner are restored below.
        let (context, owner) = unsafe {
            let before = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
            pg_sys::BeginInternalSubTransaction(std::ptr::null());
            pg_sys::CurrentMemoryContext = before.0;
            before
        };
        let raising = || match work() {
            Ok(result) => Ok(result),
            Err(error) => {
                ErrorReport::from(error).report(PgLogLevel::ERROR);
                unreachable!("the report does not return")
            }
        };
        let outcome = PgTryBuilder::new(AssertUnwindSafe(raising))
            .catch_others(|cause| {
                Err(match cause {
                    CaughtError::PostgresError(report)
                    | CaughtError::ErrorReport(report)
                    | CaughtError::RustPanic {
                        ereport: report, ..
                    } => Failure::from(&report),
                })
            })
            .execute();
        // SAFETY: ends the subtransaction begun above.
        unsafe {
            pg_sys::CurrentMemoryContext = context;
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
            pg_sys::CurrentMemoryContext = context;
            pg_sys::CurrentResourceOwner = owner;
        }
        outcome
    }

    fn spi_failure(error: pgrx::spi::Error) -> Error {
        Error::new(
            PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            format!("SPI: {error}"),
        )
    }

    fn run(sql: &str) -> Result<(), Error> {
        Spi::run(sql).map_err(spi_failure)
    }

    /// A value computed by SQL as text; nulls are empty.
    fn value(sql: &str) -> Result<String, Error> {
        let value = Spi::get_one::<String>(sql).map_err(spi_failure)?;
        Ok(value.unwrap_or_default())
    }

    /// As [`value`], but read-only: takes no transaction id and does not see what this
    /// transaction has just changed.
    fn peek(sql: &str) -> Result<String, Error> {
        Spi::connect(|client| {
            client
                .select(sql, Some(1), &[])?
                .first()
                .get_one::<String>()
        })
        .map(Option::unwrap_or_default)
        .map_err(spi_failure)
    }

    fn dry_run(ddl: &str) -> Result<DryRun, Failure> {
        undone(|| dry_run_create_index(ddl))
    }

    /// What the dry run found, one fact per line.
    fn described(outcome: &DryRun) -> String {
        match outcome {
            DryRun::AlreadyExists(_) => String::from("nothing"),
            DryRun::Definition(definition) => facts_of_definition(definition),
        }
    }

    fn facts_of_definition(definition: &IndexDefinition) -> String {
        let keys = &definition.keys;
        let oid = |oid: pg_sys::Oid| oid.to_u32().to_string();
        let joined = |values: Vec<String>| values.join(" ");
        let attributes = keys.iter().map(|key| key.attribute);
        let attributes =
            attributes.chain(definition.included.iter().map(|column| column.attribute));
        let options = definition.options.iter();
        let options: Vec<String> = options
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let types = keys.iter().map(|key| match key.stored_type {
            pg_sys::InvalidOid => key.column_type,
            stored => stored,
        });
        let types = types.chain(definition.included.iter().map(|column| column.column_type));
        let option_bits =
            |descending, nulls_first| i32::from(descending) + 2 * i32::from(nulls_first);
        [
            format!("name {}", definition.name),
            format!("table {}", oid(definition.table)),
            format!(
                "method {} {}",
                oid(definition.access_method),
                definition.access_method_name
            ),
            format!(
                "unique {} {}",
                definition.unique, definition.nulls_not_distinct
            ),
            format!("keys {}", keys.len()),
            format!(
                "attributes {}",
                joined(attributes.map(|number| number.to_string()).collect())
            ),
            format!(
                "classes {}",
                joined(keys.iter().map(|key| oid(key.operator_class)).collect())
            ),
            format!(
                "families {}",
                joined(keys.iter().map(|key| oid(key.operator_family)).collect())
            ),
            format!(
                "inputs {}",
                joined(keys.iter().map(|key| oid(key.input_type)).collect())
            ),
            format!(
                "collations {}",
                joined(keys.iter().map(|key| oid(key.collation)).collect())
            ),
            format!(
                "order {}",
                joined(
                    keys.iter()
                        .map(|key| option_bits(key.descending, key.nulls_first).to_string())
                        .collect()
                )
            ),
            format!("types {}", joined(types.map(oid).collect())),
            format!("options {}", options.join(",")),
            format!(
                "expressions {}",
                read_back(definition.expressions.as_deref())
            ),
            format!("predicate {}", read_back(definition.predicate.as_deref())),
        ]
        .join("\n")
    }

    /// A node string after a round trip, in which the positions in the command's text get lost.
    fn read_back(nodes: Option<&str>) -> String {
        let Some(Ok(nodes)) = nodes.map(std::ffi::CString::new) else {
            return String::from("<>");
        };
        // SAFETY: a node string that nodeToString made.
        unsafe { node_text(pg_sys::stringToNode(nodes.as_ptr())) }
    }

    /// The node string of a tree, after a round trip as in [`read_back`].
    ///
    /// # Safety
    /// `node` must be null or a valid node tree.
    unsafe fn tree_text(node: *const std::ffi::c_void) -> String {
        // SAFETY: see above; the string is terminated.
        unsafe { node_text(pg_sys::stringToNode(pg_sys::nodeToString(node))) }
    }

    /// # Safety
    /// `node` must be null or a valid node tree.
    unsafe fn node_text(node: *const std::ffi::c_void) -> String {
        // SAFETY: see above; the result is terminated.
        unsafe {
            std::ffi::CStr::from_ptr(pg_sys::nodeToString(node))
                .to_string_lossy()
                .into_owned()
        }
    }

    /// The real command's effect as the catalogs and the relation cache show it; always undone.
    fn real(ddl: &str) -> Result<String, Failure> {
        undone(|| {
            let newest = "SELECT max(indexrelid::oid::int8)::text FROM pg_index
                          WHERE indrelid NOT IN (SELECT inhrelid FROM pg_inherits)
                             OR indexrelid NOT IN (SELECT inhrelid FROM pg_inherits)";
            let before = value(newest)?;
            run(&ddl.replace(" CONCURRENTLY", ""))?;
            let index = value(newest)?;
            if index == before {
                return Ok(String::from("nothing"));
            }
            Ok(format!(
                "{}\n{}",
                catalog_facts(&index)?,
                relcache_facts(&index)
            ))
        })
    }

    fn catalog_facts(index: &str) -> Result<String, Error> {
        value(&format!(
            "SELECT concat_ws(e'\\n', 'name ' || relname, 'table ' || indrelid::oid,
                'method ' || am.oid || ' ' || amname, 'unique ' || indisunique || ' ' || indnullsnotdistinct,
                'keys ' || indnkeyatts, 'attributes ' || indkey::text, 'classes ' || indclass::text,
                'families ' || (SELECT string_agg(opcfamily::text, ' ' ORDER BY o) FROM unnest(indclass) WITH ORDINALITY u(c, o) JOIN pg_opclass ON pg_opclass.oid = c),
                'inputs ' || (SELECT string_agg(opcintype::oid::text, ' ' ORDER BY o) FROM unnest(indclass) WITH ORDINALITY u(c, o) JOIN pg_opclass ON pg_opclass.oid = c),
                'collations ' || indcollation::text, 'order ' || indoption::text,
                'types ' || (SELECT string_agg(atttypid::text, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = indexrelid),
                'options ' || coalesce(array_to_string(reloptions, ','), ''))
             FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am am ON am.oid = relam
             WHERE indexrelid = {index}"
        ))
    }

    /// Expressions and predicate as the planner gets them.
    fn relcache_facts(index: &str) -> String {
        let oid = pg_sys::Oid::from(index.parse::<u32>().unwrap_or_default());
        // SAFETY: the index was created in this transaction and is open while it is read.
        unsafe {
            let index = PgRelation::open(oid);
            format!(
                "expressions {}\npredicate {}",
                tree_text(pg_sys::RelationGetIndexExpressions(index.as_ptr()).cast()),
                tree_text(pg_sys::RelationGetIndexPredicate(index.as_ptr()).cast())
            )
        }
    }

    /// Runs a definition both ways; the difference, if there is one.
    fn difference(ddl: &str, right: bool) -> Option<String> {
        let ours = dry_run(ddl).map(|outcome| described(&outcome));
        let theirs = real(ddl);
        let text = |outcome: &Result<String, Failure>| match outcome {
            Ok(facts) => facts.clone(),
            Err(failure) => format!("{failure:?}"),
        };
        if ours == theirs && theirs.is_ok() == right {
            return None;
        }
        Some(format!(
            "{ddl}\n  dry run: {}\n  server:  {}",
            text(&ours).replace('\n', "\n           "),
            text(&theirs).replace('\n', "\n           ")
        ))
    }

    #[pg_test]
    fn index_definitions_agree_with_create_index() -> Result<(), ErrorReport> {
        run(OBJECTS)?;
        let all = RIGHT.iter().map(|ddl| (ddl, true));
        let all = all.chain(WRONG.iter().map(|ddl| (ddl, false)));
        let differences: Vec<String> = all
            .filter_map(|(ddl, right)| difference(ddl, right))
            .collect();
        assert!(
            differences.is_empty(),
            "{} of {} definitions differ:\n{}",
            differences.len(),
            RIGHT.len() + WRONG.len(),
            differences.join("\n")
        );
        Ok(())
    }

    /// Texts for which there is no `CREATE INDEX` to compare with in a transaction block.
    const NOT_COMPARABLE: &[(&str, &str, &str)] = &[
        ("", "42601", "hypothetical index is empty"),
        (" ; ", "42601", "hypothetical index is empty"),
        (
            "CREATE INDEX ON t (id); DROP TABLE t",
            "42601",
            "cannot use more than one command as a hypothetical index",
        ),
        (
            "SELECT 1",
            "0A000",
            "only CREATE INDEX commands can be used as hypothetical indexes",
        ),
        (
            "ALTER TABLE t ADD PRIMARY KEY (id)",
            "0A000",
            "only CREATE INDEX commands can be used as hypothetical indexes",
        ),
        (
            "CREATE INDEX CONCURRENTLY ON par (b)",
            "0A000",
            "cannot create index on partitioned table \"par\" concurrently",
        ),
        (
            "CREATE INDEX ON t (id) \0",
            "22021",
            "CREATE INDEX command contains a zero byte",
        ),
    ];

    /// Definitions that depend on settings, with the setting made before.
    const UNDER_SETTINGS: &[(&str, &str)] = &[
        ("default_tablespace = pg_global", "CREATE INDEX ON t (id)"),
        ("default_tablespace = pg_default", "CREATE INDEX ON par (b)"),
        (
            "search_path = pg_catalog",
            "CREATE INDEX ON di.t (di.imm(id))",
        ),
        ("search_path = pg_catalog", "CREATE INDEX ON di.t (imm(id))"),
        (
            "search_path = pg_catalog",
            "CREATE INDEX ON di.t (nd COLLATE nd)",
        ),
        (
            "allow_system_table_mods = on",
            "CREATE INDEX ON pg_description (objoid)",
        ),
        (
            "allow_system_table_mods = on",
            "CREATE INDEX ON pg_database (datname)",
        ),
        (
            "allow_system_table_mods = on",
            "CREATE INDEX ON pg_toast.pg_toast_1255 (chunk_id)",
        ),
    ];

    #[pg_test]
    fn index_definitions_agree_under_settings() -> Result<(), ErrorReport> {
        run(OBJECTS)?;
        let mut differences = Vec::new();
        for (setting, ddl) in UNDER_SETTINGS {
            run(
                "SET LOCAL search_path = di, public; SET LOCAL default_tablespace = '';
                 SET LOCAL allow_system_table_mods = off",
            )?;
            run(&format!("SET LOCAL {setting}"))?;
            let right = real(ddl).is_ok();
            differences.extend(difference(ddl, right));
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        Ok(())
    }

    #[pg_test]
    fn index_definitions_refuse_other_texts() -> Result<(), ErrorReport> {
        run(OBJECTS)?;
        for (text, code, message) in NOT_COMPARABLE {
            let refused = dry_run(text).err();
            let refused = refused.as_ref().map(Failure::brief);
            assert_eq!(refused, Some((sqlstate(code), *message)), "{text}");
        }
        Ok(())
    }

    /// The error code written as five characters.
    fn sqlstate(code: &str) -> PgSqlErrorCode {
        let packed = code.bytes().rev().fold(0_i32, |packed, byte| {
            (packed << 6) + ((i32::from(byte) - i32::from(b'0')) & 0x3F)
        });
        PgSqlErrorCode::from(packed)
    }

    #[pg_test]
    fn index_definitions_need_select_but_not_ownership() -> Result<(), ErrorReport> {
        run(OBJECTS)?;
        run(
            "CREATE ROLE di_reader; GRANT USAGE ON SCHEMA di TO di_reader;
             GRANT SELECT ON t, par TO di_reader; SET LOCAL ROLE di_reader",
        )?;
        for allowed in [
            "CREATE INDEX ON t (id)",
            "CREATE UNIQUE INDEX ON t (lower(txt)) WHERE id > 1",
            "CREATE INDEX ON par (lower(b))",
        ] {
            assert!(real(allowed).is_err(), "{allowed}");
            assert!(dry_run(allowed).is_ok(), "{allowed}");
        }
        for (ddl, message) in [
            (
                "CREATE INDEX ON par1 (a)",
                "permission denied for table par1",
            ),
            (
                "CREATE INDEX ON mv (missing)",
                "permission denied for materialized view mv",
            ),
            (
                "CREATE INDEX ON pg_class (relname)",
                "permission denied: \"pg_class\" is a system catalog",
            ),
            (
                "CREATE INDEX ON t (id) TABLESPACE pg_global",
                "permission denied for tablespace pg_global",
            ),
            (
                "CREATE INDEX ON pg_authid (rolname)",
                "permission denied for table pg_authid",
            ),
        ] {
            let refused = dry_run(ddl).err();
            let refused = refused.as_ref().map(Failure::brief);
            let denied = PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE;
            assert_eq!(refused, Some((denied, message)), "{ddl}");
        }
        Ok(())
    }

    #[pg_test]
    fn index_definitions_leave_no_trace() -> Result<(), ErrorReport> {
        // A table that this transaction has not locked by creating it.
        const DDL: &str = "CREATE UNIQUE INDEX ON information_schema.sql_features
            (feature_id, lower(feature_name::text)) INCLUDE (comments) WHERE is_supported = 'YES'";
        const XID: &str = "SELECT pg_current_xact_id_if_assigned()::text";
        const COUNT: &str = "SELECT count(*)::text FROM pg_class";
        peek("SELECT set_config('transaction_read_only', 'on', true)")?;
        let before = peek(COUNT)?;
        // Without a subtransaction, so that the locks stay.
        let outcome = dry_run_create_index(DDL)?;
        assert!(matches!(outcome, DryRun::Definition(_)), "{outcome:?}");
        assert_eq!(peek(COUNT)?, before);
        assert_eq!(peek(XID)?, "");
        assert_eq!(
            peek(
                "SELECT string_agg(DISTINCT mode, ' ') FROM pg_locks
                 WHERE pid = pg_backend_pid() AND locktype = 'relation'"
            )?,
            "AccessShareLock"
        );
        assert_eq!(
            peek(
                "SELECT string_agg(mode, ' ') FROM pg_locks WHERE pid = pg_backend_pid()
                 AND relation = 'information_schema.sql_features'::regclass"
            )?,
            "AccessShareLock"
        );
        let refused = real(DDL).err().map(|failure| failure.code);
        assert_eq!(
            refused,
            Some(PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION)
        );
        Ok(())
    }
}
