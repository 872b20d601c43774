//! A plan as it is written: a CSV that the options of its input read as well.

use super::baseline::Past;
use crate::customer::{Parameter, REMOVE};
use crate::input::{CHANGE, CHECK, Format, LINE, PlanCells, ROW, SET, WAS};
use std::io::{self, Write};

/// One row of a plan.
#[derive(Debug)]
pub struct PlanLine<'row> {
    /// The number of the row that it was made of.
    pub row: u64,
    /// The line of that row.
    pub line: u64,
    /// Whether the baseline does not know the customer.
    pub is_new: bool,
    /// `customer_id` and `subscription_id`.
    pub ids: [&'row [u8]; Parameter::LOOKUPS],
    /// What is sent; empty where a field is left alone.
    pub set: [&'row [u8]; Parameter::COUNT],
    /// What was there.
    pub was: [Past<'row>; Parameter::COUNT],
}

impl Default for PlanLine<'_> {
    fn default() -> Self {
        let was = [const { Past::Unknown }; Parameter::COUNT];
        PlanLine { row: 0, line: 0, is_new: false, ids: [b""; 2], set: [b""; Parameter::COUNT], was }
    }
}

impl<'row> PlanLine<'row> {
    /// The fields that are sent.
    pub fn changes(&self) -> impl Iterator<Item = (Parameter, &'row [u8])> {
        Parameter::ALL.into_iter().zip(self.set).filter(|(_, set)| !set.is_empty())
    }

    /// The cell of the old value.
    fn was(&self, parameter: Parameter) -> &[u8] {
        match &self.was[parameter.index()] {
            Past::Unknown => b"",
            Past::None => REMOVE.as_bytes(),
            Past::Value(value) => value,
        }
    }
}

/// Writes a plan.
pub struct PlanTable<W: Write> {
    csv: csv::Writer<W>,
    set: Vec<Parameter>,
    was: Vec<Parameter>,
    scratch: Vec<u8>,
    record: csv::ByteRecord,
}

impl<W: Write> PlanTable<W> {
    /// Writes the header. `format` is that of the input: the options that read it are to read the plan. `set` and `was` are
    /// the parameters that have such a column.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn begin(
        mut output: W,
        format: &Format,
        set: Vec<Parameter>,
        was: Vec<Parameter>,
    ) -> io::Result<PlanTable<W>> {
        output.write_all(&format.preamble())?;
        let csv = csv::WriterBuilder::new().delimiter(format.delimiter.byte()).from_writer(output);
        let mut table = PlanTable { csv, set, was, scratch: Vec::new(), record: csv::ByteRecord::new() };
        let ids = [Parameter::CustomerId, Parameter::SubscriptionId].map(|id| id.name().to_owned());
        let with = |prefix: &str, fields: &[Parameter]| -> Vec<String> {
            fields.iter().map(|field| format!("{prefix}{}", field.name())).collect()
        };
        let helpers = [ROW, LINE, CHANGE, CHECK].map(str::to_owned);
        let names = [&ids[..], &with(SET, &table.set), &with(WAS, &table.was), &helpers].concat();
        table.csv.write_record(&names).map_err(io::Error::from)?;
        Ok(table)
    }

    /// Writes a row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, line: &PlanLine<'_>) -> io::Result<()> {
        let (mut number, mut place) = (itoa::Buffer::new(), itoa::Buffer::new());
        let mut was: [&[u8]; Parameter::COUNT] = [b""; Parameter::COUNT];
        for parameter in &self.was {
            was[parameter.index()] = line.was(*parameter);
        }
        let cells = PlanCells {
            ids: line.ids,
            was,
            row: number.format(line.row).as_bytes(),
            line: place.format(line.line).as_bytes(),
            change: if line.is_new { b"new" } else { b"changed" },
            check: b"",
        };
        let digits = cells.digits(&mut self.scratch);
        self.record.clear();
        line.ids.iter().for_each(|id| self.record.push_field(id));
        self.set.iter().for_each(|parameter| self.record.push_field(line.set[parameter.index()]));
        self.was.iter().for_each(|parameter| self.record.push_field(was[parameter.index()]));
        for cell in [cells.row, cells.line, cells.change, &digits] {
            self.record.push_field(cell);
        }
        self.csv.write_byte_record(&self.record).map_err(io::Error::from)
    }

    /// Ends the table.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> io::Result<W> {
        self.csv.into_inner().map_err(|error| {
            let error = error.error();
            io::Error::new(error.kind(), error.to_string())
        })
    }
}
