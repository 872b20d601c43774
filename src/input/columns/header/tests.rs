//! The faults of a header by the meaning of their messages, and the headers that are accepted.

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

/// Checks that there is one message for each list of words, with all its words.
#[track_caller]
fn assert_messages(names: &[&str], mapping: &Mapping, expected: &[&[&str]]) {
    let found: Vec<String> = map(names, mapping).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (message, words) in found.iter().zip(expected) {
        words.iter().for_each(|word| assert!(message.contains(word), "{word}: {message}"));
    }
}

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
        let (column, near) = (format!("column 2 '{typed}'"), format!("Did you mean '{meant}'?"));
        let (map, skip) = (format!("--map '{typed}={meant}'"), format!("--ignore-column '{typed}'"));
        assert_messages(&["customer_id", typed], &Mapping::default(), &[&[&column, &near, &map, &skip]]);
        let message = self::map(&["customer_id", typed], &Mapping::default()).unwrap_err()[0].to_string();
        assert!(!message.contains("custom5"), "the list of all fields is not needed: {message}");
    }
}

#[test]
fn unknown_columns_are_one_message_with_one_list_of_fields() {
    let names = ["customer_id", "Ω\u{1b}[31m", "Ψ", "emial"];
    let words: &[&str] = &[
        "3 columns are not Offerit fields",
        r"2 'Ω\u{1b}[31m', 3 'Ψ', 4 'emial' (did you mean 'email'?)",
        "--map 'emial=email'",
        "--ignore-column",
        "customer_id, subscription_id, firstname, lastname, email, address1, address2, city, state, country, zip, custom1, \
         custom2, custom3, custom4, custom5, password, username",
    ];
    assert_messages(&names, &Mapping::default(), &[words]);
    let many: Vec<String> = (0..5000).map(|column| format!("Ψ{column}{}", "x".repeat(100))).collect();
    let many: Vec<&str> = std::iter::once("customer_id").chain(many.iter().map(String::as_str)).collect();
    let faults = map(&many, &Mapping::default()).unwrap_err();
    let message = faults[0].to_string();
    assert!(message.contains("5,000 columns") && message.contains("and 4,990 more"), "{message}");
    assert!(faults.len() == 1 && message.chars().count() < 1200, "{message}");
}

#[test]
fn a_name_that_a_shell_would_not_take_is_not_part_of_a_command() {
    let words: &[&str] = &["column 2 'O\\'Neill'", "--map 'COLUMN=FIELD'", "--ignore-column 'COLUMN'"];
    assert_messages(&["customer_id", "O'Neill"], &Mapping::default(), &[words]);
}

#[test]
fn a_line_of_values_is_no_header() {
    for names in [&["10241", "Riga"][..], &["anna@example.org", "Riga"], &["Riga", "", "7"]] {
        assert_messages(names, &Mapping::default(), &[&["looks like data", "customer_id", "--skip-lines"]]);
    }
    for names in [&["Kundennr.", "Ort"][..], &["Riga"]] {
        let words: &[&str] = &["does not look like a header", "--map", "--skip-lines", "custom5"];
        assert_messages(names, &Mapping::default(), &[words]);
    }
    for names in [&["10241", "Riga"][..], &["Riga", "Hidden"]] {
        let message = map(names, &Mapping::default()).unwrap_err()[0].to_string();
        assert!(names.iter().all(|name| !message.contains(name)), "a value is shown: {message}");
    }
}

#[test]
fn a_header_without_ids_or_fields_is_refused() {
    let no_lookup: &[&str] =
        &["no column names the customer", "subscription_id", "--map 'COLUMN=customer_id'"];
    let no_field: &[&str] = &["no column holds a field", "email"];
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
    assert_messages(&["customer_id", "email", "Email"], &plain, &[&["columns 2 and 3 are both 'email'"]]);
    let mapped = Mapping { columns: vec![rule("Mail", Parameter::Email)], ..Mapping::default() };
    let words: &[&str] = &["columns 2 'email' and 3 'Mail' are both 'email'", "--ignore-column 'Mail'"];
    assert_messages(&["customer_id", "email", "Mail"], &mapped, &[words]);
    let constants = Mapping { constants: vec![constant(Parameter::Country, "US")], ..Mapping::default() };
    let words: &[&str] = &["column 2 'Country' and --set country", "--ignore-column 'Country'"];
    assert_messages(&["customer_id", " Country"], &constants, &[words]);
}

#[test]
fn a_column_with_a_rule_must_exist() {
    let mapping = Mapping { columns: vec![rule("Custmer No", Parameter::CustomerId)], ..Mapping::default() };
    let mapping = Mapping { ignores_unknown: true, ..mapping };
    let place = "--map 'Custmer No=customer_id': there is no column 'Custmer No'";
    let near: &[&str] = &[place, "Did you mean 'Customer No.' (column 1)?"];
    assert_messages(&["Customer No.", "email"], &mapping, &[near]);
    assert_messages(&["id", "email"], &mapping, &[&[place, "The columns are 'id', 'email'"]]);
}

#[test]
fn all_faults_of_a_header_are_reported_together() {
    let mapping = Mapping { columns: vec![rule("Mial", Parameter::Email)], ..Mapping::default() };
    assert_messages(
        &["zip", "", "Mail", "ZIP"],
        &mapping,
        &[
            &["column 2 has no name", "--ignore-unknown-columns"],
            &["column 3 'Mail'", "'email'"],
            &["columns 1 and 4 are both 'zip'"],
            &["--map 'Mial=email': there is no column 'Mial'", "'Mail' (column 3)"],
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
        prop_assert!(header.fill(cells.iter().map(|cell| Ok(cell.as_str())), &mut values, &mut broken));
        let update = Update::new(values, &mut broken).unwrap();
        for (index, parameter) in Parameter::ALL.into_iter().enumerate() {
            let expected = format!("value {index}");
            prop_assert_eq!(update.get(parameter), Some(expected.as_str()));
        }
    }
}
