//! A snapshot as bytes in memory, its parts one after the other on one thread: for whoever tries what a reader makes of
//! parts that no writer wrote.

use std::{io, iter};

use super::file::{Reader, Writer};
use super::part::take_apart;
use super::read::{Decoder, assemble};
use super::{Flaw, Snapshot};
use crate::keyed::Key;

/// The parts of a snapshot as they are written, before they are sealed.
///
/// # Errors
/// Where something of the state cannot be written.
pub fn payloads(snapshot: Snapshot) -> io::Result<Vec<Vec<u8>>> {
    let mut payloads = Vec::new();
    take_apart(snapshot, &mut |part| {
        payloads.push(part.encode()?);
        io::Result::Ok(())
    })?;
    Ok(payloads)
}

/// The file of such parts, whatever they hold, under sound seals.
///
/// # Errors
/// None that memory could give.
pub fn sealed(payloads: &[Vec<u8>], sequence: u64, key: &Key) -> io::Result<Vec<u8>> {
    let mut writer = Writer::begin(Vec::new(), key, sequence)?;
    payloads.iter().try_for_each(|payload| writer.append(payload))?;
    Ok(writer.end().0)
}

/// The snapshot that a file holds.
///
/// # Errors
/// Where it is none that this engine may use.
pub fn decode(file: &[u8], key: &Key) -> Result<Snapshot, Flaw> {
    let mut file = Reader::open(file, file.len() as u64, key)?;
    let (snapshot, mut decoder) = Decoder::begin(&mut file, key)?;
    let sealed = iter::from_fn(|| file.next_part());
    assemble(snapshot, sealed.map(|sealed| (sealed.index, decoder.open(&sealed))))
}
