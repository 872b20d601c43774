//! The values of one row as they lie in somebody's buffer: looked at without being copied.

use super::{Parameter, Update, value_fault};

/// Where a value lies in a text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// Its first byte. Half as long as an address: there is a place for each parameter of each row that is looked at.
    start: u32,
    /// The byte behind it.
    end: u32,
}

impl Place {
    /// From a first byte to the one behind the last; `None` of a text longer than a request can be.
    #[must_use]
    #[inline]
    pub fn new(start: usize, end: usize) -> Option<Place> {
        Some(Place { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()? })
    }

    /// What lies there.
    #[must_use]
    #[inline]
    pub fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end as usize]
    }

    /// Whether nothing lies there.
    #[must_use]
    #[inline]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// Where each parameter's value lies.
pub type Places = [Place; Parameter::COUNT];

/// A row's values by parameter; a parameter without one has an empty one.
#[derive(Clone, Copy)]
pub struct Values<'row> {
    text: &'row [u8],
    places: &'row Places,
}

impl<'row> Values<'row> {
    /// Values that lie in a text.
    #[must_use]
    pub fn new(text: &'row [u8], places: &'row Places) -> Values<'row> {
        Values { text, places }
    }

    /// The text in which they lie.
    #[must_use]
    pub fn text(&self) -> &'row [u8] {
        self.text
    }

    /// Where in that text.
    #[must_use]
    pub fn places(&self) -> &'row Places {
        self.places
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, parameter: Parameter) -> &'row [u8] {
        self.places[parameter.index()].of(self.text)
    }

    /// Every parameter that has a value, in the order of the API page.
    pub fn iter(&self) -> impl Iterator<Item = (Parameter, &'row [u8])> {
        let text = self.text;
        let values = Parameter::ALL.into_iter().zip(self.places);
        values.map(|(parameter, place)| (parameter, place.of(text))).filter(|(_, value)| !value.is_empty())
    }

    /// Whether these make an update, if all of them are text without a NUL and together no longer than a request can
    /// be. Nothing is said of why not: [`super::UpdateBuilder::check`] does.
    #[must_use]
    pub fn make_an_update(&self) -> bool {
        let (lookups, fields) = self.places.split_at(Parameter::LOOKUPS);
        let is_sound = |parameter| value_fault(parameter, self.get(parameter)).is_none();
        let has_any = |places: &[Place]| !places.iter().all(|place| place.is_empty());
        has_any(lookups)
            && has_any(fields)
            // Only these have rules of their own.
            && [Parameter::CustomerId, Parameter::SubscriptionId, Parameter::Password].into_iter().all(is_sound)
    }

    /// The update of values that were checked; `None` of others that are no text.
    #[must_use]
    pub fn update(&self) -> Option<Update> {
        let mut text = String::with_capacity(self.places.iter().map(|place| place.len()).sum());
        let mut ends = [0; Parameter::COUNT];
        for (end, parameter) in ends.iter_mut().zip(Parameter::ALL) {
            text.push_str(std::str::from_utf8(self.get(parameter)).ok()?);
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
