//! The dry run of `CREATE INDEX` against the real command, definition by definition.

#[path = "index_definitions/corpus.rs"]
mod corpus;

#[allow(clippy::result_large_err)] // what pgrx makes of a test's error
#[pgrx::pg_schema]
mod tests {
    use std::panic::AssertUnwindSafe;

    use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportWithLevel};
    use pgrx::prelude::*;
    use pgrx::{PgRelation, PgSqlErrorCode};

    use super::corpus::{OBJECTS, RIGHT, WRONG};
    use crate::error::Error;
    use crate::pg::index_definition::IndexDefinition;
    use crate::pg::ports::define_index::{DryRun, dry_run_create_index};

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
