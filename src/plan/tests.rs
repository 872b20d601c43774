//! The rules of a plan and of its undo against a reference of a few lines over maps.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Two ids and two fields.
const PARAMETERS: [Parameter; 4] =
    [Parameter::CustomerId, Parameter::SubscriptionId, Parameter::City, Parameter::Zip];

type Row = [&'static str; 4];

fn fields(row: &Row) -> Fields<'static> {
    let mut fields: Fields<'static> = Default::default();
    for (parameter, value) in PARAMETERS.into_iter().zip(row) {
        fields[parameter.index()] = value.as_bytes();
    }
    fields
}

/// What the program plans: for each row of the input, if it is planned, whether its customer is new, what is set, and what
/// was there.
type Planned = BTreeMap<u64, (bool, [String; 2], [String; 2])>;

fn text(value: &[u8]) -> String {
    String::from_utf8(value.to_vec()).unwrap()
}

fn planned_by_program(
    base: &[(Row, bool)],
    input: &[Row],
    empty: EmptyCell,
) -> (Planned, PlanCounts, BaselineCounts) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = BaselineWriter::new(folder.path()).unwrap();
    for (row, is_trusted) in base {
        writer.add(&fields(row), *is_trusted).unwrap();
    }
    let mut baseline = writer.finish(&PARAMETERS, empty).unwrap();
    let mut links = Links::default();
    input.iter().for_each(|row| links.observe(&mut baseline, &fields(row)).unwrap());
    links.apply(&mut baseline);
    let (mut differences, mut planned) = (Differences::new(baseline), Planned::new());
    for (number, row) in (1..).zip(input) {
        let write = |line: &PlanLine<'_>| -> io::Result<()> {
            let was = [Parameter::City, Parameter::Zip].map(|field| match &line.was[field.index()] {
                Past::Unknown => String::new(),
                Past::None => "REMOVE".to_owned(),
                Past::Value(value) => text(value),
            });
            let set = [Parameter::City, Parameter::Zip].map(|field| text(line.set[field.index()]));
            planned.insert(line.row, (line.is_new, set, was));
            Ok(())
        };
        differences.compare((number, number + 1), &fields(row), write).unwrap();
    }
    let (counts, base) = differences.finish(BaselineCounts::default()).unwrap();
    (planned, counts, base)
}

