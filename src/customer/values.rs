//! The values of one row as they lie in somebody's buffer: looked at without being copied.

use super::{Parameter, Update, value_fault};

/// A row's values by parameter; a parameter without one has an empty one.
#[derive(Clone, Copy)]
pub struct Values<'row> {
    values: [&'row [u8]; Parameter::COUNT],
}

impl Default for Values<'_> {
    fn default() -> Self {
        Values { values: [&[]; Parameter::COUNT] }
    }
}

impl<'row> Values<'row> {
    /// Sets a value as the row has it.
    pub fn set(&mut self, parameter: Parameter, value: &'row [u8]) {
        self.values[parameter.index()] = value;
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, parameter: Parameter) -> &'row [u8] {
        self.values[parameter.index()]
    }

    /// Whether these make an update, if all of them are text without a NUL and together no longer than a request can
    /// be. Nothing is said of why not: [`super::UpdateBuilder::check`] does.
    #[must_use]
    pub fn make_an_update(&self) -> bool {
        let (lookups, fields) = self.values.split_at(Parameter::LOOKUPS);
        let is_sound = |parameter| value_fault(parameter, self.get(parameter)).is_none();
        lookups.iter().any(|value| !value.is_empty())
            && fields.iter().any(|value| !value.is_empty())
            // Only these have rules of their own.
            && [Parameter::CustomerId, Parameter::SubscriptionId, Parameter::Password].into_iter().all(is_sound)
    }

    /// The update of values that were checked; `None` of others that are no text.
    #[must_use]
    pub fn update(&self) -> Option<Update> {
        let mut text = String::with_capacity(self.values.iter().map(|value| value.len()).sum());
        let mut ends = [0; Parameter::COUNT];
        for (end, value) in ends.iter_mut().zip(self.values) {
            text.push_str(std::str::from_utf8(value).ok()?);
            *end = u32::try_from(text.len()).ok()?;
        }
        Some(Update::new(text.into_boxed_str(), ends))
    }
}

/// Says which parameters have a value, and no value.
impl std::fmt::Debug for Values<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = Parameter::ALL.into_iter().filter(|parameter| !self.get(*parameter).is_empty());
        formatter.debug_tuple("Values").field(&names.map(Parameter::name).collect::<Vec<_>>()).finish()
    }
}
