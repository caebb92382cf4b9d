//! Utility commands, as their hook sees them.

use std::ffi::{CStr, c_char};

use pgrx::pg_sys;
use pgrx::pg_sys::NodeTag::*;

use super::compat;
use super::execution::Source;
use super::parse::Analysed;
use super::session;

/// A utility command before it is executed. Nothing of it is looked at afterwards: a ROLLBACK
/// frees the command that is being executed.
pub(crate) struct Utility {
    statement: *mut pg_sys::PlannedStmt,
    text: *const c_char,
}

/// How a command is to be counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// It only leads to another statement, which is counted itself: EXECUTE, FETCH, …
    Leads,
    /// It runs nothing else: BEGIN, COMMIT, SAVEPOINT, …
    Plain,
    /// It may run other statements, which are nested in it.
    Runs,
}

impl Utility {
    /// # Safety
    /// The hook's arguments, used before the command is executed.
    #[inline]
    pub(crate) unsafe fn new(statement: *mut pg_sys::PlannedStmt, text: *const c_char) -> Self {
        Self { statement, text }
    }

    #[inline]
    fn tag(&self) -> pg_sys::NodeTag {
        // SAFETY: see `new`; a utility command always has its node.
        unsafe { compat::tag((*self.statement).utilityStmt) }
    }

    /// How it is to be counted.
    #[inline]
    pub(crate) fn role(&self) -> Role {
        match self.tag() {
            T_ExecuteStmt | T_PrepareStmt | T_DeallocateStmt | T_DeclareCursorStmt
            | T_FetchStmt | T_ClosePortalStmt => Role::Leads,
            T_TransactionStmt => Role::Plain,
            _ => Role::Runs,
        }
    }

    /// Whether it may give a value as a bare word, which is not told from a name: SET and the like.
    pub(crate) fn has_bare_values(&self) -> bool {
        has_bare_values(self.tag())
    }

    /// The query identifier. Another extension may have set it to zero to keep the executor from
    /// counting the command a second time; then it is computed as the server does.
    #[inline]
    pub(crate) fn query_id(&self) -> u64 {
        // SAFETY: see `new`.
        match unsafe { compat::query_id((*self.statement).queryId) } {
            0 if session::has_query_ids() => self.computed_id(),
            known => known,
        }
    }

    #[cold]
    fn computed_id(&self) -> u64 {
        // SAFETY: a query node of a utility command, as parse analysis makes it.
        unsafe {
            let mut query = pg_sys::Query {
                type_: T_Query,
                commandType: pg_sys::CmdType::CMD_UTILITY,
                utilityStmt: (*self.statement).utilityStmt,
                stmt_location: (*self.statement).stmt_location,
                stmt_len: (*self.statement).stmt_len,
                ..Default::default()
            };
            jumble(&raw mut query, self.text);
            compat::query_id(query.queryId)
        }
    }

    /// The query of a DECLARE CURSOR, with its identifier. The server itself computes that from 18
    /// on only; before, it is not left in the query: other trackers of statements, which saw no
    /// such query being parsed, would keep its text with all constants.
    pub(crate) fn cursor(&self) -> Option<Analysed> {
        if self.tag() != T_DeclareCursorStmt || !session::has_query_ids() {
            return None;
        }
        // SAFETY: see `new`; parse analysis left a query there.
        unsafe {
            let declare = (*self.statement)
                .utilityStmt
                .cast::<pg_sys::DeclareCursorStmt>();
            let query = (*declare).query.cast::<pg_sys::Query>();
            if compat::tag(query.cast()) != T_Query {
                return None;
            }
            let before = (*query).queryId;
            let state = jumble(query, self.text);
            let query_id = compat::query_id((*query).queryId);
            (*query).queryId = before;
            let place = ((*self.statement).stmt_location, (*self.statement).stmt_len);
            Some(Analysed::within(query, query_id, self.text, state, place))
        }
    }

    /// Its text.
    pub(crate) fn source(&self) -> Source {
        // SAFETY: see `new`; the source text outlives the command.
        unsafe {
            Source::new(
                self.text,
                (*self.statement).stmt_location,
                (*self.statement).stmt_len,
            )
        }
    }

    /// The command's name, such as `CREATE ROLE`.
    pub(crate) fn name(&self) -> &'static [u8] {
        // SAFETY: see `new`.
        unsafe { name((*self.statement).utilityStmt) }
    }
}

/// Whether commands of that kind may give a value as a bare word.
pub(super) fn has_bare_values(tag: pg_sys::NodeTag) -> bool {
    matches!(
        tag,
        T_VariableSetStmt
            | T_AlterSystemStmt
            | T_AlterRoleSetStmt
            | T_AlterDatabaseSetStmt
            | T_AlterRoleStmt
            | T_CreateRoleStmt
            | T_CreateUserMappingStmt
            | T_AlterUserMappingStmt
            | T_CreateSubscriptionStmt
            | T_AlterSubscriptionStmt
            | T_CreateFunctionStmt
            | T_AlterFunctionStmt
    )
}

/// The name of a command.
///
/// # Safety
/// `statement` must be a utility command.
pub(super) unsafe fn name(statement: *mut pg_sys::Node) -> &'static [u8] {
    unsafe extern "C-unwind" {
        // Without the frame that the bindings put around it: both look a constant up.
        fn CreateCommandTag(statement: *mut pg_sys::Node) -> pg_sys::CommandTag::Type;
        fn GetCommandTagName(tag: pg_sys::CommandTag::Type) -> *const c_char;
    }
    // SAFETY: see above; the name is a constant of the server.
    unsafe { CStr::from_ptr(GetCommandTagName(CreateCommandTag(statement))) }.to_bytes()
}

/// Computes a query's identifier, as the server does it.
///
/// # Safety
/// `query` must be a complete query of the source text `text`.
unsafe fn jumble(query: *mut pg_sys::Query, text: *const c_char) -> *const pg_sys::JumbleState {
    unsafe extern "C-unwind" {
        // Without the frame that the bindings put around it: a hash of text or tree.
        #[cfg(feature = "pg15")]
        fn JumbleQuery(query: *mut pg_sys::Query, text: *const c_char) -> *mut pg_sys::JumbleState;
        #[cfg(not(feature = "pg15"))]
        fn JumbleQuery(query: *mut pg_sys::Query) -> *mut pg_sys::JumbleState;
    }
    // SAFETY: see above.
    unsafe {
        #[cfg(feature = "pg15")]
        return JumbleQuery(query, text);
        #[cfg(not(feature = "pg15"))]
        {
            let _unused = text;
            JumbleQuery(query)
        }
    }
}

/// Rows that a command processed, where it counts rows.
///
/// # Safety
/// `completion` must be null or the hook's argument.
pub(crate) unsafe fn rows(completion: *const pg_sys::QueryCompletion) -> u64 {
    use pg_sys::CommandTag::{
        CMDTAG_COPY, CMDTAG_FETCH, CMDTAG_REFRESH_MATERIALIZED_VIEW, CMDTAG_SELECT,
    };
    // SAFETY: see above.
    match unsafe { completion.as_ref() } {
        Some(done) => match done.commandTag {
            CMDTAG_COPY | CMDTAG_FETCH | CMDTAG_REFRESH_MATERIALIZED_VIEW | CMDTAG_SELECT => {
                done.nprocessed
            }
            _ => 0,
        },
        None => 0,
    }
}
