//! The values that customers have according to a CSV: an index of ids (16 bytes an id of a row) over rows in a temporary file. Ids are one
//! customer's where rows name them together, directly or through other rows.

use super::Fields;
use super::spool::{Row, Spool, SpoolWriter};
use crate::customer::{Parameter, REMOVE};
use crate::resume::IdIndex;
use std::cmp::Ordering;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

/// Parameters that name the customer.
const LOOKUPS: [Parameter; Parameter::LOOKUPS] = [Parameter::CustomerId, Parameter::SubscriptionId];

/// A customer with more rows than this is kept in memory once it was read (chosen): a file with all its rows for one
/// customer would be read as often as it has rows.
const MANY_ROWS: usize = 64;

/// The meaning of an empty cell of a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyCell {
    /// Nothing: an input that was delivered leaves such fields alone.
    Unknown,
    /// There is no value: the baseline is an export.
    NoValue,
}

/// The value of a field according to a baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past<'base> {
    /// Nothing.
    Unknown,
    /// There was no value.
    None,
    /// The value.
    Value(&'base [u8]),
}

/// A row of a baseline: 44 bits of its offset, then flags of the customer.
const OFFSET: u64 = (1 << 44) - 1;
/// 16 bits: the fields that are planned for the customer.
const FIELDS_AT: u32 = 44;
/// Whether the input names the customer.
const SEEN: u64 = 1 << 60;
/// Whether the input has rows that may be this customer's, but are another customer's according to the baseline.
const LINKED: u64 = 1 << 61;
/// Whether a row of the input names this id and no other.
const ALONE: u64 = 1 << 62;

/// One id of one row, by the hash of the id.
#[derive(Debug, Clone, Copy)]
struct Entry {
    key: u64,
    /// The offset, and flags.
    row: u64,
}

/// Takes in the rows of a baseline.
pub struct BaselineWriter {
    spool: SpoolWriter,
    entries: Vec<Entry>,
    hasher: RandomState,
}

impl BaselineWriter {
    /// Begins a temporary file in a folder.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn new(folder: &Path) -> io::Result<BaselineWriter> {
        let (entries, hasher) = (Vec::new(), RandomState::new());
        Ok(BaselineWriter { spool: SpoolWriter::new(folder)?, entries, hasher })
    }

    /// Takes in the next row. Of a customer with a row that is not trusted, nothing is known.
    ///
    /// # Errors
    /// If the temporary file cannot be written.
    pub fn add(&mut self, fields: &Fields<'_>, is_trusted: bool) -> io::Result<()> {
        let row = self.spool.add(fields, is_trusted)?;
        if row > OFFSET {
            return Err(io::Error::other("a baseline is longer than 16 TiB"));
        }
        for parameter in LOOKUPS {
            let id = fields[parameter.index()];
            if !id.is_empty() {
                self.entries.push(Entry { key: key_of(&self.hasher, parameter, id), row });
            }
        }
        Ok(())
    }

    /// Ends the baseline. `columns`: the parameters that it has a column for.
    ///
    /// # Errors
    /// If the temporary file cannot be written.
    pub fn finish(mut self, columns: &[Parameter], empty: EmptyCell) -> io::Result<Baseline> {
        self.entries.sort_unstable_by_key(|entry| (entry.key, entry.row));
        let index = IdIndex::of(self.entries.iter().map(|entry| entry.key));
        Ok(Baseline {
            spool: self.spool.finish()?,
            entries: self.entries,
            index,
            hasher: self.hasher,
            columns: columns.to_vec(),
            empty,
            large: HashMap::new(),
            customers: 0,
        })
    }
}

fn key_of(hasher: &RandomState, parameter: Parameter, id: &[u8]) -> u64 {
    hasher.hash_one((parameter, id))
}

/// The rows of a baseline by the ids that they name.
pub struct Baseline {
    spool: Spool,
    entries: Vec<Entry>,
    index: IdIndex,
    hasher: RandomState,
    columns: Vec<Parameter>,
    empty: EmptyCell,
    /// Customers with many rows, by the keys of their ids.
    large: HashMap<u64, Rc<Customer>>,
    /// How many were found so far.
    customers: u64,
}

