//! Kept parameters of one execution, and how they are stored. Pure.
//!
//! Stored samples outlive the server process that wrote them and can be damaged on the way, so
//! `decode` believes nothing: whatever it returns, it could have been given to `encode`.

#![forbid(unsafe_code)]

/// Marks a shape's text keeps at most; more would not change a plan.
pub(crate) const PATTERN_LIMIT: usize = 32;

/// One parameter of one execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// `$n` in the normalised text.
    pub(crate) number: u16,
    /// 0: a literal of the text.
    pub(crate) type_oid: u32,
    /// Bytes of the whole value, also when it is not kept.
    pub(crate) length: u32,
    pub(crate) kept: Kept,
}

/// What is left of a parameter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    Null,
    /// Bytes of the datum or the literal token, whole.
    Value(Vec<u8>),
    /// Too long to keep whole, or of a type whose values are not kept.
    Omitted,
    Shape(Shape),
}

/// What matters of a value for selectivity, without the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Boolean(bool),
    Number {
        negative: bool,
        /// Before the point; at least 1, so that 0 looks like every number of one digit.
        digits: u8,
    },
    Moment {
        /// Rounded distance from the execution's moment, negative for the past.
        seconds: i64,
    },
    Text {
        /// `x` for each character, `%` and `_` kept; at most `PATTERN_LIMIT` bytes.
        pattern: Vec<u8>,
    },
    Array {
        elements: u32,
    },
    Opaque,
}

const COMPLETE: u8 = 1;
const SOME_LEFT_OUT: u8 = 2;

const NULL: u8 = 0;
const VALUE: u8 = 1;
const OMITTED: u8 = 2;
const FALSE: u8 = 3;
const TRUE: u8 = 4;
const POSITIVE: u8 = 5;
const NEGATIVE: u8 = 6;
const MOMENT: u8 = 7;
const TEXT: u8 = 8;
const ARRAY: u8 = 9;
const OPAQUE: u8 = 10;

/// Tag, number, type and length take a byte each or more.
const SMALLEST_PARAMETER: usize = 4;

/// At most `limit` bytes that `decode` reads back. Parameters that do not fit are left out, later
/// and shorter ones may still fit. Nothing at all, not even the flag, fits a limit of 0.
pub(crate) fn encode(parameters: &[Parameter], limit: usize) -> Vec<u8> {
    if limit == 0 {
        return Vec::new();
    }
    let mut encoded = vec![COMPLETE];
    for parameter in parameters {
        let before = encoded.len();
        let free = limit.saturating_sub(before);
        // A value far over the limit must not be copied just to be thrown away.
        let fits = free >= SMALLEST_PARAMETER.saturating_add(value_length(&parameter.kept));
        if fits {
            push_parameter(&mut encoded, parameter);
        }
        if !fits || encoded.len() > limit {
            encoded.truncate(before);
            if let Some(flag) = encoded.first_mut() {
                *flag = SOME_LEFT_OUT;
            }
        }
    }
    encoded
}

/// The parameters and whether some were left out; `None` if `encode` did not write this.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Vec<Parameter>, bool)> {
    let mut reader = Reader(bytes);
    let some_left_out = match reader.byte()? {
        COMPLETE => false,
        SOME_LEFT_OUT => true,
        _ => return None,
    };
    let mut parameters = Vec::new();
    while !reader.0.is_empty() {
        parameters.push(reader.parameter()?);
    }
    Some((parameters, some_left_out))
}

fn value_length(kept: &Kept) -> usize {
    match kept {
        Kept::Value(value) => value.len(),
        _ => 0,
    }
}

fn push_parameter(to: &mut Vec<u8>, parameter: &Parameter) {
    to.push(tag(&parameter.kept));
    push_varint(to, parameter.number.into());
    push_varint(to, parameter.type_oid.into());
    push_varint(to, parameter.length.into());
    match &parameter.kept {
        Kept::Value(value) => {
            push_varint(to, value.len() as u64);
            to.extend_from_slice(value);
        }
        Kept::Shape(shape) => push_shape(to, shape),
        Kept::Null | Kept::Omitted => {}
    }
}

