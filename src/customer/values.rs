//! The values of one row.

use super::Parameter;
use std::fmt;
use std::ops::Range;

/// The values of one row by parameter, valid or not, as they would be sent. An empty value is no value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Values {
    /// All values that are text, in the order of [`Parameter::ALL`].
    text: String,
    /// The end of each parameter's value in `text`. A value begins at the end of the value before.
    ends: [u32; Parameter::COUNT],
    /// Values with bytes that are not valid in the encoding of the file.
    damaged: Vec<(Parameter, Box<[u8]>)>,
}

impl Values {
    /// No values yet, with memory for this many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Values {
        Values { text: String::with_capacity(bytes), ..Values::default() }
    }

    /// Sets the value of a parameter.
    pub fn set(&mut self, parameter: Parameter, value: &str) {
        if !self.bytes(parameter).is_empty() {
            self.clear(parameter);
        }
        let index = parameter.index();
        self.text.insert_str(self.ends[index] as usize, value);
        let length = u32::try_from(value.len()).expect("a record has at most 1 GiB");
        self.ends[index..].iter_mut().for_each(|end| *end += length);
    }

    /// Sets a value that is no text.
    pub fn set_damaged(&mut self, parameter: Parameter, value: &[u8]) {
        self.clear(parameter);
        self.damaged.push((parameter, value.into()));
    }

    fn clear(&mut self, parameter: Parameter) {
        self.damaged.retain(|(damaged, _)| *damaged != parameter);
        let Range { start, end } = self.range(parameter);
        if start < end {
            self.text.drain(start as usize..end as usize);
            self.ends[parameter.index()..].iter_mut().for_each(|later| *later -= end - start);
        }
    }

    /// The bytes of a parameter's value in the text.
    fn range(&self, parameter: Parameter) -> Range<u32> {
        let index = parameter.index();
        if index == 0 { 0..self.ends[0] } else { self.ends[index - 1]..self.ends[index] }
    }

    /// The value of a parameter; empty without a value.
    ///
    /// # Errors
    /// The bytes of a value that is no text.
    pub fn get(&self, parameter: Parameter) -> Result<&str, &[u8]> {
        match self.damaged.iter().find(|(found, _)| *found == parameter) {
            None => Ok(self.text(parameter)),
            Some((_, bytes)) => Err(bytes),
        }
    }

    /// The value of a parameter; empty without a value, or if the value is not text.
    #[must_use]
    pub fn text(&self, parameter: Parameter) -> &str {
        let Range { start, end } = self.range(parameter);
        &self.text[start as usize..end as usize]
    }

    /// The bytes of a value, text or not; empty without a value.
    #[must_use]
    pub fn bytes(&self, parameter: Parameter) -> &[u8] {
        self.get(parameter).map_or_else(|bytes| bytes, str::as_bytes)
    }

    /// Every parameter that has a value, with the bytes of the value, in the order of the API page.
    pub fn iter(&self) -> impl Iterator<Item = (Parameter, &[u8])> {
        let all = Parameter::ALL.into_iter().map(|parameter| (parameter, self.bytes(parameter)));
        all.filter(|(_, value)| !value.is_empty())
    }

    /// Whether the row has an id.
    #[must_use]
    pub fn has_id(&self) -> bool {
        self.ends[Parameter::LOOKUPS - 1] > 0
            || self.damaged.iter().any(|(parameter, _)| parameter.is_lookup())
    }

    /// Whether the row sets anything, its ids aside.
    #[must_use]
    pub fn has_field(&self) -> bool {
        self.ends[Parameter::LOOKUPS - 1] < self.ends[Parameter::COUNT - 1]
            || self.damaged.iter().any(|(parameter, _)| !parameter.is_lookup())
    }
}

/// Names only: values are personal data and may be passwords.
impl fmt::Debug for Values {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.iter().map(|(parameter, _)| parameter.name());
        formatter.debug_tuple("Values").field(&names.collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_keep_their_bytes_in_whatever_order_they_come(
            order in Just(Parameter::ALL.to_vec()).prop_shuffle(),
            texts in proptest::collection::vec("\\PC{0,6}", Parameter::COUNT),
            damaged in proptest::sample::select(Parameter::ALL.to_vec()),
        ) {
            let mut values = Values::default();
            Parameter::ALL.iter().step_by(2).for_each(|parameter| values.set(*parameter, "an earlier value"));
            values.set_damaged(Parameter::City, b"an earlier value\xff");
            for parameter in order {
                match parameter == damaged {
                    true => values.set_damaged(parameter, b"\xff"),
                    false => values.set(parameter, &texts[parameter.index()]),
                }
            }
            let expected = |parameter: Parameter| {
                if parameter == damaged { &b"\xff"[..] } else { texts[parameter.index()].as_bytes() }
            };
            for parameter in Parameter::ALL {
                prop_assert_eq!(values.bytes(parameter), expected(parameter));
            }
            prop_assert_eq!(values.text(damaged), "");
            let all: Vec<_> = Parameter::ALL.into_iter().map(|parameter| (parameter, expected(parameter))).collect();
            let there: Vec<_> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            prop_assert_eq!(values.iter().collect::<Vec<_>>(), there);
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let mut values = Values::default();
        values.set(Parameter::Password, "hunter2");
        values.set_damaged(Parameter::City, b"Riga\xff");
        assert_eq!(format!("{values:?}"), r#"Values(["city", "password"])"#);
    }
}
