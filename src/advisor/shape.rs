//! When one index makes another superfluous. Pure.

#![forbid(unsafe_code)]

/// What an index holds, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) access_method: String,
    pub(super) keys: Vec<KeyShape>,
    /// `INCLUDE` columns.
    pub(super) included: Vec<i16>,
    /// `WHERE`, as the server writes it.
    pub(super) predicate: Option<String>,
}

/// One key; equal ones serve the same searches and orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyShape {
    /// Attribute number, 0 for an expression.
    pub(super) attribute: i16,
    pub(super) operator_class: u32,
    pub(super) collation: u32,
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

impl Shape {
    /// Whether a B-tree of this shape can do all that one of the shape `other` can: the same
    /// leading keys in the same order, of the same rows, and every column stored.
    ///
    /// An expression is never taken for the same: its index is also what `ANALYZE` makes
    /// statistics of the expression for.
    pub(super) fn makes_superfluous(&self, other: &Self) -> bool {
        let is_prefix = (self.keys.get(..other.keys.len())).is_some_and(|keys| keys == other.keys);
        let stores = |column: &i16| {
            self.included.contains(column) || self.keys.iter().any(|key| key.attribute == *column)
        };
        self.access_method == "btree"
            && other.access_method == "btree"
            && is_prefix
            && other.keys.iter().all(|key| key.attribute != 0)
            && self.predicate == other.predicate
            && other.included.iter().all(stores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(columns: &[i16]) -> Shape {
        Shape {
            access_method: "btree".to_owned(),
            keys: (columns.iter())
                .map(|&attribute| KeyShape {
                    attribute,
                    operator_class: 1978,
                    collation: 0,
                    descending: false,
                    nulls_first: false,
                })
                .collect(),
            included: Vec::new(),
            predicate: None,
        }
    }

    #[test]
    fn a_prefix_is_superfluous_and_nothing_else_is() {
        assert!(shape(&[1, 2]).makes_superfluous(&shape(&[1])));
        assert!(shape(&[1, 2]).makes_superfluous(&shape(&[1, 2])));
        assert!(!shape(&[1]).makes_superfluous(&shape(&[1, 2])));
        assert!(!shape(&[2, 1]).makes_superfluous(&shape(&[1])));
        assert!(
            !shape(&[0, 1]).makes_superfluous(&shape(&[0])),
            "expression"
        );
    }

    #[test]
    fn everything_about_a_key_counts() {
        let wide = shape(&[1, 2]);
        let change: [fn(&mut KeyShape); 4] = [
            |key| key.operator_class = 2000,
            |key| key.collation = 950,
            |key| key.descending = true,
            |key| key.nulls_first = true,
        ];
        for change in change {
            let mut narrow = shape(&[1]);
            narrow.keys.iter_mut().for_each(change);
            assert!(!wide.makes_superfluous(&narrow), "{narrow:?}");
        }
    }

    #[test]
    fn rows_columns_and_methods_must_match() {
        let (mut wide, mut narrow) = (shape(&[1, 2]), shape(&[1]));
        narrow.included = vec![3];
        assert!(!wide.makes_superfluous(&narrow));
        wide.included = vec![3];
        assert!(wide.makes_superfluous(&narrow));
        narrow.included = vec![2];
        assert!(wide.makes_superfluous(&narrow));
        narrow.predicate = Some("a IS NULL".to_owned());
        assert!(!wide.makes_superfluous(&narrow));
        wide.predicate = Some("a IS NULL".to_owned());
        assert!(wide.makes_superfluous(&narrow));
        wide.access_method = "gist".to_owned();
        assert!(!wide.makes_superfluous(&narrow));
    }
}
