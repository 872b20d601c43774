//! Records without quotes, nearly all of them: their end and their fields, found in one pass of sixteen bytes at a time.
//! Fields are so short that a search for each would mostly begin and end.

use std::ops::Range;
use wide::u8x16;

/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// Finds the fields of the record that begins `bytes` and gives its length without the line end. `None`: a quote comes
/// before its end, or the end is not there; the fields then are not to be used.
pub(super) fn divide(
    bytes: &[u8],
    delimiter: u8,
    has_ended: bool,
    fields: &mut Vec<Range<usize>>,
) -> Option<usize> {
    let delimiters = u8x16::splat(delimiter);
    let [line_feed, carriage_return, quote] = [b'\n', b'\r', b'"'].map(u8x16::splat);
    let mut start = 0;
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        let block = u8x16::new(*block);
        let is_end = block.simd_eq(line_feed) | block.simd_eq(carriage_return) | block.simd_eq(quote);
        let ends = is_end.to_bitmask();
        // All bits below the lowest of the ends, or all.
        let before_end = (ends & ends.wrapping_neg()).wrapping_sub(1);
        let mut found = block.simd_eq(delimiters).to_bitmask() & before_end;
        while found != 0 {
            let at = index * BLOCK + found.trailing_zeros() as usize;
            fields.push(start..at);
            start = at + 1;
            found &= found - 1;
        }
        if ends != 0 {
            let at = index * BLOCK + ends.trailing_zeros() as usize;
            fields.push(start..at);
            return (bytes[at] != b'"').then_some(at);
        }
    }
    let behind_blocks = bytes.len() - rest.len();
    for (index, byte) in rest.iter().enumerate() {
        let at = behind_blocks + index;
        if *byte == b'"' {
            return None;
        }
        let is_end = matches!(byte, b'\n' | b'\r');
        if is_end || *byte == delimiter {
            fields.push(start..at);
            start = at + 1;
        }
        if is_end {
            return Some(at);
        }
    }
    fields.push(start..bytes.len());
    has_ended.then_some(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Byte by byte it comes to the same.
        #[test]
        fn fields_are_what_stands_between_delimiters_up_to_the_end(
            bytes in proptest::collection::vec(
                prop_oneof![
                    20 => any::<u8>(), 20 => Just(b','), 10 => Just(b','| 0x80), 1 => Just(b'\n'), 1 => Just(b'\r'),
                    1 => Just(b'"'),
                ],
                0..90,
            ),
            delimiter in prop_oneof![Just(b','), Just(b'\t')],
            has_ended in any::<bool>(),
        ) {
            let mut fields = Vec::new();
            let length = divide(&bytes, delimiter, has_ended, &mut fields);
            let end = bytes.iter().position(|byte| b"\n\r\"".contains(byte));
            let expected = match end {
                Some(at) => (bytes[at] != b'"').then_some(at),
                None => has_ended.then_some(bytes.len()),
            };
            prop_assert_eq!(length, expected);
            if let Some(length) = length {
                let found: Vec<&[u8]> = fields.into_iter().map(|field| &bytes[field]).collect();
                let expected: Vec<&[u8]> = bytes[..length].split(|byte| *byte == delimiter).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
