//! The report for programs. Its keys are a contract, see `docs/src/reference/json-check.md`.

use super::curl;
use crate::check::mask::mask_value;
use crate::check::report::{CheckReport, Example, Finding, Note, RepeatedCustomer};
use crate::input::SkippedColumns;
use crate::text::{escape_and_shorten, escape_json};
use serde_json::{Value, json};

/// The version grows if a key is renamed, removed or gets another meaning.
const VERSION: u64 = 1;

/// All of it, without the last line end.
pub(super) fn json(report: &CheckReport, exit_code: u8) -> String {
    let rows = &report.rows;
    let duplicates = &report.duplicates;
    let object = json!({
        "version": VERSION,
        "input": escape_and_shorten(&report.input.display().to_string()),
        "format": {
            "encoding": report.format.encoding.to_string(),
            "encoding_guessed": report.format.is_guess,
            "delimiter": char::from(report.format.delimiter.byte()).to_string(),
            "compression": report.format.compression.map(|compression| compression.to_string()),
        },
        "rows": {
            "total": rows.total(),
            "valid": rows.valid,
            "invalid": rows.invalid,
            "nothing_to_send": rows.passed_over,
        },
        "problems": rows.problems,
        "warnings": rows.warnings,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "columns_left_out": report.skipped_columns.iter().map(left_out).collect::<Vec<_>>(),
        "notes": report.notes.iter().map(note).collect::<Vec<_>>(),
        "duplicates": {
            "customers": duplicates.customers,
            "rows": duplicates.rows,
            "complete": duplicates.is_complete,
            "examples": duplicates.examples.iter().map(|one| repeated(one, report.show_values)).collect::<Vec<_>>(),
        },
        "requests": report.first.iter().map(|update| curl::command(update, report.show_values)).collect::<Vec<_>>(),
        "rate": report.pace.name,
        "seconds": report.least_duration().map(|duration| duration.as_secs_f64()),
        "strict": report.is_strict,
        "exit_code": exit_code,
    });
    escape_json(&format!("{object:#}"))
}

/// The errors of an input that cannot be used as a whole, without the last line end.
pub(super) fn unusable(input: &str, line: Option<u64>, messages: &[String], exit_code: u8) -> String {
    let error = |message: &String| json!({ "line": line, "message": escape_and_shorten(message) });
    let object = json!({
        "version": VERSION,
        "input": escape_and_shorten(input),
        "errors": messages.iter().map(error).collect::<Vec<_>>(),
        "exit_code": exit_code,
    });
    escape_json(&format!("{object:#}"))
}

fn finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.name(),
        "kind": finding.kind,
        "message": finding.message,
        "count": finding.count,
        "examples": finding.examples.iter().map(example).collect::<Vec<_>>(),
    })
}

fn example(example: &Example) -> Value {
    json!({
        "row": example.row,
        "line": example.line,
        "column": example.column.map(|(column, _)| column),
        "parameter": example.column.map(|(_, parameter)| parameter.name()),
        "message": example.message,
        "value": example.value,
    })
}

fn left_out(column: &SkippedColumns) -> Value {
    let name = (!column.name.is_empty()).then_some(&column.name);
    json!({ "column": column.first, "last_column": column.last, "name": name })
}

fn note(note: &Note) -> Value {
    json!({ "kind": note.kind, "message": note.message })
}

fn repeated(repeated: &RepeatedCustomer, show_values: bool) -> Value {
    json!({
        "parameter": repeated.parameter.name(),
        "id": mask_value(repeated.parameter, &repeated.id, show_values),
        "rows": repeated.rows,
        "lines": repeated.lines,
    })
}
