//! The wire format of schema registries: a zero byte, the schema's id in four bytes (big-endian),
//! and the datum (Confluent, "Wire format").

/// The first byte of a framed message.
pub(super) const MAGIC: u8 = 0;

/// A message of the datum, with the id of its schema.
pub(crate) fn framed(id: u32, datum: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(datum.len() + 5);
    message.push(MAGIC);
    message.extend_from_slice(&id.to_be_bytes());
    message.extend_from_slice(datum);
    message
}

/// Schema id and datum of a framed message; `None` when it is not framed.
pub(crate) fn unframed(message: &[u8]) -> Option<(u32, &[u8])> {
    let (id, datum) = message.strip_prefix(&[MAGIC])?.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*id), datum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_begins_with_a_zero_and_the_id_in_four_bytes() {
        let message = framed(0x0102_0304, b"datum");
        assert_eq!(message, [&[0, 1, 2, 3, 4][..], b"datum"].concat());
        assert_eq!(unframed(&message), Some((0x0102_0304, &b"datum"[..])));
        for other in [&[][..], &[0, 1, 2, 3], &[0xC3, 1, 2, 3, 4, 5]] {
            assert_eq!(unframed(other), None, "{other:?}");
        }
    }
}
