//! Every message of the header stage, word for word, and what a header is forgiven.

use super::super::mapping::Constant;
use super::super::transform::Empty;
use super::*;
use crate::customer::Update;
use proptest::prelude::*;

fn map(names: &[&str], mapping: &Mapping) -> Result<Header, Vec<HeaderFault>> {
    let names: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    Header::map(&names, mapping, &KnownColumns::of(mapping))
}

fn rule(name: &str, parameter: Parameter) -> ColumnRule {
    ColumnRule {
        name: name.to_owned(),
        origin: format!("--map '{name}={}'", parameter.name()),
        parameter,
        transform: Transform::of(parameter, Empty::Keep),
    }
}

fn constant(parameter: Parameter, value: &str) -> Constant {
    let origin = format!("--set {}", parameter.name());
    Constant { parameter, value: value.to_owned(), origin }
}

/// The parameters in the order of the columns.
fn parameters(header: &Header) -> Vec<Option<&'static str>> {
    header.columns.iter().map(|column| column.as_ref().map(|column| column.parameter.name())).collect()
}

#[track_caller]
fn assert_messages(names: &[&str], mapping: &Mapping, expected: &[&str]) {
    let found: Vec<String> = map(names, mapping).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

const ACTION: &str = "or leave it out with --ignore-column";

#[test]
fn case_and_surrounding_blanks_are_forgiven() {
    let header = map(&[" Customer_ID ", "EMAIL", "zip\t"], &Mapping::default()).unwrap();
    assert_eq!(parameters(&header), [Some("customer_id"), Some("email"), Some("zip")]);
    assert_eq!(header.column_of(Parameter::Zip), Some(3));
    assert_eq!(header.column_of(Parameter::City), None);
    let mapping = Mapping {
        columns: vec![rule(" customer NO ", Parameter::CustomerId)],
        ignored: vec!["NOTES ".to_owned()],
        ..Mapping::default()
    };
    let header = map(&["Customer No", "city", " Notes"], &mapping).unwrap();
    assert_eq!(parameters(&header), [Some("customer_id"), Some("city"), None]);
}

#[test]
fn a_misspelt_column_gets_the_nearest_parameter() {
    for (typed, meant) in
        [("emial", "email"), ("First Name", "firstname"), ("customer-id", "customer_id"), ("ZIP code", "zip")]
    {
        let expected = format!(
            "column 2 ('{typed}') is not a parameter of the API: did you mean '{meant}'? Rename it, map it with \
             --map '{typed}={meant}', {ACTION}"
        );
        assert_messages(&["customer_id", typed], &Mapping::default(), &[&expected]);
    }
}

#[test]
fn a_column_far_from_any_parameter_gets_the_list() {
    let expected = r"column 2 ('Ω\u{1b}[31m') is not a parameter of the API: the parameters are customer_id, subscription_id, firstname, lastname, email, address1, address2, city, state, country, zip, custom1, custom2, custom3, custom4, custom5, password, username. Rename it, map it with --map 'COLUMN=PARAMETER', or leave it out with --ignore-column";
    let again = "column 3 ('Ψ') is not a parameter of the API, see the list above. Rename it, map it with --map \
                 'Ψ=PARAMETER', or leave it out with --ignore-column";
    assert_messages(&["customer_id", "Ω\u{1b}[31m", "Ψ"], &Mapping::default(), &[expected, again]);
}

#[test]
fn what_a_header_lacks_is_said() {
    let no_lookup = "no column names the customer: one must be customer_id or subscription_id. If it has another \
                     name, map it: --map 'COLUMN=customer_id'";
    let no_field = "no column holds a field to set, such as email or zip: there would be nothing to send";
    let plain = Mapping::default();
    assert_messages(&["email"], &plain, &[no_lookup]);
    assert_messages(&["customer_id", "subscription_id"], &plain, &[no_field]);
    assert_messages(&["_status"], &plain, &[no_lookup, no_field]);
    let constant = Mapping { constants: vec![constant(Parameter::Custom1, "crm")], ..Mapping::default() };
    assert!(map(&["customer_id"], &constant).is_ok(), "a constant is something to set");
}

#[test]
fn two_sources_of_one_parameter_are_both_named() {
    let plain = Mapping::default();
    assert_messages(
        &["customer_id", "email", "Email"],
        &plain,
        &["columns 2 and 3 are both 'email': keep one of them"],
    );
    let mapped = Mapping { columns: vec![rule("Mail", Parameter::Email)], ..Mapping::default() };
    assert_messages(
        &["customer_id", "email", "Mail"],
        &mapped,
        &["columns 2 and 3 ('email' and 'Mail') are both 'email': keep one of them, or leave one out with \
           --ignore-column"],
    );
    let constants = Mapping { constants: vec![constant(Parameter::Country, "US")], ..Mapping::default() };
    assert_messages(
        &["customer_id", " Country"],
        &constants,
        &[
            "column 2 ('Country') and --set country both give 'country': take the constant away, or leave the column \
           out with --ignore-column",
        ],
    );
}

#[test]
fn a_column_that_is_spoken_of_must_be_there() {
    let mapping = Mapping { columns: vec![rule("Custmer No", Parameter::CustomerId)], ..Mapping::default() };
    assert_messages(
        &["Customer No.", "email"],
        &Mapping { ignores_unknown: true, ..mapping.clone() },
        &[
            "--map 'Custmer No=customer_id': there is no column 'Custmer No': did you mean 'Customer No.' (column 1)?",
        ],
    );
    assert_messages(
        &["id", "email"],
        &Mapping { ignores_unknown: true, ..mapping },
        &["--map 'Custmer No=customer_id': there is no column 'Custmer No': the columns are 'id', 'email'"],
    );
}

#[test]
fn everything_is_told_at_once() {
    let mapping = Mapping { columns: vec![rule("Mial", Parameter::Email)], ..Mapping::default() };
    assert_messages(
        &["zip", "", "Mail", "ZIP"],
        &mapping,
        &[
            "column 2 has no name: name it after a parameter of the API, delete it, or leave it out with \
             --ignore-unknown-columns",
            "column 3 ('Mail') is not a parameter of the API: did you mean 'email'? Rename it, map it with --map \
             'Mail=email', or leave it out with --ignore-column",
            "columns 1 and 4 are both 'zip': keep one of them",
            "--map 'Mial=email': there is no column 'Mial': did you mean 'Mail' (column 3)?",
        ],
    );
}

#[test]
fn columns_are_left_out_on_request_and_those_of_failures_by_themselves() {
    let names = ["_STATUS", "customer_id", "", "Owner", "city", "_error"];
    let lenient = Mapping { ignores_unknown: true, ..Mapping::default() };
    let expected = [None, Some("customer_id"), None, None, Some("city"), None];
    assert_eq!(parameters(&map(&names, &lenient).unwrap()), expected);
    let named = Mapping { ignored: vec!["owner".to_owned(), String::new()], ..Mapping::default() };
    assert_eq!(parameters(&map(&names, &named).unwrap()), expected);
    let parameter = Mapping { ignored: vec!["email".to_owned()], ..Mapping::default() };
    let header = map(&["customer_id", "email", "city"], &parameter).unwrap();
    assert_eq!(parameters(&header), [Some("customer_id"), None, Some("city")]);
}

#[test]
fn a_rule_goes_before_the_name_of_a_column() {
    let mapping = Mapping {
        columns: vec![rule("email", Parameter::Custom1), rule("_status", Parameter::Custom2)],
        ..Mapping::default()
    };
    let header = map(&["customer_id", "email", "_status"], &mapping).unwrap();
    assert_eq!(parameters(&header), [Some("customer_id"), Some("custom1"), Some("custom2")]);
}

proptest! {
    /// Whatever the order of the rules and of the columns, each cell comes under its parameter.
    #[test]
    fn order_does_not_matter(
        columns in Just((0..Parameter::COUNT).collect::<Vec<_>>()).prop_shuffle(),
        rules in Just((0..Parameter::COUNT).collect::<Vec<_>>()).prop_shuffle(),
        empty in proptest::bool::ANY,
    ) {
        let empty = if empty { Empty::Remove } else { Empty::Keep };
        let name = |index: &usize| format!("Column {index}");
        let mapping = Mapping {
            columns: rules.iter().map(|index| rule(&name(index), Parameter::ALL[*index])).collect(),
            empty,
            ..Mapping::default()
        };
        let names: Vec<Vec<u8>> = columns.iter().map(|index| name(index).into_bytes()).collect();
        let header = Header::map(&names, &mapping, &KnownColumns::of(&mapping)).unwrap();
        let cells: Vec<String> = columns.iter().map(|index| format!("value {index}")).collect();
        let (mut values, mut broken) = (Values::default(), Vec::new());
        prop_assert!(header.fill(cells.iter().map(String::as_bytes), &mut values, &mut broken));
        let update = Update::new(values, &mut broken).unwrap();
        for (index, parameter) in Parameter::ALL.into_iter().enumerate() {
            let expected = format!("value {index}");
            prop_assert_eq!(update.get(parameter), Some(expected.as_str()));
        }
    }
}