fn tag(kept: &Kept) -> u8 {
    match kept {
        Kept::Null => NULL,
        Kept::Value(_) => VALUE,
        Kept::Omitted => OMITTED,
        Kept::Shape(Shape::Boolean(false)) => FALSE,
        Kept::Shape(Shape::Boolean(true)) => TRUE,
        Kept::Shape(Shape::Number { negative, .. }) => {
            if *negative {
                NEGATIVE
            } else {
                POSITIVE
            }
        }
        Kept::Shape(Shape::Moment { .. }) => MOMENT,
        Kept::Shape(Shape::Text { .. }) => TEXT,
        Kept::Shape(Shape::Array { .. }) => ARRAY,
        Kept::Shape(Shape::Opaque) => OPAQUE,
    }
}

fn push_shape(to: &mut Vec<u8>, shape: &Shape) {
    match shape {
        Shape::Number { digits, .. } => to.push(*digits),
        Shape::Moment { seconds } => push_varint(to, zigzag(*seconds)),
        Shape::Array { elements } => push_varint(to, (*elements).into()),
        Shape::Text { pattern } => {
            let marks = pattern.iter().take(PATTERN_LIMIT);
            to.push(marks.len() as u8);
            // The last door a user's text could slip through.
            to.extend(marks.map(|&mark| if is_mark(mark) { mark } else { b'x' }));
        }
        Shape::Boolean(_) | Shape::Opaque => {}
    }
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'x' | b'%' | b'_')
}

