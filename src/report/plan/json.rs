//! The account of a plan for programs. Its schema is `samples/plan.schema.json`.

use super::{PlanReport, mask_value};
use crate::customer::Parameter;
use crate::plan::{Change, FieldCounts, Kind, ShownRow};
use crate::text::escape_and_shorten;
use serde_json::{Value, json};

/// Grows if a key is renamed, removed or means something else.
const VERSION: u64 = 1;

/// All of it, without the last line end.
pub(super) fn json(report: &PlanReport) -> String {
    let (rows, base) = (&report.counts, &report.base);
    let path = |path: &Option<String>| path.as_deref().map(escape_and_shorten);
    let object = json!({
        "format": "offerit-sync/plan",
        "version": VERSION,
        "input": escape_and_shorten(&report.input),
        "baseline": escape_and_shorten(&report.baseline),
        "baseline_config": path(&report.baseline_config),
        "baseline_is_export": report.is_export,
        "baseline_result": path(&report.baseline_result),
        "plan": path(&report.output),
        "stopped": path(&report.stopped),
        "rows": {
            "total": rows.rows(),
            "new": rows.new,
            "changed": rows.changed,
            "unchanged": rows.unchanged,
            "nothing_to_send": rows.passed_over,
            "invalid": rows.invalid,
            "ambiguous": rows.ambiguous,
            "planned_in_full": rows.in_full,
        },
        "baseline_rows": { "total": base.rows, "invalid": base.invalid, "not_in_sync": base.not_in_sync },
        "customers": { "total": base.customers, "missing": base.missing },
        "fields": report.planned().map(field).collect::<Vec<_>>(),
        "without_column": report.without_column.iter().map(|field| field.name()).collect::<Vec<_>>(),
        "columns_ignored": report.ignored,
        "first": rows.first.iter().map(|row| shown(report, row)).collect::<Vec<_>>(),
        "exit_code": report.exit_code,
    });
    format!("{object:#}")
}

fn field((parameter, counts): (Parameter, &FieldCounts)) -> Value {
    let FieldCounts { set, changed, removed, unknown } = counts;
    json!({
        "parameter": parameter.name(),
        "set": set,
        "changed": changed,
        "removed": removed,
        "from_unknown": unknown,
    })
}

fn shown(report: &PlanReport, row: &ShownRow) -> Value {
    let id = |parameter: Parameter| {
        let id = &row.ids[parameter.index()];
        (!id.is_empty()).then(|| super::unquoted(mask_value(parameter, id, false)))
    };
    let change = |change: &Change| {
        let value = |value: &[u8]| mask_value(change.parameter, value, report.show_values);
        let kind = match change.kind {
            Kind::Set => "set",
            Kind::Changed => "changed",
            Kind::Removed => "removed",
        };
        let was = change.was.as_deref().map(value);
        json!({ "parameter": change.parameter.name(), "change": kind, "was": was, "set": value(&change.set) })
    };
    json!({
        "customer_id": id(Parameter::CustomerId),
        "subscription_id": id(Parameter::SubscriptionId),
        "line": row.line,
        "new": row.is_new,
        "fields": row.changes.iter().map(change).collect::<Vec<_>>(),
    })
}
