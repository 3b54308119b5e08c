//! A column of serialised messages, read in place whichever of Arrow's binaries it is.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, BinaryViewArray, LargeBinaryArray};
use arrow_schema::DataType;

/// Messages of one column, borrowed.
pub enum Payloads<'a> {
    /// Offsets of 32 bits.
    Binary(&'a BinaryArray),
    /// Offsets of 64 bits.
    Large(&'a LargeBinaryArray),
    /// Views, as polars has them.
    View(&'a BinaryViewArray),
}

impl<'a> Payloads<'a> {
    /// Reads a column; `None` where it holds nulls or anything but binaries.
    #[must_use]
    pub fn of(column: &'a ArrayRef) -> Option<Self> {
        match column.data_type() {
            _ if column.null_count() > 0 => None,
            DataType::Binary => column.as_binary_opt().map(Self::Binary),
            DataType::LargeBinary => column.as_binary_opt().map(Self::Large),
            DataType::BinaryView => column.as_binary_view_opt().map(Self::View),
            _ => None,
        }
    }

    /// The messages in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|row| self.value(row))
    }

    pub(super) fn value(&self, row: usize) -> &[u8] {
        match self {
            Self::Binary(array) => array.value(row),
            Self::Large(array) => array.value(row),
            Self::View(array) => array.value(row),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Binary(array) => array.len(),
            Self::Large(array) => array.len(),
            Self::View(array) => array.len(),
        }
    }
}
