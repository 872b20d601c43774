//! Plans as a reader and a writer that share no code with the program.

use std::collections::BTreeMap;

/// The parameters in the order of the API page.
pub const FIELDS: [&str; 16] = [
    "firstname",
    "lastname",
    "email",
    "address1",
    "address2",
    "city",
    "state",
    "country",
    "zip",
    "custom1",
    "custom2",
    "custom3",
    "custom4",
    "custom5",
    "password",
    "username",
];

/// A row by the names of its columns.
pub type Row = BTreeMap<String, String>;

/// A row of these cells.
pub fn row(cells: &[(&str, &str)]) -> Row {
    cells.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect()
}

/// The check digits of a row, as the page of the reference describes them.
pub fn check(row: &Row) -> String {
    let was = FIELDS.map(|field| format!("was:{field}"));
    let names = ["_row", "_change", "customer_id", "subscription_id"].into_iter();
    let names = names.chain(was.iter().map(String::as_str));
    let mut text = String::new();
    for name in names {
        if let Some(cell) = row.get(name).filter(|cell| !cell.is_empty()) {
            text += &format!("{name}={}:{cell}\n", cell.len());
        }
    }
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

/// A plan of these rows, numbered from 1 where they have no `_row`; every cell in quotes.
pub fn plan(columns: &[&str], rows: &[Row]) -> String {
    let helpers = ["_row", "_line", "_change", "_check"];
    let all: Vec<&str> = columns.iter().copied().chain(helpers).collect();
    let mut text = all.join(",") + "\n";
    for (index, row) in rows.iter().enumerate() {
        let mut row = row.clone();
        row.entry("_row".to_owned()).or_insert_with(|| (index + 1).to_string());
        row.entry("_change".to_owned()).or_insert_with(|| "changed".to_owned());
        let digits = check(&row);
        row.entry("_check".to_owned()).or_insert(digits);
        let cell =
            |name: &&str| format!("\"{}\"", row.get(*name).map_or("", |cell| cell).replace('"', "\"\""));
        text += &all.iter().map(cell).collect::<Vec<_>>().join(",");
        text += "\n";
    }
    text
}
/// The rows of a table, by the names of their columns.
#[track_caller]
pub fn read(text: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let names = reader.headers().expect("a header").clone();
    let row = |record: csv::StringRecord| {
        names.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect()
    };
    reader.records().map(|record| row(record.expect("a record"))).collect()
}
