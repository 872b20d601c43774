//! Ids that do not look like nearly all others of their column: totals, footers, rows of dashes, damaged ids.

use super::report::{Example, MOST_EXAMPLES};
use std::collections::HashMap;

/// The most parts of an id that make its shape (chosen). The rest of a longer id does not count.
const MOST_PARTS: usize = 12;

/// More shapes than this have nothing in common: none of them is odd. Bounds the memory.
const MOST_SHAPES: usize = 1000;

/// How ids of a column look, counted.
#[derive(Default)]
pub(super) struct Shapes {
    /// By shape.
    ids: HashMap<String, Alike>,
    total: u64,
    has_too_many: bool,
}

/// Ids of one shape.
#[derive(Default)]
struct Alike {
    count: u64,
    /// The first of them.
    examples: Vec<Example>,
}

impl Shapes {
    /// Sees an id.
    pub(super) fn see(&mut self, id: &str, example: impl FnOnce() -> Example) {
        self.total += 1;
        let shape = shape(id);
        if !self.ids.contains_key(&*shape) {
            if self.ids.len() == MOST_SHAPES {
                self.has_too_many = true;
                return;
            }
            self.ids.insert(shape.to_string(), Alike::default());
        }
        if let Some(alike) = self.ids.get_mut(&*shape) {
            alike.count += 1;
            if alike.examples.len() < MOST_EXAMPLES {
                alike.examples.push(example());
            }
        }
    }

    /// How many ids do not look like nine in ten of all others, and the first of them. Two others at least must be alike.
    pub(super) fn odd(self) -> (u64, Vec<Example>) {
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

/// An id with `9` for its digits, `a` for its letters, and signs as they are; what is alike in a row counts once.
fn shape(id: &str) -> std::borrow::Cow<'static, str> {
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
        let (count, examples) = shapes.odd();
        assert!(examples.len() as u64 == count.min(MOST_EXAMPLES as u64));
        examples.iter().map(|example| example.row).collect()
    }

    #[test]
    fn what_is_unlike_nearly_all_others_is_odd() {
        assert_eq!(odd(&["1", "22", "333", "Total"]), [4]);
        assert_eq!(odd(&["1", "22", "----", "333"]), [3]);
        assert_eq!(odd(&["C-1", "C-22", "C-3", "1.2E7"]), [4]);
        assert_eq!(odd(&["1", "Total"]), [0; 0]);
        assert_eq!(odd(&["1", "2", "C3", "C4"]), [0; 0]);
        assert_eq!(odd(&["1f", "c3d4", "22", "a", "9e9e"]), [0; 0]);
    }

    proptest! {
        /// However long numbers are, none is odd among them, and a footer of another shape is.
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
