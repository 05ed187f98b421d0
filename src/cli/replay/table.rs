//! Reads a table: a CSV file with a header, plain or gzip.
//!
//! Columns are found by name. A row that can't be read is named by the line of the file on which it
//! begins (the header is line 1); quoted fields may hold line breaks, so rows and lines are counted
//! apart.
//!
//! Not here: what a row says.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use flate2::read::MultiGzDecoder;

use crate::cli::failure::Failure;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A row that can't be read or used.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("line {line}: {cause}")]
pub(super) struct Broken {
    pub(super) line: u64,
    pub(super) cause: String,
}

/// Reads a whole file, unpacks it where it is packed, and has it read by `content`.
///
/// # Errors
/// Where it can't be read, or is broken; the file is named.
pub(super) fn read_file<T>(
    path: &Path,
    content: impl FnOnce(&[u8]) -> Result<T, Broken>,
) -> Result<T, Failure> {
    let failed = |cause: String| Failure::Failed(format!("{}: {cause}", path.display()));
    let stored = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let data = unpacked(stored).map_err(|error| failed(error.to_string()))?;
    content(&data).map_err(|broken| failed(broken.to_string()))
}

fn unpacked(stored: Vec<u8>) -> io::Result<Vec<u8>> {
    if !stored.starts_with(&GZIP_MAGIC) {
        return Ok(stored);
    }
    let mut data = Vec::new();
    MultiGzDecoder::new(stored.as_slice()).read_to_end(&mut data)?;
    Ok(data)
}

/// Has each row read by `each`, which is given the line and the fields of the columns of these names.
///
/// # Errors
/// [`Broken`], with the first row that is, or whose reading gives a cause.
pub(super) fn read_rows<const N: usize>(
    data: &[u8],
    names: [&str; N],
    mut each: impl FnMut(u64, [&str; N]) -> Result<(), String>,
) -> Result<(), Broken> {
    let mut reader = ReaderBuilder::new().from_reader(data);
    let mut lines = LineCount { data, offset: 0, line: 1 };
    let header = reader
        .byte_headers()
        .map_err(|error| Broken { line: 1, cause: error.to_string() })?
        .clone();
    let columns = columns(&header, names).map_err(|cause| Broken { line: 1, cause })?;
    let mut record = ByteRecord::new();
    loop {
        let offset = reader.position().byte();
        let read = match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => Ok(&record),
            Err(error) => Err(cause(&error, header.len())),
        };
        let line = lines.at(offset);
        let fields = read.and_then(|record| fields(record, columns));
        fields.and_then(|fields| each(line, fields)).map_err(|cause| Broken { line, cause })?;
    }
}

/// Where the columns of these names stand in a row.
fn columns<const N: usize>(header: &ByteRecord, names: [&str; N]) -> Result<[usize; N], String> {
    let mut columns = [0; N];
    for (column, name) in columns.iter_mut().zip(names) {
        let found = header.iter().position(|field| field == name.as_bytes());
        *column = found.ok_or_else(|| format!("there is no column `{name}`"))?;
    }
    Ok(columns)
}

fn fields<const N: usize>(record: &ByteRecord, columns: [usize; N]) -> Result<[&str; N], String> {
    let mut fields = [""; N];
    for (field, column) in fields.iter_mut().zip(columns) {
        // Every record has the header's number of fields, so the column is there.
        let bytes = record.get(column).unwrap_or_default();
        *field = str::from_utf8(bytes).map_err(|error| error.to_string())?;
    }
    Ok(fields)
}

fn cause(error: &csv::Error, columns: usize) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { len, .. } => {
            format!("it has {len} columns where the header has {columns}")
        }
        _ => error.to_string(),
    }
}

/// Turns growing byte offsets into lines.
struct LineCount<'a> {
    data: &'a [u8],
    offset: usize,
    line: u64,
}

impl LineCount<'_> {
    /// The line on which the first byte at or after `offset` stands that is no line break: a
    /// reader may stand before blank lines, or inside a break of two bytes.
    fn at(&mut self, offset: u64) -> u64 {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.data.len());
        let breaks = self.data[offset..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let begin = offset + breaks;
        let passed = &self.data[self.offset..begin];
        self.line += passed.iter().filter(|b| **b == b'\n').count() as u64;
        self.offset = begin;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn a_file_is_read_plain_or_gzip() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(b"Invoice").unwrap();
        assert_eq!(unpacked(gzip.finish().unwrap()).unwrap(), b"Invoice");
        assert_eq!(unpacked(b"Invoice".to_vec()).unwrap(), b"Invoice");
        assert!(unpacked(vec![0x1f, 0x8b, 0x00]).is_err());
    }
}
