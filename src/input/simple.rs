//! Simple records, nearly all of them: on one line, each field bare or well enclosed in quotes. Their end and their fields
//! are found in one pass of sixteen bytes at a time. Fields are so short that a search for each would mostly begin and end.

use std::ops::Range;
use wide::u8x16;

/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// The bits of all bytes of a block.
const ALL: u32 = (1 << BLOCK) - 1;

/// The bit of its last byte.
const LAST: u32 = 1 << (BLOCK - 1);

/// Finds the fields of the record that begins `bytes`, without the quotes around them, and which of them hold doubled
/// quotes; gives its length without the line end. `None`: it is not simple, or its end is not there; what was found then
/// is not to be used.
pub(super) fn divide(
    bytes: &[u8],
    delimiter: u8,
    has_ended: bool,
    fields: &mut Vec<Range<usize>>,
    doubled: &mut Vec<usize>,
) -> Option<usize> {
    let mut division = Division::of(bytes, fields, doubled);
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        if let Some(end) = division.pass(index * BLOCK, Masks::of(block, delimiter))? {
            return Some(end);
        }
    }
    let mut last = [0; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let end = division.pass(bytes.len() - rest.len(), Masks::of(&last, delimiter).that_end(rest.len()))?;
    end.filter(|end| has_ended || *end < bytes.len())
}

/// Where in a block the bytes stand that mean something, the first as the lowest bit.
struct Masks {
    delimiters: u32,
    ends: u32,
    quotes: u32,
}

impl Masks {
    #[inline]
    fn of(block: &[u8; BLOCK], delimiter: u8) -> Masks {
        let block = u8x16::new(*block);
        let is = |byte| block.simd_eq(u8x16::splat(byte));
        Masks {
            delimiters: is(delimiter).to_bitmask(),
            ends: (is(b'\n') | is(b'\r')).to_bitmask(),
            quotes: is(b'"').to_bitmask(),
        }
    }

    /// Those of the first so many bytes, as if a line ended behind them.
    fn that_end(self, length: usize) -> Masks {
        let end = 1 << length;
        let valid = end - 1;
        Masks {
            delimiters: self.delimiters & valid,
            ends: self.ends & valid | end,
            quotes: self.quotes & valid,
        }
    }
}

/// How far a record is divided.
struct Division<'buffer> {
    bytes: &'buffer [u8],
    fields: &'buffer mut Vec<Range<usize>>,
    doubled: &'buffer mut Vec<usize>,
    /// Where the field begins that is open.
    start: usize,
    /// Whether there was a quote.
    has_quotes: bool,
    /// Whether there was a doubled one in the field that is open.
    is_doubled: bool,
    /// Whether the last quote opened something.
    is_inside: bool,
    /// Whether the last byte of the block before was a quote that closed something.
    was_closed: bool,
    /// Whether a field begins with the next block.
    begins: bool,
}

impl<'buffer> Division<'buffer> {
    fn of(
        bytes: &'buffer [u8],
        fields: &'buffer mut Vec<Range<usize>>,
        doubled: &'buffer mut Vec<usize>,
    ) -> Self {
        Division {
            bytes,
            fields,
            doubled,
            start: 0,
            has_quotes: false,
            is_doubled: false,
            is_inside: false,
            was_closed: false,
            begins: true,
        }
    }

    /// Passes a block that begins at `from`; gives where the record ends, if it does there. `None`: it is not simple.
    #[inline(always)]
    fn pass(&mut self, from: usize, masks: Masks) -> Option<Option<usize>> {
        let Masks { mut delimiters, ends, quotes } = masks;
        let (mut line_ends, mut doubled) = (ends, 0);
        if quotes != 0 || self.is_inside || self.was_closed {
            let inside = self.inside(quotes);
            delimiters &= !inside;
            line_ends &= !inside;
            let passed = up_to_lowest(line_ends);
            let opening = quotes & inside & passed;
            let behind_closing = (quotes & !inside & passed) << 1 | u32::from(self.was_closed);
            let begun = delimiters << 1 | u32::from(self.begins);
            doubled = opening & behind_closing;
            let is_misplaced =
                opening & !(begun | doubled) | behind_closing & ALL & !(delimiters | line_ends | doubled);
            if is_misplaced | ends & inside & passed != 0 {
                return None;
            }
            self.was_closed = behind_closing & !ALL != 0;
        }
        self.begins = delimiters & LAST != 0;
        let mut found = delimiters & up_to_lowest(line_ends);
        while found != 0 {
            let at = found.trailing_zeros();
            if doubled != 0 {
                self.is_doubled |= doubled & ((1 << at) - 1) != 0;
                doubled = doubled >> at << at;
            }
            self.field(from + at as usize);
            found &= found - 1;
        }
        self.is_doubled |= doubled != 0;
        if line_ends == 0 {
            return Some(None);
        }
        let end = from + line_ends.trailing_zeros() as usize;
        self.field(end);
        Some(Some(end))
    }

