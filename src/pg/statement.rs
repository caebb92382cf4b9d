//! A statement that the server has parsed, analysed and rewritten, kept to be planned many times.

use std::cell::Cell;
use std::ffi::CString;
use std::rc::Rc;

use pgrx::{PgList, PgSqlErrorCode, pg_sys};

use super::bound::{GivenSet, Values};
use super::memory::OwnedContext;
use crate::error::{Error, Result};

/// The query trees of one plannable statement, in memory of their own.
///
/// Locks taken by the analysis are not kept: [`Statement::queries`] takes them again, and
/// analyses anew when the catalogs changed in between.
pub(crate) struct Statement {
    text: CString,
    analysed: Analysed,
    values: Option<Rc<Values>>,
}

struct Analysed {
    context: OwnedContext,
    queries: *mut pg_sys::List,
    generation: u64,
    /// Types of the parameters; 0 for a number that the text leaves out.
    types: Vec<pg_sys::Oid>,
}

impl Statement {
    /// Parses, analyses and rewrites `text`, which must hold exactly one plannable statement.
    /// Parameters (`$1`, …) may have any type the context gives them.
    pub(crate) fn analyse(text: &str) -> Result<Self> {
        let text = c_text(text)?;
        let analysed = Analysed::new(&text)?;
        Ok(Self {
            text,
            analysed,
            values: None,
        })
    }

    /// The statement's text.
    pub(crate) fn text(&self) -> &CString {
        &self.text
    }

    /// Whether the text holds `$n` parameters.
    pub(crate) fn has_parameters(&self) -> bool {
        !self.analysed.types.is_empty()
    }

    /// Makes values for its parameters of those `given` that can be, see [`Values::new`]. Runs
    /// input functions, as planning does.
    pub(crate) fn bind(&mut self, given: &GivenSet, own_types: bool) -> Result<(Values, GivenSet)> {
        // The types may have changed since the analysis.
        let _locked = self.queries()?;
        Ok(Values::new(&self.analysed.types, given, own_types))
    }

    /// The values for its parameters that it is planned with from now on; without, generically.
    pub(crate) fn plan_with(&mut self, values: Option<Rc<Values>>) {
        self.values = values;
    }

    /// Those values as the planner takes them; null for none.
    pub(super) fn bound_values(&self) -> pg_sys::ParamListInfo {
        (self.values.as_ref()).map_or(std::ptr::null_mut(), |values| values.list())
    }

    /// The rewritten query trees with their locks held; copy before planning, the planner
    /// scribbles on what it is given.
    pub(crate) fn queries(&mut self) -> Result<impl Iterator<Item = *mut pg_sys::Query> + use<>> {
        // SAFETY: the list and its trees live in our context; AcquireRewriteLocks only needs a
        // valid tree, and may be called again on one it has seen.
        let list = unsafe {
            for query in PgList::<pg_sys::Query>::from_pg(self.analysed.queries).iter_ptr() {
                self.analysed
                    .context
                    .enter(|| pg_sys::AcquireRewriteLocks(query, true, false));
            }
            if self.analysed.generation != catalog_generation() {
                self.analysed = Analysed::new(&self.text)?;
            }
            PgList::<pg_sys::Query>::from_pg(self.analysed.queries)
        };
        let queries: Vec<_> = list.iter_ptr().collect();
        Ok(queries.into_iter())
    }
}

impl Analysed {
    fn new(text: &CString) -> Result<Self> {
        let context = OwnedContext::new();
        let generation = catalog_generation();
        let (queries, types) = context.enter(|| analyse_and_rewrite(text))?;
        Ok(Self {
            context,
            queries,
            generation,
            types,
        })
    }
}

/// `text` as a C string.
pub(crate) fn c_text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::invalid_parameter("query text contains a zero byte"))
}

/// The rewritten queries, and the types of their parameters.
fn analyse_and_rewrite(text: &CString) -> Result<(*mut pg_sys::List, Vec<pg_sys::Oid>)> {
    let raw = single_statement(text)?;
    let _silence = PostParseHook::silence();
    let mut types: *mut pg_sys::Oid = std::ptr::null_mut();
    let mut count: i32 = 0;
    // SAFETY: `raw` is a fresh parse tree in the current context, `text` outlives it, and the
    // parameter array starts empty, as parse_analyze_varparams allows.
    unsafe {
        let query = pg_sys::parse_analyze_varparams(
            raw,
            text.as_ptr(),
            &mut types,
            &mut count,
            std::ptr::null_mut(),
        );
        if (*query).commandType == pg_sys::CmdType::CMD_UTILITY {
            return Err(Error::no_plan());
        }
        let rewritten = pg_sys::pg_rewrite_query(query);
        for query in PgList::<pg_sys::Query>::from_pg(rewritten).iter_ptr() {
            // Statement trackers count what has a query id: our planning is nobody's statement.
            (*query).queryId = Default::default();
        }
        let count = usize::try_from(count).unwrap_or(0);
        // A text without parameters leaves the array null.
        let types = (0..count).map(|number| *types.add(number)).collect();
        Ok((rewritten, types))
    }
}

/// Parses `text` and insists on exactly one statement.
fn single_statement(text: &CString) -> Result<*mut pg_sys::RawStmt> {
    // SAFETY: `text` is a valid C string; the parser allocates in the current context.
    let list = unsafe { PgList::<pg_sys::RawStmt>::from_pg(pg_sys::pg_parse_query(text.as_ptr())) };
    match (list.len(), list.head()) {
        (1, Some(statement)) => Ok(statement),
        (0, _) => Err(Error::invalid_parameter("query text holds no statement")
            .hint("Pass the text of one SELECT, INSERT, UPDATE, DELETE or MERGE.")),
        (count, _) => Err(Error::new(
            PgSqlErrorCode::ERRCODE_SYNTAX_ERROR,
            "query text holds more than one statement",
        )
        .detail(format!("It holds {count} statements."))
        .hint("Pass each statement as an element of its own.")),
    }
}

/// Keeps statement trackers from seeing our analysis (they would store its text).
struct PostParseHook(pg_sys::post_parse_analyze_hook_type);

impl PostParseHook {
    fn silence() -> Self {
        // SAFETY: single-threaded backend; the previous value is put back on drop.
        unsafe {
            let previous = pg_sys::post_parse_analyze_hook;
            pg_sys::post_parse_analyze_hook = None;
            Self(previous)
        }
    }
}

impl Drop for PostParseHook {
    fn drop(&mut self) {
        // SAFETY: see `silence`.
        unsafe { pg_sys::post_parse_analyze_hook = self.0 }
    }
}

thread_local! {
    static GENERATION: Cell<u64> = const { Cell::new(0) };
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// A number that grows with every catalog change this backend hears of.
fn catalog_generation() -> u64 {
    if !WATCHING.get() {
        watch_catalogs();
        WATCHING.set(true);
    }
    GENERATION.get()
}

fn watch_catalogs() {
    #[pgrx::pg_guard]
    unsafe extern "C-unwind" fn relation_changed(_argument: pg_sys::Datum, _relation: pg_sys::Oid) {
        GENERATION.set(GENERATION.get().wrapping_add(1));
    }
    // SAFETY: registered once per backend; the callback only touches a thread-local counter.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), pg_sys::Datum::from(0));
    }
    super::compat::register_syscache_counter(|| {
        GENERATION.set(GENERATION.get().wrapping_add(1));
    });
}
