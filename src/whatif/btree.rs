//! stub until model lands
#[derive(Clone)]
pub(crate) struct StoredColumn { pub(crate) width: f64, pub(crate) varlena: bool, pub(crate) align: usize, pub(crate) null_frac: f64, pub(crate) distinct: f64 }
pub(crate) struct BtreeShape { pub(crate) tuples: f64, pub(crate) keys: Vec<StoredColumn>, pub(crate) included: Vec<StoredColumn>, pub(crate) distinct_keys: Option<f64>, pub(crate) fillfactor: u32, pub(crate) deduplicated: bool, pub(crate) block_size: usize }
pub(crate) struct IndexSize { pub(crate) pages: u32, pub(crate) tuples: f64, pub(crate) tree_height: i32 }
pub(crate) fn estimate(s: &BtreeShape) -> IndexSize { IndexSize { pages: (s.tuples*20.0/8192.0) as u32+1, tuples: s.tuples, tree_height: 2 } }