    /// Which bytes of a block stand between quotes, the opening ones included.
    #[inline(always)]
    fn inside(&mut self, quotes: u32) -> u32 {
        let mut inside = quotes;
        // Each bit is the parity of all up to it.
        for shift in [1, 2, 4, 8] {
            inside ^= inside << shift;
        }
        if self.is_inside {
            inside = !inside;
        }
        self.has_quotes = true;
        self.is_inside = inside & LAST != 0;
        inside & ALL
    }

    /// Takes the field that ends here; one that begins with a quote is enclosed.
    #[inline(always)]
    fn field(&mut self, end: usize) {
        let mut field = self.start..end;
        if self.has_quotes && self.bytes.get(field.start) == Some(&b'"') {
            field = field.start + 1..end - 1;
            if std::mem::take(&mut self.is_doubled) {
                self.doubled.push(self.fields.len());
            }
        }
        self.fields.push(field);
        self.start = end + 1;
    }
}

/// All bits below the lowest that is set, or all.
#[inline(always)]
fn up_to_lowest(bits: u32) -> u32 {
    (bits & bits.wrapping_neg()).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::super::quotes;
    use super::*;
    use proptest::prelude::*;

    /// A record's length, its fields, and which of them hold doubled quotes.
    type Divided<'text> = Option<(usize, Vec<&'text [u8]>, Vec<usize>)>;

    /// The same field by field.
    fn expected(bytes: &[u8], delimiter: u8, has_ended: bool) -> Divided<'_> {
        let (mut fields, mut doubled, mut at) = (Vec::new(), Vec::new(), 0);
        loop {
            let begun = &bytes[at..];
            let (field, length) = if begun.first() == Some(&b'"') {
                let (length, has_doubled) = quotes::quoted(begun)?;
                doubled.extend(has_doubled.then_some(fields.len()));
                (&begun[1..length - 1], length)
            } else {
                let length = begun.iter().position(|byte| *byte == delimiter || b"\n\r\"".contains(byte));
                let length = length.unwrap_or(begun.len());
                (&begun[..length], length)
            };
            if begun[0..length].starts_with(b"\"") && field.iter().any(|byte| b"\n\r".contains(byte)) {
                return None;
            }
            fields.push(field);
            at += length;
            match bytes.get(at) {
                Some(b'\n' | b'\r') => return Some((at, fields, doubled)),
                None => return has_ended.then_some((at, fields, doubled)),
                Some(byte) if *byte == delimiter => at += 1,
                Some(_) => return None,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn fields_are_what_stands_between_delimiters_up_to_the_end(
            parts in proptest::collection::vec(
                prop_oneof![
                    20 => proptest::collection::vec(any::<u8>(), 0..5), 20 => Just(b",".to_vec()),
                    20 => proptest::collection::vec(any::<u8>(), 0..20)
                        .prop_map(|cell| [b",\"", &cell[..], b"\","].concat()),
                    5 => "[a,\"]{0,20}".prop_map(|cell| format!("\"{}\",", cell.replace('"', "\"\"")).into_bytes()),
                    10 => Just(vec![b',' | 0x80]), 1 => Just(b"\n".to_vec()), 1 => Just(b"\r".to_vec()),
                    2 => Just(b"\"".to_vec()),
                ],
                0..20,
            ),
            delimiter in prop_oneof![Just(b','), Just(b'\t')],
            has_ended in any::<bool>(),
        ) {
            let (bytes, mut fields, mut doubled) = (parts.concat(), Vec::new(), Vec::new());
            let length = divide(&bytes, delimiter, has_ended, &mut fields, &mut doubled);
            let found =
                length.map(|length| (length, fields.into_iter().map(|field| &bytes[field]).collect(), doubled));
            prop_assert_eq!(found, expected(&bytes, delimiter, has_ended));
        }
    }
}
