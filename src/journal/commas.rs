//! Finds the commas of a plain record eight bytes at a time.

/// Bytes that are looked at together.
pub(super) const WORD: usize = size_of::<u64>();

/// The highest bit of each byte that is a comma, the first byte lowest. Of ASCII alone.
pub(super) fn commas(word: [u8; WORD]) -> u64 {
    // No byte but a comma is now zero, and adding does not carry from one byte to the next.
    let others = u64::from_le_bytes(word) ^ u64::from_le_bytes([b','; WORD]);
    !others.wrapping_add(u64::from_le_bytes([0x7f; WORD])) & u64::from_le_bytes([0x80; WORD])
}