/// Seven bits a byte, the lowest first, the eighth says that more follow.
fn push_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Small distances stay short whatever their sign.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// What is still unread. Only copies what is there, so that a damaged length allocates nothing.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn parameter(&mut self) -> Option<Parameter> {
        let tag = self.byte()?;
        Some(Parameter {
            number: self.varint()?.try_into().ok()?,
            type_oid: self.varint()?.try_into().ok()?,
            length: self.varint()?.try_into().ok()?,
            kept: self.kept(tag)?,
        })
    }

    fn kept(&mut self, tag: u8) -> Option<Kept> {
        match tag {
            NULL => Some(Kept::Null),
            OMITTED => Some(Kept::Omitted),
            VALUE => {
                let length = self.varint()?.try_into().ok()?;
                Some(Kept::Value(self.take(length)?.to_vec()))
            }
            _ => self.shape(tag).map(Kept::Shape),
        }
    }

    fn shape(&mut self, tag: u8) -> Option<Shape> {
        Some(match tag {
            FALSE | TRUE => Shape::Boolean(tag == TRUE),
            POSITIVE | NEGATIVE => Shape::Number {
                negative: tag == NEGATIVE,
                digits: self.byte()?,
            },
            MOMENT => Shape::Moment {
                seconds: unzigzag(self.varint()?),
            },
            TEXT => Shape::Text {
                pattern: self.pattern()?,
            },
            ARRAY => Shape::Array {
                elements: self.varint()?.try_into().ok()?,
            },
            OPAQUE => Shape::Opaque,
            _ => return None,
        })
    }

    /// Patterns become SQL when a statement is planned: nothing but marks may come in.
    fn pattern(&mut self) -> Option<Vec<u8>> {
        let length = usize::from(self.byte()?);
        let marks = self.take(length)?;
        let valid = length <= PATTERN_LIMIT && marks.iter().all(|&mark| is_mark(mark));
        valid.then(|| marks.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept() -> impl Strategy<Value = Kept> {
        prop_oneof![
            Just(Kept::Null),
            Just(Kept::Omitted),
            prop::collection::vec(any::<u8>(), 0..200).prop_map(Kept::Value),
            any::<bool>().prop_map(|value| Kept::Shape(Shape::Boolean(value))),
            any::<(bool, u8)>()
                .prop_map(|(negative, digits)| Kept::Shape(Shape::Number { negative, digits })),
            any::<i64>().prop_map(|seconds| Kept::Shape(Shape::Moment { seconds })),
            "[x%_]{0,32}".prop_map(|text| Kept::Shape(Shape::Text {
                pattern: text.into_bytes()
            })),
            any::<u32>().prop_map(|elements| Kept::Shape(Shape::Array { elements })),
            Just(Kept::Shape(Shape::Opaque)),
        ]
    }

    prop_compose! {
        fn parameter()(number: u16, type_oid: u32, length: u32, kept in kept()) -> Parameter {
            Parameter { number, type_oid, length, kept }
        }
    }

    fn parameters() -> impl Strategy<Value = Vec<Parameter>> {
        prop::collection::vec(parameter(), 0..12)
    }

    fn number(number: u16) -> Parameter {
        Parameter {
            number,
            type_oid: 23,
            length: 4,
            kept: Kept::Value(vec![1, 2, 3, 4]),
        }
    }

    #[test]
    fn a_small_number_takes_nine_bytes() {
        assert_eq!(encode(&[number(1)], 100), [1, 1, 1, 23, 4, 4, 1, 2, 3, 4]);
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_said_and_later_ones_still_fit() {
        let mut long = number(2);
        long.kept = Kept::Value(vec![7; 1000]);
        let encoded = encode(&[number(1), long, number(3)], 19);
        let kept = vec![number(1), number(3)];
        assert_eq!(decode(&encoded), Some((kept, true)));
        assert_eq!(decode(&encode(&[number(1)], 1)), Some((Vec::new(), true)));
        assert_eq!(decode(&encode(&[number(1)], 0)), None);
    }

    #[test]
    fn a_damaged_length_is_refused_without_allocating_it() {
        let huge = [
            1, VALUE, 1, 23, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
        ];
        assert_eq!(decode(&huge), None);
        assert_eq!(decode(&[1, TEXT, 1, 25, 33, 33]), None);
        assert_eq!(decode(&[1, NULL, 0xff, 0xff, 0xff, 1, 0, 0]), None);
    }

    #[test]
    fn memory_never_written_is_no_sample() {
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[0; 64]), None);
    }

    #[test]
    fn letters_never_pass_as_a_pattern_in_either_direction() {
        let mut smuggled = number(1);
        smuggled.kept = Kept::Shape(Shape::Text {
            pattern: b"ab%'".to_vec(),
        });
        let encoded = encode(&[smuggled], 100);
        assert!(encoded.ends_with(b"xx%x"));
        assert_eq!(decode(&[1, TEXT, 1, 25, 3, 3, b'x', b'\'', b'x']), None);
    }

    proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded(parameters in parameters()) {
            let encoded = encode(&parameters, usize::MAX);
            prop_assert_eq!(decode(&encoded), Some((parameters, false)));
        }

        #[test]
        fn the_limit_holds_and_the_rest_decodes(parameters in parameters(), limit in 1usize..300) {
            let encoded = encode(&parameters, limit);
            prop_assert!(encoded.len() <= limit);
            let (kept, left_out) = decode(&encoded).unwrap_or_default();
            prop_assert_eq!(left_out, kept.len() < parameters.len());
            prop_assert!(kept.iter().all(|parameter| parameters.contains(parameter)));
        }

        #[test]
        fn damage_is_survived_and_what_is_read_can_be_written(
            parameters in parameters(), cut: prop::sample::Index, flip: prop::sample::Index, bits: u8
        ) {
            let mut encoded = encode(&parameters, usize::MAX);
            let at = flip.index(encoded.len());
            if let Some(byte) = encoded.get_mut(at) {
                *byte ^= bits;
            }
            encoded.truncate(cut.index(encoded.len() + 1));
            if let Some((read, _)) = decode(&encoded) {
                prop_assert_eq!(decode(&encode(&read, usize::MAX)), Some((read, false)));
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
        }
    }
}
