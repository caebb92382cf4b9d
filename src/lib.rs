//! pgopt
use pgrx::prelude::*;
pgrx::pg_module_magic!(name, version);
#[pg_extern]
fn hello() -> &'static str { "x" }
#[cfg(test)]
#[doc(hidden)]
pub mod pg_test {
    pub fn setup(_: Vec<&str>) {}
    pub fn postgresql_conf_options() -> Vec<&'static str> { vec![] }
}
