//! A journal as Arrow columns, read in place.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};

use super::ReplayError;
use super::payloads::Payloads;

/// Messages by sequence, borrowed from record batches.
pub struct Journal<'a> {
    batches: Vec<(&'a UInt64Array, Payloads<'a>)>,
}

/// The columns of a journal, whose payloads may pass 2 GiB; small and view binaries are read too.
#[must_use]
pub fn journal_schema() -> Schema {
    Schema::new(vec![
        Field::new("sequence", DataType::UInt64, false),
        Field::new("payload", DataType::LargeBinary, false),
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
    let payloads = find("payload").and_then(Payloads::of);
    let sequences = sequences.ok_or_else(|| wrong("sequence: uint64"))?;
    Ok((sequences, payloads.ok_or_else(|| wrong("payload: binary"))?))
}