/// A customer of a baseline.
pub struct Customer {
    /// The rows' values.
    text: Vec<u8>,
    past: [Field; Parameter::COUNT],
    /// The keys of its ids.
    keys: HashSet<u64>,
    /// Where its ids are in the index, the lowest first: flags are kept there.
    entries: Vec<usize>,
    is_known: bool,
}

#[derive(Clone, Default, PartialEq, Eq)]
enum Field {
    #[default]
    Unknown,
    /// Rows of an export say different things.
    Contested,
    None,
    Value(Range<usize>),
}

impl Customer {
    /// What the baseline says of a field.
    #[must_use]
    pub fn past(&self, parameter: Parameter) -> Past<'_> {
        match &self.past[parameter.index()] {
            Field::Unknown | Field::Contested => Past::Unknown,
            Field::None => Past::None,
            Field::Value(range) => Past::Value(&self.text[range.clone()]),
        }
    }

    fn take_in(&mut self, row: &Row, columns: &[Parameter], empty: EmptyCell) {
        for parameter in columns.iter().filter(|parameter| !parameter.is_lookup()) {
            let (start, length) = row[parameter.index()];
            let found = match &self.text[start..start + length] {
                b"" if empty == EmptyCell::Unknown => continue,
                b"" => Field::None,
                value if value == REMOVE.as_bytes() => Field::None,
                _ => Field::Value(start..start + length),
            };
            let field = &self.past[parameter.index()];
            let is_same = match (field, &found) {
                (Field::Value(one), Field::Value(other)) => {
                    self.text[one.clone()] == self.text[other.clone()]
                }
                (one, other) => one == other,
            };
            // Rows of an input were delivered one after the other. Those of an export are of one moment.
            let is_contested = empty == EmptyCell::NoValue && *field != Field::Unknown && !is_same;
            self.past[parameter.index()] = if is_contested { Field::Contested } else { found };
        }
    }
}

/// The customer of a baseline that a row names.
pub enum Found {
    /// Nothing.
    Nobody,
    /// Its ids name two customers.
    Two,
    /// The customer.
    One(Rc<Customer>),
}

impl Baseline {
    /// Whether the baseline has a column for a parameter.
    #[must_use]
    pub fn has_column(&self, parameter: Parameter) -> bool {
        self.columns.contains(&parameter)
    }

