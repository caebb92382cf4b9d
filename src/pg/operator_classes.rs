//! Which operator classes an index could have so that an operator is searched for, or sorted by.
//! Read from the caches of `pg_amop` and `pg_opclass`: whatever an extension adds is found.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

use pgrx::pg_sys;

use super::catalog::{self, quote};

/// An access method of the server's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IndexMethod {
    /// B-tree.
    #[default]
    Btree,
    /// Hash.
    Hash,
    /// Generalised inverted index.
    Gin,
    /// Generalised search tree.
    Gist,
    /// Space-partitioned search tree.
    Spgist,
    /// Block ranges.
    Brin,
}

impl IndexMethod {
    /// `pg_am.amname`
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Btree => "btree",
            Self::Hash => "hash",
            Self::Gin => "gin",
            Self::Gist => "gist",
            Self::Spgist => "spgist",
            Self::Brin => "brin",
        }
    }

    fn of(oid: pg_sys::Oid) -> Option<Self> {
        Some(match oid {
            pg_sys::BTREE_AM_OID => Self::Btree,
            pg_sys::HASH_AM_OID => Self::Hash,
            pg_sys::GIN_AM_OID => Self::Gin,
            pg_sys::GIST_AM_OID => Self::Gist,
            pg_sys::SPGIST_AM_OID => Self::Spgist,
            pg_sys::BRIN_AM_OID => Self::Brin,
            _ => return None,
        })
    }

    fn oid(self) -> pg_sys::Oid {
        match self {
            Self::Btree => pg_sys::BTREE_AM_OID,
            Self::Hash => pg_sys::HASH_AM_OID,
            Self::Gin => pg_sys::GIN_AM_OID,
            Self::Gist => pg_sys::GIST_AM_OID,
            Self::Spgist => pg_sys::SPGIST_AM_OID,
            Self::Brin => pg_sys::BRIN_AM_OID,
        }
    }
}

/// What an operator class is for, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    /// `jsonb`
    Jsonb,
    /// Arrays.
    Array,
    /// `tsvector`
    FullText,
    /// Parts of words.
    Trigram,
    /// Ranges and multiranges.
    Range,
    /// Points, boxes and the like.
    Geometry,
    /// Network addresses.
    Network,
    /// What an extension brings, and scalars.
    Other,
}

/// An operator class with which an index serves an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsableClass {
    /// The access method.
    pub(crate) method: IndexMethod,
    /// As `CREATE INDEX` takes it; `None` where it is the default for the type.
    pub(crate) class: Option<Rc<str>>,
    /// What it is for.
    pub(crate) subject: Subject,
}

/// Classes looked up already, for as long as the catalogs cannot change: one reading of a query.
#[derive(Default)]
pub(crate) struct Classes(RefCell<HashMap<Asked, Rc<[UsableClass]>>>);

/// Operator, type and purpose.
type Asked = (pg_sys::Oid, pg_sys::Oid, u8);

impl Classes {
    /// Classes with which `operator` can be searched for in values of `left`.
    pub(crate) fn searching(&self, operator: pg_sys::Oid, left: pg_sys::Oid) -> Rc<[UsableClass]> {
        self.usable(operator, left, pg_sys::AMOP_SEARCH)
    }

    /// Classes with which rows come in the order of `operator` applied to values of `left`.
    pub(crate) fn ordering(&self, operator: pg_sys::Oid, left: pg_sys::Oid) -> Rc<[UsableClass]> {
        self.usable(operator, left, pg_sys::AMOP_ORDER)
    }

    fn usable(&self, operator: pg_sys::Oid, left: pg_sys::Oid, purpose: u8) -> Rc<[UsableClass]> {
        let mut known = self.0.borrow_mut();
        let classes = known.entry((operator, left, purpose));
        (classes.or_insert_with(|| usable(operator, left, purpose).into())).clone()
    }
}

/// Whether rows can be sorted by distance with `operator` and some operator class.
pub(crate) fn is_distance(operator: pg_sys::Oid) -> bool {
    (members(operator).iter()).any(|member| member.amoppurpose as u8 == pg_sys::AMOP_ORDER)
}

fn usable(operator: pg_sys::Oid, left: pg_sys::Oid, purpose: u8) -> Vec<UsableClass> {
    let mut found: Vec<UsableClass> = Vec::new();
    for member in members(operator) {
        let Some(method) = IndexMethod::of(member.amopmethod) else {
            continue;
        };
        if method == IndexMethod::Btree || member.amoppurpose as u8 != purpose {
            continue;
        }
        for class in classes(method) {
            if class.opcfamily == member.amopfamily
                && class.opcintype == member.amoplefttype
                && accepts(&class, left)
            {
                let usable = UsableClass {
                    method,
                    class: name_unless_default(&class, left),
                    subject: subject(&class, left),
                };
                if !found.contains(&usable) {
                    found.push(usable);
                }
            }
        }
    }
    found
}

/// The default class of `method` for a type, if it has one.
pub(crate) fn default_class(method: IndexMethod, left: pg_sys::Oid) -> Option<UsableClass> {
    // SAFETY: a catalog look-up.
    let class = unsafe { pg_sys::GetDefaultOpClass(left, method.oid()) };
    let class = (classes(method).into_iter()).find(|known| known.oid == class)?;
    Some(UsableClass {
        method,
        class: None,
        subject: subject(&class, left),
    })
}

