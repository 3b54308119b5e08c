//! A file of sealed parts: a head (magic, version, sequence, mark of the deployment's key) and then each part with its
//! length and a keyed hash over version, sequence, its place and its bytes. What the parts hold is not known here.

use std::io::{self, Read, Write};

use super::{Flaw, VERSION};
use crate::keyed::Key;

const MAGIC: &[u8; 8] = b"CARTSNAP";
pub(super) const HEAD_BYTES: usize = MAGIC.len() + 4 + 8 + 16;

/// Tells keys apart and says nothing of them.
fn key_mark(key: &Key) -> [u8; 16] {
    key.hash("snapshot key", &[])
}

/// The seal of one part.
fn seal(key: &Key, sequence: u64, index: u32, payload: &[u8]) -> [u8; 16] {
    let numbers = [
        &VERSION.to_le_bytes()[..],
        &sequence.to_le_bytes(),
        &index.to_le_bytes(),
    ]
    .concat();
    key.hash("snapshot part", &[&numbers, payload])
}

/// A file being written.
pub(super) struct Writer<'a, W> {
    sink: W,
    key: &'a Key,
    sequence: u64,
    parts: u32,
    bytes: u64,
}

impl<'a, W: Write> Writer<'a, W> {
    /// Writes the head.
    pub(super) fn begin(mut sink: W, key: &'a Key, sequence: u64) -> io::Result<Self> {
        sink.write_all(MAGIC)?;
        sink.write_all(&VERSION.to_le_bytes())?;
        sink.write_all(&sequence.to_le_bytes())?;
        sink.write_all(&key_mark(key))?;
        Ok(Self {
            sink,
            key,
            sequence,
            parts: 0,
            bytes: HEAD_BYTES as u64,
        })
    }

    pub(super) fn append(&mut self, payload: &[u8]) -> io::Result<()> {
        let length = payload.len() as u64;
        let seal = seal(self.key, self.sequence, self.parts, payload);
        self.sink.write_all(&length.to_le_bytes())?;
        self.sink.write_all(&seal)?;
        self.sink.write_all(payload)?;
        self.parts += 1;
        self.bytes += length + 24;
        Ok(())
    }

    /// What was written to, and how many bytes.
    pub(super) fn end(self) -> (W, u64) {
        (self.sink, self.bytes)
    }
}

/// A part as it stands in the file.
pub(super) struct Sealed {
    pub(super) index: u32,
    sequence: u64,
    seal: [u8; 16],
    payload: Vec<u8>,
}

impl Sealed {
    /// The bytes, if they are what was written.
    pub(super) fn open(&self, key: &Key) -> Option<&[u8]> {
        let sound = seal(key, self.sequence, self.index, &self.payload) == self.seal;
        sound.then_some(&self.payload)
    }
}

/// A file being read.
pub(super) struct Reader<R> {
    source: R,
    /// Bytes that were not read yet: no part can be longer.
    left: u64,
    sequence: u64,
    next: u32,
}

impl<R: Read> Reader<R> {
    /// Reads the head of a file of so many bytes.
    pub(super) fn open(source: R, bytes: u64, key: &Key) -> Result<Self, Flaw> {
        let mut reader = Self {
            source,
            left: bytes,
            sequence: 0,
            next: 0,
        };
        let (magic, version) = (reader.take(), reader.take());
        let (sequence, mark) = (reader.take(), reader.take::<16>());
        if magic.as_ref() != Some(MAGIC) {
            return Err(Flaw::Damaged(0));
        }
        let version = version.map(u32::from_le_bytes).ok_or(Flaw::Damaged(0))?;
        if version != VERSION {
            let found = format!("form {version}");
            return Err(Flaw::Version { found });
        }
        let mark = mark.ok_or(Flaw::Damaged(0))?;
        if mark != key_mark(key) {
            return Err(Flaw::Foreign);
        }
        reader.sequence = sequence.map(u64::from_le_bytes).unwrap_or_default();
        Ok(reader)
    }

    /// What the head says.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The next part; `None` at the end, and where the file ends within a part.
    pub(super) fn next_part(&mut self) -> Option<Sealed> {
        let length = u64::from_le_bytes(self.take()?);
        let seal = self.take()?;
        self.left = self.left.checked_sub(length)?;
        let mut payload = vec![0; usize::try_from(length).ok()?];
        self.source.read_exact(&mut payload).ok()?;
        let index = self.next;
        self.next += 1;
        Some(Sealed {
            index,
            sequence: self.sequence,
            seal,
            payload,
        })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.left = self.left.checked_sub(N as u64)?;
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}