type Id = (usize, &'static str);

fn ids(row: &Row) -> BTreeSet<Id> {
    (0..2).map(|kind| (kind, row[kind])).filter(|(_, id)| !id.is_empty()).collect()
}

/// Ids that rows name together, directly or through other rows.
fn groups(rows: &[Row]) -> Vec<BTreeSet<Id>> {
    let mut groups: Vec<BTreeSet<Id>> = Vec::new();
    for row in rows {
        let (joined, others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| !group.is_disjoint(&ids(row)));
        groups = others;
        groups.push(joined.into_iter().flatten().chain(ids(row)).collect());
    }
    groups
}

/// Whether rows name a customer by one id alone, and others by another.
fn is_named_apart(customer: &BTreeSet<Id>, input: &[Row]) -> bool {
    let alone = input.iter().map(ids).filter(|ids| ids.len() == 1 && ids.is_subset(customer));
    alone.flatten().collect::<BTreeSet<_>>().len() > 1
}

/// The reference.
fn planned_by_reference(base: &[(Row, bool)], input: &[Row], empty: EmptyCell) -> (Planned, usize) {
    let groups = groups(&base.iter().map(|(row, _)| *row).collect::<Vec<_>>());
    let groups_of = |row: &Row| -> Vec<usize> {
        (0..groups.len()).filter(|group| !groups[*group].is_disjoint(&ids(row))).collect()
    };
    let is_known = |id: &Id| groups.iter().any(|group| group.contains(id));
    let alone: BTreeSet<Id> = input.iter().filter(|row| groups_of(row).is_empty()).flat_map(ids).collect();
    let is_right = |group: usize| {
        let own = || base.iter().filter(|(row, _)| groups_of(row) == [group]);
        let beside = |unknown: &Id| -> BTreeSet<Id> {
            let rows = input.iter().map(ids).filter(|ids| ids.contains(unknown));
            rows.flatten().filter(|id| is_known(id)).collect()
        };
        let mut unknown =
            input.iter().filter(|row| groups_of(row) == [group]).flat_map(ids).filter(|id| !is_known(id));
        own().all(|(_, is_trusted)| *is_trusted)
            && groups[group].iter().filter(|(kind, _)| *kind == 0).count() <= 1
            && !input.iter().map(groups_of).any(|groups| groups.len() > 1 && groups.contains(&group))
            && !unknown.any(|id| alone.contains(&id) || beside(&id).len() > 1)
    };
    let past = |group: usize, field: usize| -> String {
        let mut rows = base.iter().filter(|(row, _)| groups_of(row) == [group]).map(|(row, _)| row[field]);
        match empty {
            EmptyCell::Unknown => rows.rfind(|value| !value.is_empty()).unwrap_or_default().to_owned(),
            EmptyCell::NoValue => {
                let values: BTreeSet<_> =
                    rows.map(|value| if value.is_empty() { "REMOVE" } else { value }).collect();
                if values.len() == 1 { values.into_iter().collect() } else { String::new() }
            }
        }
    };
    let (mut planned, mut touched) = (Planned::new(), BTreeSet::new());
    for (number, row) in (1..).zip(input) {
        let group = match groups_of(row)[..] {
            [] => None,
            [group] => Some(group).filter(|group| is_right(*group)),
            _ => continue,
        };
        let was = [2, 3].map(|field| group.map_or(String::new(), |group| past(group, field)));
        let mut set = [row[2].to_owned(), row[3].to_owned()];
        for field in 0..2 {
            let is_joint =
                ids(row).len() == 2 && group.is_some_and(|group| is_named_apart(&groups[group], input));
            if !is_joint && group.is_some() && set[field] == was[field] && !touched.contains(&(group, field))
            {
                set[field].clear();
            }
            if !set[field].is_empty() {
                touched.insert((group, field));
            }
        }
        if set.iter().any(|value| !value.is_empty()) {
            let was =
                [0, 1].map(|field| if set[field].is_empty() { String::new() } else { was[field].clone() });
            planned.insert(number, (group.is_none(), set, was));
        }
    }
    let named: BTreeSet<usize> = input.iter().flat_map(groups_of).collect();
    (planned, groups.len() - named.len())
}

fn id() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "1", "2", "3"])
}

fn row() -> impl Strategy<Value = Row> {
    let value = || prop::sample::select(vec!["", "A", "A", "B", "REMOVE"]);
    let row = (id(), id(), value(), value()).prop_map(|(one, other, city, zip)| [one, other, city, zip]);
    row.prop_filter("a row names a customer", |row| !ids(row).is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_plan_is_what_a_reference_over_maps_says(
        base in prop::collection::vec((row(), prop::bool::weighted(0.9)), 0..7),
        input in prop::collection::vec(row(), 0..7),
        is_export: bool,
    ) {
        let input: Vec<Row> = input.into_iter().filter(|row| row[2..] != ["", ""]).collect();
        let empty = if is_export { EmptyCell::NoValue } else { EmptyCell::Unknown };
        let (planned, counts, base_counts) = planned_by_program(&base, &input, empty);
        let (expected, missing) = planned_by_reference(&base, &input, empty);
        prop_assert_eq!(&planned, &expected);
        prop_assert_eq!(counts.planned(), planned.len() as u64);
        prop_assert_eq!(counts.rows(), input.len() as u64);
        prop_assert_eq!(base_counts.missing, missing as u64);
    }
}

/// A customer with more rows than [`baseline`] reads again and again.
#[test]
fn a_customer_with_many_rows_is_compared_like_any_other() {
    let base: Vec<(Row, bool)> =
        (0..500).map(|row| (["1", "", if row == 499 { "A" } else { "B" }, ""], true)).collect();
    let input: Vec<Row> = vec![["1", "", "A", ""], ["1", "", "B", ""], ["1", "", "A", ""]];
    let (planned, _, base_counts) = planned_by_program(&base, &input, EmptyCell::Unknown);
    assert_eq!(planned.keys().copied().collect::<Vec<_>>(), [2, 3]);
    assert_eq!((base_counts.customers, base_counts.missing), (1, 0));
}
