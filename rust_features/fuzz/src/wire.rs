//! Protobuf without a schema: bytes as fields within fields, so that a mutation inside a message leaves the lengths around
//! it right.

/// Messages within messages are looked into so deep.
const DEPTH: usize = 12;

/// One field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) number: u64,
    pub(crate) value: Value,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    /// Text, bytes, packed numbers.
    Bytes(Vec<u8>),
    /// Bytes that can be read as fields.
    Message(Vec<Field>),
}

impl Value {
    /// The bytes of a field that has a length.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(bytes.clone()),
            Self::Message(fields) => Some(write(fields)),
            _ => None,
        }
    }
}

/// The first number among the fields that has this one.
pub(crate) fn varint_of(fields: &[Field], wanted: u64) -> Option<u64> {
    fields.iter().find_map(|field| match field.value {
        Value::Varint(number) if field.number == wanted => Some(number),
        _ => None,
    })
}

/// The fields of a message; `None` where the bytes are none.
pub(crate) fn read(bytes: &[u8]) -> Option<Vec<Field>> {
    read_within(bytes, DEPTH)
}

fn read_within(mut bytes: &[u8], depth: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut bytes)?),
            1 => Value::Fixed64(*bytes.split_off(..8)?.first_chunk()?),
            5 => Value::Fixed32(*bytes.split_off(..4)?.first_chunk()?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let held = bytes.split_off(..length)?;
                let within = if depth > 0 && !held.is_empty() {
                    read_within(held, depth - 1)
                } else {
                    None
                };
                within.map_or_else(|| Value::Bytes(held.to_vec()), Value::Message)
            }
            _ => return None,
        };
        let number = tag >> 3;
        if number == 0 {
            return None;
        }
        fields.push(Field { number, value });
    }
    Some(fields)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// The bytes of the fields, every length right.
pub(crate) fn write(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Field { number, value } in fields {
        let tag = |kind: u64| number.wrapping_shl(3) | kind;
        match value {
            Value::Varint(held) => {
                push(&mut bytes, tag(0));
                push(&mut bytes, *held);
            }
            Value::Fixed64(held) => {
                push(&mut bytes, tag(1));
                bytes.extend(held);
            }
            Value::Fixed32(held) => {
                push(&mut bytes, tag(5));
                bytes.extend(held);
            }
            Value::Bytes(_) | Value::Message(_) => {
                let held = value.bytes().unwrap_or_default();
                push(&mut bytes, tag(2));
                push(&mut bytes, held.len() as u64);
                bytes.extend(held);
            }
        }
    }
    bytes
}

fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_within_fields_are_written_as_they_were_read() {
        let bytes = [0x0a, 0x05, 0x0a, 0x03, 0x08, 0x96, 0x01, 0x10, 0x07, 0x1d, 1, 2, 3, 4];
        let fields = read(&bytes).unwrap();
        assert!(matches!(&fields[0].value, Value::Message(within) if matches!(within[0].value, Value::Message(_))));
        assert_eq!(write(&fields), bytes);
        assert!(read(&bytes[..4]).is_none());
    }
}
