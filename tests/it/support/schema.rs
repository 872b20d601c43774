//! Checks a document against a JSON Schema: the keywords that the schemas in `samples/` use. A field that the schema
//! does not describe is a fault, and so is a keyword that is not checked here.
//! <https://json-schema.org/draft/2020-12/json-schema-validation>

use regex::Regex;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The schema of `--summary`.
pub fn of_the_summary() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/summary.schema.json");
    serde_json::from_str(&fs::read_to_string(path).expect("a schema")).expect("a schema in JSON")
}

/// Every fault of a document, each with its place as a JSON pointer.
pub fn faults(document: &Value, schema: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check("", document, schema, schema, &mut faults);
    faults
}

fn check(place: &str, value: &Value, schema: &Value, root: &Value, faults: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let definition = wanted.as_str().and_then(|place| root.pointer(place.strip_prefix('#')?));
                check(place, value, definition.expect("a definition"), root, faults);
                true
            }
            "type" => one_or_many(wanted).any(|name| is_of_type(value, name)),
            "const" => value == wanted,
            "enum" => one_or_many(wanted).any(|allowed| value == allowed),
            // These four concern values of one type only, as the standard has it.
            "minimum" => value.as_f64().is_none_or(|number| Some(number) >= wanted.as_f64()),
            "pattern" => {
                let pattern = Regex::new(wanted.as_str().expect("a text")).expect("a pattern");
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "required" => {
                let mut names = one_or_many(wanted).map(|name| name.as_str().expect("a name"));
                value.as_object().is_none_or(|fields| names.all(|name| fields.contains_key(name)))
            }
            "properties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    let place = format!("{place}/{name}");
                    match wanted.get(name) {
                        Some(told) => check(&place, field, told, root, faults),
                        None => faults.push(format!("{place}: the schema does not describe it")),
                    }
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(&format!("{place}/{index}"), item, wanted, root, faults);
                }
                true
            }
            _ => false,
        };
        if !holds {
            faults.push(format!("{place}: {value} does not keep to {keyword} {wanted}"));
        }
    }
}

fn one_or_many(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

fn is_of_type(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("a type's name") {
        "object" => value.is_object(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "null" => value.is_null(),
        "array" => value.is_array(),
        other => panic!("the type {other} is not known here"),
    }
}
