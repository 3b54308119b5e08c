//! Changes of inputs: of bytes, and of the fields of a message.

use crate::random::Random;
use crate::wire::{Field, Value, read, write};

/// Bytes of an input at most.
pub(crate) const LONGEST: usize = 4096;
/// Changes of one input at most.
const CHANGES: usize = 6;

/// A changed copy of `input`; parts of `other` may come into it.
pub(crate) fn mutated(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(CHANGES) {
        // Bytes that are no message are changed as bytes.
        match read(&bytes).filter(|_| random.below(4) > 0) {
            Some(mut fields) => {
                change_fields(&mut fields, other, random);
                bytes = write(&fields);
            }
            None => change_bytes(&mut bytes, other, random),
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change_bytes(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let place = random.below(bytes.len());
    let length = random.below((bytes.len() - place).min(64) + 1);
    match random.below(8) {
        0 => drop(bytes.drain(place..place + length)),
        1 => {
            let copied = bytes[place..place + length].to_vec();
            let target = random.below(bytes.len());
            bytes.splice(target..target, copied);
        }
        2 => {
            let start = random.below(other.len());
            let taken = &other[start..start + random.below(other.len() - start + 1)];
            bytes.splice(place..place + length, taken.iter().copied());
        }
        3 => {
            let number = random.number().to_le_bytes();
            let width = 1 << random.below(4);
            bytes.splice(place..(place + width).min(bytes.len()), number.into_iter().take(width));
        }
        4 => bytes.truncate(place),
        5 => bytes.insert(place, random.byte()),
        _ => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

/// Changes one field, at whatever depth.
fn change_fields(fields: &mut Vec<Field>, other: &[u8], random: &mut Random) {
    let place = random.below(fields.len());
    if let Some(Value::Message(within)) = fields.get_mut(place).map(|field| &mut field.value)
        && random.below(5) > 0
    {
        return change_fields(within, other, random);
    }
    match random.below(6) {
        0 if !fields.is_empty() => drop(fields.remove(place)),
        1 => fields.extend(fields.get(place).cloned()),
        2 => fields.extend(field_of(other, random)),
        3 if !fields.is_empty() => {
            let target = random.below(fields.len());
            fields.swap(place, target);
        }
        4 if fields.len() < 64 => fields.push(Field {
            number: 1 + random.below(64) as u64,
            value: Value::Varint(random.number()),
        }),
        _ => {
            if let Some(field) = fields.get_mut(place) {
                change_value(&mut field.value, other, random);
            }
        }
    }
}

fn change_value(value: &mut Value, other: &[u8], random: &mut Random) {
    match value {
        Value::Varint(number) => *number = random.number(),
        Value::Fixed64(bytes) => *bytes = float(random).to_le_bytes(),
        Value::Fixed32(bytes) => *bytes = random.number().to_le_bytes()[..4].try_into().unwrap_or_default(),
        Value::Bytes(bytes) => change_bytes(bytes, other, random),
        Value::Message(fields) => fields.extend(field_of(other, random)),
    }
}

/// Bits of a double, often a peculiar one.
fn float(random: &mut Random) -> u64 {
    let peculiar = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN_POSITIVE,
        0.0,
        -0.0,
        1e-36,
    ];
    peculiar
        .get(random.below(16))
        .map_or_else(|| random.next(), |value| value.to_bits())
}

/// Some field of a message, from any depth.
fn field_of(message: &[u8], random: &mut Random) -> Option<Field> {
    let mut fields = read(message)?;
    loop {
        if fields.is_empty() {
            return None;
        }
        let field = fields.swap_remove(random.below(fields.len()));
        match field.value {
            Value::Message(within) if random.below(2) > 0 && !within.is_empty() => fields = within,
            _ => return Some(field),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_input_and_no_input_is_too_long() {
        let (input, other) = (vec![0x0a, 3, 0x08, 0x96, 1], vec![7; LONGEST]);
        for seed in 0..2000 {
            let made = mutated(&input, &other, &mut Random(seed));
            assert!(made.len() <= LONGEST);
            assert_eq!(made, mutated(&input, &other, &mut Random(seed)));
        }
        assert!(mutated(&[], &[], &mut Random(1)).len() < 64);
    }
}
