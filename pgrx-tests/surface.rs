//! What the extension shows to the world: every object, its comment, its settings.

#[pgrx::pg_schema]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
mod tests {
    use pgrx::prelude::*;

    fn text(sql: &str) -> String {
        Spi::get_one::<String>(sql).unwrap().unwrap_or_default()
    }

    /// Objects of the extension itself; the test schema's functions belong to it as well.
    const OBJECTS: &str = "SELECT d.classid, d.objid, i.type, i.identity
          FROM pg_depend d, pg_extension e, pg_identify_object(d.classid, d.objid, 0) i
         WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
           AND e.extname = 'pgopt' AND i.schema = 'pgopt' AND i.type NOT LIKE '%type%'";

    #[pg_test]
    fn the_public_surface_is_what_the_golden_file_says() {
        let listed = text(&format!(
            "SELECT string_agg(line, chr(10) ORDER BY line COLLATE \"C\") FROM (
               SELECT o.type || ' ' || coalesce(
                 (SELECT format('%s.%s(%s) %s %s %s', n.nspname, p.proname, pg_get_function_arguments(p.oid),
                         pg_get_function_result(p.oid), p.provolatile, p.proparallel)
                    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                   WHERE p.oid = o.objid AND o.classid = 'pg_proc'::regclass),
                 o.identity) AS line FROM ({OBJECTS}) AS o) AS lines"
        ));
        assert_eq!(listed.trim(), include_str!("surface.txt").trim());
    }

    #[pg_test]
    fn every_object_and_every_column_of_a_view_has_a_comment() {
        let missing = text(&format!(
            "SELECT string_agg(o.identity, ', ') FROM ({OBJECTS}) AS o
              WHERE obj_description(o.objid, (SELECT relname FROM pg_class WHERE oid = o.classid)) IS NULL"
        ));
        assert_eq!(missing, "");
        let columns = text(
            "SELECT string_agg(a.attrelid::regclass || '.' || a.attname, ', ')
               FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
              WHERE c.relnamespace = 'pgopt'::regnamespace AND c.relkind IN ('v', 'r') AND a.attnum > 0
                AND col_description(a.attrelid, a.attnum) IS NULL",
        );
        assert_eq!(columns, "");
    }

    #[pg_test]
    fn the_readme_lists_every_setting_with_its_default() {
        let listed: Vec<String> = include_str!("../README.md")
            .lines()
            .filter(|line| line.starts_with("| `pgopt.") && line.matches('|').count() == 5)
            .filter(|line| {
                ["superuser", "anyone", "by reload", "at server start"]
                    .iter()
                    .any(|who| line.contains(who))
            })
            .map(|line| {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                format!("{} {} {}", cells[1], cells[2], cells[3]).replace('`', "")
            })
            .collect();
        let defined = text(
            "SELECT string_agg(format('%s %s%s %s', name, boot_val, coalesce(unit, ''),
                      CASE context WHEN 'superuser' THEN 'superuser' WHEN 'postmaster' THEN 'at server start' WHEN 'sighup' THEN 'by reload' ELSE 'anyone' END),
                    chr(10) ORDER BY name COLLATE \"C\")
               FROM pg_settings WHERE name LIKE 'pgopt.%'",
        );
        assert_eq!(listed.join("\n"), defined);
    }

    #[pg_test]
    fn everybody_may_use_the_functions_and_nobody_may_create_in_the_schema() {
        Spi::run("CREATE ROLE surface_nobody; SET ROLE surface_nobody").unwrap();
        let rows = Spi::get_one::<i64>("SELECT count(*) FROM pgopt.status()").unwrap();
        assert!(rows > Some(3));
        let may = Spi::get_one::<bool>("SELECT has_schema_privilege('pgopt', 'CREATE')").unwrap();
        assert_eq!(may, Some(false));
    }

    #[pg_test]
    fn status_names_what_is_off_and_how_to_turn_it_on() {
        Spi::run("SET pgopt.enabled = off").unwrap();
        let hint =
            text("SELECT hint FROM pgopt.status() WHERE feature = 'pgopt' AND state = 'off'");
        assert!(hint.contains("pgopt.enabled"), "{hint}");
    }
}
