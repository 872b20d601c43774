//! Finds ids that look unlike nearly all others of their column: totals, footers, rows of dashes, damaged ids.

use super::report::{Example, MOST_EXAMPLES};
use std::collections::HashMap;

/// The most parts of an id that make its shape (chosen). The rest of a longer id does not count.
const MOST_PARTS: usize = 12;

/// The most shapes of a column (chosen). Ids of more shapes have nothing in common, so none of them is odd. Bounds the memory.
const MOST_SHAPES: usize = 1000;

/// The shapes of the ids of a column, counted.
#[derive(Default)]
pub(super) struct Shapes {
    /// The ids by shape.
    ids: HashMap<String, IdsOfShape>,
    total: u64,
    has_too_many: bool,
}

/// Ids of one shape.
#[derive(Default)]
struct IdsOfShape {
    count: u64,
    /// The first ids of the shape.
    examples: Vec<Example>,
}

impl Shapes {
    /// Sees an id.
    pub(super) fn see(&mut self, id: &str, example: impl FnOnce() -> Example) {
        self.total += 1;
        let shape = shape_of(id);
        if !self.ids.contains_key(&*shape) {
            if self.ids.len() == MOST_SHAPES {
                self.has_too_many = true;
                return;
            }
            self.ids.insert(shape.to_string(), IdsOfShape::default());
        }
        if let Some(alike) = self.ids.get_mut(&*shape) {
            alike.count += 1;
            if alike.examples.len() < MOST_EXAMPLES {
                alike.examples.push(example());
            }
        }
    }

    /// Finds ids that look unlike nine in ten of all others, of which at least two must be alike. Returns the number of odd ids
    /// and the first of them.
    pub(super) fn find_odd(self) -> (u64, Vec<Example>) {
        let usual = self.ids.values().map(|alike| alike.count).max().unwrap_or_default();
        if self.has_too_many || usual < 2 || usual * 10 < (self.total - 1) * 9 {
            return (0, Vec::new());
        }
        let (mut odd, mut examples) = (0, Vec::new());
        for alike in self.ids.into_values().filter(|alike| alike.count != usual) {
            odd += alike.count;
            examples.extend(alike.examples);
        }
        examples.sort_by_key(|example: &Example| example.row);
        examples.truncate(MOST_EXAMPLES);
        (odd, examples)
    }
}

/// The shape of an id: `9` for digits, `a` for letters, and other characters unchanged; equal neighbours count once.
fn shape_of(id: &str) -> std::borrow::Cow<'static, str> {
    if id.bytes().all(|byte| byte.is_ascii_digit()) {
        return "9".into();
    }
    let mut shape = String::new();
    let mut parts = 0;
    for letter in id.chars() {
        let part = match letter {
            letter if letter.is_numeric() => '9',
            letter if letter.is_alphabetic() => 'a',
            sign => sign,
        };
        if !shape.ends_with(part) {
            if parts == MOST_PARTS {
                break;
            }
            shape.push(part);
            parts += 1;
        }
    }
    shape.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn odd(ids: &[&str]) -> Vec<u64> {
        let mut shapes = Shapes::default();
        for (row, id) in (1..).zip(ids) {
            let example =
                || Example { row, line: row + 1, column: None, place: None, message: None, value: None };
            shapes.see(id, example);
        }
        let (count, examples) = shapes.find_odd();
        assert!(examples.len() as u64 == count.min(MOST_EXAMPLES as u64));
        examples.iter().map(|example| example.row).collect()
    }

    #[test]
    fn an_id_unlike_nearly_all_others_is_odd() {
        assert_eq!(odd(&["1", "22", "333", "Total"]), [4]);
        assert_eq!(odd(&["1", "22", "----", "333"]), [3]);
        assert_eq!(odd(&["C-1", "C-22", "C-3", "1.2E7"]), [4]);
        assert_eq!(odd(&["1", "Total"]), [0; 0]);
        assert_eq!(odd(&["1", "2", "C3", "C4"]), [0; 0]);
        assert_eq!(odd(&["1f", "c3d4", "22", "a", "9e9e"]), [0; 0]);
    }

    proptest! {
        /// Numbers of any length are alike, and a footer of another shape is odd.
        #[test]
        fn numbers_are_alike_and_a_footer_is_not(
            ids in proptest::collection::vec(0_u64.., 20..60), footer in "[A-Z][a-z]{3,9}|-{2,20}|[0-9]{1,3},[0-9]{3}",
        ) {
            let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
            let mut all: Vec<&str> = ids.iter().map(String::as_str).collect();
            prop_assert_eq!(odd(&all), [0; 0]);
            all.push(&footer);
            prop_assert_eq!(odd(&all), [all.len() as u64]);
        }
    }
}