    /// Finds the customer that a row of the input names, and notes that the input names it.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub fn find(&mut self, fields: &Fields<'_>) -> io::Result<Found> {
        let mut found: Option<Rc<Customer>> = None;
        let mut is_two = false;
        for parameter in LOOKUPS {
            let id = fields[parameter.index()];
            let key = key_of(&self.hasher, parameter, id);
            if id.is_empty() || found.as_ref().is_some_and(|customer| customer.keys.contains(&key)) {
                continue;
            }
            let Some(customer) = self.customer(parameter, id)? else { continue };
            self.note_seen(&customer);
            is_two |= found.is_some();
            found = Some(customer);
        }
        Ok(match found {
            None => Found::Nobody,
            Some(_) if is_two => Found::Two,
            Some(customer) => Found::One(customer),
        })
    }

    /// Reads all rows of the customer with this id.
    fn customer(&mut self, parameter: Parameter, id: &[u8]) -> io::Result<Option<Rc<Customer>>> {
        let first = key_of(&self.hasher, parameter, id);
        if let Some(customer) = self.large.get(&first) {
            return Ok(Some(Rc::clone(customer)));
        }
        let mut customer = Customer {
            text: id.to_vec(),
            past: Default::default(),
            keys: HashSet::from([first]),
            entries: Vec::new(),
            is_known: true,
        };
        let (mut ids, mut rows) = (vec![(parameter, 0..id.len(), first)], Vec::new());
        let (mut seen, mut first_customer_id) = (HashSet::new(), None);
        while let Some((parameter, id, key)) = ids.pop() {
            for at in self.range(key) {
                let offset = self.entries[at].row & OFFSET;
                if seen.contains(&offset) {
                    customer.entries.push(at);
                    continue;
                }
                let before = customer.text.len();
                let (row, is_trusted) = self.spool.read(offset, &mut customer.text)?;
                let value = |parameter: Parameter| row[parameter.index()].0..sum(row[parameter.index()]);
                // Another id with the same hash.
                if customer.text[value(parameter)] != customer.text[id.clone()] {
                    customer.text.truncate(before);
                    continue;
                }
                seen.insert(offset);
                customer.entries.push(at);
                customer.is_known &= is_trusted;
                for parameter in LOOKUPS {
                    let other = value(parameter);
                    let text = &customer.text[other.clone()];
                    let key = key_of(&self.hasher, parameter, text);
                    if !text.is_empty() && customer.keys.insert(key) {
                        ids.push((parameter, other, key));
                    }
                }
                let customer_id = value(Parameter::CustomerId);
                if !customer_id.is_empty() {
                    let first = first_customer_id.get_or_insert_with(|| customer_id.clone());
                    customer.is_known &= customer.text[first.clone()] == customer.text[customer_id];
                }
                rows.push((offset, row));
            }
        }
        if rows.is_empty() {
            return Ok(None);
        }
        // In the order of the baseline: a later row counts.
        rows.sort_unstable_by_key(|(offset, _)| *offset);
        for (_, row) in &rows {
            customer.take_in(row, &self.columns, self.empty);
        }
        customer.entries.sort_unstable();
        Ok(Some(self.keep_if_large(customer, rows.len())))
    }

    fn keep_if_large(&mut self, customer: Customer, rows: usize) -> Rc<Customer> {
        let customer = Rc::new(customer);
        if rows > MANY_ROWS {
            let keys = customer.keys.iter().map(|key| (*key, Rc::clone(&customer)));
            self.large.extend(keys);
        }
        customer
    }

    /// Where the index has a key.
    fn range(&self, key: u64) -> Range<usize> {
        let Range { start, end } = self.index.range(key);
        let candidates = &self.entries[start..end];
        let first = candidates.partition_point(|entry| entry.key < key);
        let count = candidates[first..].partition_point(|entry| entry.key == key);
        start + first..start + first + count
    }

    /// Whether a row names both ids: nearly always so, and found without reading a row.
    fn are_of_one_row(&self, one: u64, other: u64) -> bool {
        let rows = |key| self.entries[self.range(key)].iter().map(|entry| entry.row & OFFSET);
        let (mut ones, mut others) = (rows(one).peekable(), rows(other).peekable());
        while let (Some(first), Some(second)) = (ones.peek(), others.peek()) {
            match first.cmp(second) {
                Ordering::Equal => return true,
                Ordering::Less => drop(ones.next()),
                Ordering::Greater => drop(others.next()),
            }
        }
        false
    }

    fn flag(&mut self, key: u64, flag: u64) {
        for at in self.range(key) {
            self.entries[at].row |= flag;
        }
    }

    /// Whether rows of the input name the customer by one id alone, and others by another id alone. A run keeps the order of
    /// such rows only if a row of the file names both ids.
    #[must_use]
    pub fn is_named_apart(&self, customer: &Customer) -> bool {
        let entries = customer.entries.iter().map(|at| self.entries[*at]);
        let mut alone = entries.filter(|entry| entry.row & ALONE != 0).map(|entry| entry.key);
        alone.next().is_some_and(|first| alone.any(|key| key != first))
    }

    fn note_seen(&mut self, customer: &Customer) {
        if self.entries[customer.entries[0]].row & SEEN != 0 {
            return;
        }
        self.customers += 1;
        for at in &customer.entries {
            self.entries[*at].row |= SEEN;
        }
    }

    /// Whether the baseline is known to be right about a customer. If not, it is as if it did not know the customer.
    #[must_use]
    pub fn is_right_about(&self, customer: &Customer) -> bool {
        customer.is_known && !self.is_linked(customer)
    }

    /// Whether a field of a customer is planned already.
    #[must_use]
    pub fn is_planned(&self, customer: &Customer, parameter: Parameter) -> bool {
        self.entries[customer.entries[0]].row & bit(parameter) != 0
    }

    /// Notes that a field of a customer is planned.
    pub fn note_planned(&mut self, customer: &Customer, parameter: Parameter) {
        self.entries[customer.entries[0]].row |= bit(parameter);
    }

    /// Whether the input has rows that may be this customer's, but are another customer's according to the baseline.
    fn is_linked(&self, customer: &Customer) -> bool {
        customer.entries.iter().any(|at| self.entries[*at].row & LINKED != 0)
    }

    /// The customers of the baseline that the input does not name, and all customers. To be called behind the last row of
    /// the input.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub fn count_missing(&mut self) -> io::Result<(u64, u64)> {
        let before = self.customers;
        for at in 0..self.entries.len() {
            if self.entries[at].row & SEEN != 0 {
                continue;
            }
            let mut text = Vec::new();
            let (row, _) = self.spool.read(self.entries[at].row & OFFSET, &mut text)?;
            let parameter = LOOKUPS.into_iter().find(|parameter| row[parameter.index()].1 > 0);
            let Some(parameter) = parameter else { continue };
            let (start, length) = row[parameter.index()];
            if let Some(customer) = self.customer(parameter, &text[start..start + length])? {
                self.note_seen(&customer);
            }
        }
        Ok((self.customers - before, self.customers))
    }
}

