//! A journal as Arrow columns, read in place.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, BinaryArray, BinaryViewArray, LargeBinaryArray, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};

use super::ReplayError;

/// Messages by sequence, borrowed from record batches.
pub struct Journal<'a> {
    batches: Vec<(&'a UInt64Array, Payloads<'a>)>,
}

enum Payloads<'a> {
    Binary(&'a BinaryArray),
    Large(&'a LargeBinaryArray),
    View(&'a BinaryViewArray),
}

impl Payloads<'_> {
    fn value(&self, row: usize) -> &[u8] {
        match self {
            Self::Binary(array) => array.value(row),
            Self::Large(array) => array.value(row),
            Self::View(array) => array.value(row),
        }
    }
}

/// The columns of a journal; large and view binaries are read too.
#[must_use]
pub fn journal_schema() -> Schema {
    Schema::new(vec![
        Field::new("sequence", DataType::UInt64, false),
        Field::new("payload", DataType::Binary, false),
    ])
}

impl<'a> Journal<'a> {
    /// Takes batches of (sequence, payload), sorted by sequence.
    ///
    /// # Errors
    /// Where the columns are others, hold nulls, or the sequences do not rise.
    pub fn new(batches: &'a [RecordBatch]) -> Result<Self, ReplayError> {
        let journal = Self {
            batches: batches.iter().map(columns).collect::<Result<_, _>>()?,
        };
        let mut previous = 0;
        for (sequence, _) in journal.messages() {
            if sequence <= previous {
                return Err(ReplayError::Unsorted { sequence, previous });
            }
            previous = sequence;
        }
        Ok(journal)
    }

    /// Sequences and payloads in order.
    pub fn messages(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.batches.iter().flat_map(|(sequences, payloads)| {
            (0..sequences.len()).map(|row| (sequences.value(row), payloads.value(row)))
        })
    }
}

fn columns(batch: &RecordBatch) -> Result<(&UInt64Array, Payloads<'_>), ReplayError> {
    let wrong = |what: &str| ReplayError::Columns(format!("the journal needs a column {what} without nulls"));
    let find = |name| batch.column_by_name(name).filter(|column| column.null_count() == 0);
    let sequences = find("sequence").and_then(|column| column.as_primitive_opt::<UInt64Type>());
    let payload = find("payload").ok_or_else(|| wrong("payload: binary"))?;
    let payloads = match payload.data_type() {
        DataType::Binary => payload.as_binary_opt().map(Payloads::Binary),
        DataType::LargeBinary => payload.as_binary_opt().map(Payloads::Large),
        DataType::BinaryView => payload.as_binary_view_opt().map(Payloads::View),
        _ => None,
    };
    let sequences = sequences.ok_or_else(|| wrong("sequence: uint64"))?;
    Ok((sequences, payloads.ok_or_else(|| wrong("payload: binary"))?))
}