/// The B-tree class under which texts that begin alike are neighbours whatever the collation,
/// for a type that has one.
pub(crate) fn pattern_class(left: pg_sys::Oid) -> Option<Rc<str>> {
    // SAFETY: a catalog look-up.
    let name = match unsafe { pg_sys::getBaseType(left) } {
        pg_sys::TEXTOID => c"text_pattern_ops",
        pg_sys::VARCHAROID => c"varchar_pattern_ops",
        pg_sys::BPCHAROID => c"bpchar_pattern_ops",
        _ => return None,
    };
    let class = (classes(IndexMethod::Btree).iter())
        .find(|class| {
            class.opcnamespace.to_u32() == pg_sys::PG_CATALOG_NAMESPACE && name_of(class) == name
        })
        .map(sql_name);
    class.map(Rc::from)
}

fn accepts(class: &pg_sys::FormData_pg_opclass, left: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up.
    class.opcintype == left || unsafe { pg_sys::IsBinaryCoercible(left, class.opcintype) }
}

fn name_unless_default(class: &pg_sys::FormData_pg_opclass, left: pg_sys::Oid) -> Option<Rc<str>> {
    // SAFETY: a catalog look-up.
    let default = unsafe { pg_sys::GetDefaultOpClass(left, class.opcmethod) };
    (default != class.oid).then(|| sql_name(class).into())
}

/// The name with its schema, which is left out for the server's own where nothing else is so named.
fn sql_name(class: &pg_sys::FormData_pg_opclass) -> String {
    let name = name_of(class);
    let text = quote(&name.to_string_lossy());
    let is_own = class.opcnamespace.to_u32() == pg_sys::PG_CATALOG_NAMESPACE;
    let is_only = || {
        let method = IndexMethod::of(class.opcmethod);
        let same = |known: &&pg_sys::FormData_pg_opclass| name_of(known) == name;
        method.is_some_and(|method| classes(method).iter().filter(same).count() == 1)
    };
    match catalog::schema_name(class.opcnamespace) {
        Some(schema) if !is_own || !is_only() => format!("{}.{text}", quote(&schema)),
        _ => text,
    }
}

fn name_of(class: &pg_sys::FormData_pg_opclass) -> &CStr {
    // SAFETY: a NameData always ends with a zero byte.
    unsafe { CStr::from_ptr(class.opcname.data.as_ptr()) }
}

fn subject(class: &pg_sys::FormData_pg_opclass, left: pg_sys::Oid) -> Subject {
    let (mut category, mut preferred) = (0 as std::ffi::c_char, false);
    // SAFETY: a catalog look-up of an existing type, into valid out-pointers.
    let left = unsafe {
        let base = pg_sys::getBaseType(left);
        pg_sys::get_type_category_preferred(base, &mut category, &mut preferred);
        base
    };
    let is_trigram = || name_of(class).to_bytes().ends_with(b"_trgm_ops");
    match (left, category as u8) {
        (pg_sys::JSONBOID, _) => Subject::Jsonb,
        (pg_sys::TSVECTOROID, _) => Subject::FullText,
        (_, pg_sys::TYPCATEGORY_STRING) if is_trigram() => Subject::Trigram,
        (_, pg_sys::TYPCATEGORY_ARRAY) => Subject::Array,
        (_, pg_sys::TYPCATEGORY_RANGE) => Subject::Range,
        (_, pg_sys::TYPCATEGORY_GEOMETRIC) => Subject::Geometry,
        (_, pg_sys::TYPCATEGORY_NETWORK) => Subject::Network,
        (_, pg_sys::TYPCATEGORY_USER) if is_geographic(left) => Subject::Geometry,
        _ => Subject::Other,
    }
}

/// Types that are geometry by name: they come from an extension, which puts them in no category.
fn is_geographic(type_oid: pg_sys::Oid) -> bool {
    catalog::type_name(type_oid)
        .is_some_and(|name| matches!(name.as_str(), "geometry" | "geography" | "cube"))
}

/// Places of an operator in operator families.
fn members(operator: pg_sys::Oid) -> Vec<pg_sys::FormData_pg_amop> {
    // SAFETY: AMOPOPID is keyed by the operator first; its tuples are FormData_pg_amop.
    unsafe {
        listed(
            pg_sys::SysCacheIdentifier::AMOPOPID as _,
            pg_sys::Datum::from(operator),
        )
    }
}

/// Every operator class of an access method.
fn classes(method: IndexMethod) -> Vec<pg_sys::FormData_pg_opclass> {
    // SAFETY: CLAAMNAMENSP is keyed by the access method first; its tuples are
    // FormData_pg_opclass.
    unsafe {
        listed(
            pg_sys::SysCacheIdentifier::CLAAMNAMENSP as _,
            pg_sys::Datum::from(method.oid()),
        )
    }
}

/// Copies of the fixed parts of all tuples of a cache whose first key is `key`.
///
/// # Safety
/// The tuples of the cache must start with a `T`, a struct of plain numbers and names.
unsafe fn listed<T: Copy>(cache: i32, key: pg_sys::Datum) -> Vec<T> {
    let none = pg_sys::Datum::from(0);
    // SAFETY: see above; the list is released after its members are copied.
    unsafe {
        let list = pg_sys::SearchSysCacheList(cache, 1, key, none, none);
        let count = usize::try_from((*list).n_members).unwrap_or(0);
        let copies = (*list)
            .members
            .as_slice(count)
            .iter()
            .map(|&member| *pg_sys::GETSTRUCT(&raw mut (*member).tuple).cast::<T>())
            .collect();
        pg_sys::ReleaseCatCacheList(list);
        copies
    }
}