fn sum((start, length): (usize, usize)) -> usize {
    start + length
}

fn bit(parameter: Parameter) -> u64 {
    1 << (FIELDS_AT as usize + parameter.index() - Parameter::LOOKUPS)
}

/// Ids that rows of the input join and the baseline does not: an id that only the input knows beside a known one, where it
/// is in a row of its own or beside the id of another customer as well; and ids of two customers of the baseline. More
/// rows than the baseline knows of may be one customer's then. Nobody knows which value a field has when the turn of a row
/// comes, and the baseline is not known to be right about these customers.
#[derive(Default)]
pub struct Links {
    /// The keys of ids in rows without a known id.
    alone: Vec<u64>,
    /// An unknown id and the known one beside it.
    links: Vec<(u64, u64)>,
}

impl Links {
    /// Looks at a row of the input.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub fn observe(&mut self, baseline: &mut Baseline, fields: &Fields<'_>) -> io::Result<()> {
        let keys = LOOKUPS.map(|parameter| {
            let id = fields[parameter.index()];
            (!id.is_empty()).then(|| key_of(&baseline.hasher, parameter, id))
        });
        let is_known = |key: u64| !baseline.range(key).is_empty();
        match keys.map(|key| key.map(|key| (key, is_known(key)))) {
            [Some((one, true)), Some((other, false))] | [Some((other, false)), Some((one, true))] => {
                self.links.push((other, one));
            }
            [Some((one, true)), Some((other, true))] => {
                let customer_id = fields[Parameter::CustomerId.index()];
                if !baseline.are_of_one_row(one, other)
                    && let Some(customer) = baseline.customer(Parameter::CustomerId, customer_id)?
                    && !customer.keys.contains(&other)
                {
                    [one, other].into_iter().for_each(|key| baseline.flag(key, LINKED));
                }
            }
            [Some((key, true)), None] | [None, Some((key, true))] => baseline.flag(key, ALONE),
            ids if ids.iter().flatten().all(|(_, is_known)| !is_known) => {
                self.alone.extend(ids.iter().flatten().map(|(key, _)| *key));
            }
            _ => {}
        }
        Ok(())
    }

    /// Marks the customers of the baseline that are linked.
    pub fn apply(mut self, baseline: &mut Baseline) {
        self.alone.sort_unstable();
        self.links.sort_unstable();
        self.links.dedup();
        let is_shared = |links: &[(u64, u64)]| {
            links.len() > 1 || links.iter().any(|(unknown, _)| self.alone.binary_search(unknown).is_ok())
        };
        for links in self.links.chunk_by(|one, other| one.0 == other.0).filter(|links| is_shared(links)) {
            links.iter().for_each(|(_, known)| baseline.flag(*known, LINKED));
        }
    }
}
