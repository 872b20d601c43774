//! The 18 parameters of `set_customer_details`, as the API page lists them.

/// A parameter of `PATCH /api/customer/set_customer_details` (API page, "Parameters"). All are strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is named after its parameter")]
pub enum Parameter {
    CustomerId,
    SubscriptionId,
    Firstname,
    Lastname,
    Email,
    Address1,
    Address2,
    City,
    State,
    Country,
    Zip,
    Custom1,
    Custom2,
    Custom3,
    Custom4,
    Custom5,
    Password,
    Username,
}

impl Parameter {
    /// The number of parameters of the API page.
    pub const COUNT: usize = 18;

    /// The number of parameters that name the customer. They come first in [`Parameter::ALL`].
    pub const LOOKUPS: usize = 2;

    /// Every parameter, in the order of the API page. Requests and fingerprints do not depend on the order of the input's
    /// columns.
    pub const ALL: [Parameter; Self::COUNT] = [
        Parameter::CustomerId,
        Parameter::SubscriptionId,
        Parameter::Firstname,
        Parameter::Lastname,
        Parameter::Email,
        Parameter::Address1,
        Parameter::Address2,
        Parameter::City,
        Parameter::State,
        Parameter::Country,
        Parameter::Zip,
        Parameter::Custom1,
        Parameter::Custom2,
        Parameter::Custom3,
        Parameter::Custom4,
        Parameter::Custom5,
        Parameter::Password,
        Parameter::Username,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Parameter::CustomerId => "customer_id",
            Parameter::SubscriptionId => "subscription_id",
            Parameter::Firstname => "firstname",
            Parameter::Lastname => "lastname",
            Parameter::Email => "email",
            Parameter::Address1 => "address1",
            Parameter::Address2 => "address2",
            Parameter::City => "city",
            Parameter::State => "state",
            Parameter::Country => "country",
            Parameter::Zip => "zip",
            Parameter::Custom1 => "custom1",
            Parameter::Custom2 => "custom2",
            Parameter::Custom3 => "custom3",
            Parameter::Custom4 => "custom4",
            Parameter::Custom5 => "custom5",
            Parameter::Password => "password",
            Parameter::Username => "username",
        }
    }

    /// The parameter with this exact name on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Parameter> {
        Self::ALL.into_iter().find(|parameter| parameter.name() == name)
    }

    /// Whether the parameter names the customer (`customer_id`, `subscription_id`) rather than a field to set.
    #[must_use]
    pub fn is_lookup(self) -> bool {
        matches!(self, Parameter::CustomerId | Parameter::SubscriptionId)
    }

    /// Whether the value `REMOVE` removes the field: true for all fields except `password` (API page, "Parameters").
    #[must_use]
    pub fn is_removable(self) -> bool {
        !self.is_lookup() && self != Parameter::Password
    }

    /// Position in [`Parameter::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list of the API page, to find a mistake in the enum.
    const PAGE: &str = "customer_id subscription_id firstname lastname email address1 address2 city state country zip \
                        custom1 custom2 custom3 custom4 custom5 password username";

    #[test]
    fn the_parameters_are_listed_in_the_order_of_the_api_page() {
        let names: Vec<_> = Parameter::ALL.iter().map(|parameter| parameter.name()).collect();
        assert_eq!(names.join(" "), PAGE);
    }

    #[test]
    fn names_and_positions_lead_back_to_the_parameter() {
        for (position, parameter) in Parameter::ALL.into_iter().enumerate() {
            assert_eq!(parameter.index(), position);
            assert_eq!(parameter.is_lookup(), position < Parameter::LOOKUPS);
            assert_eq!(Parameter::from_name(parameter.name()), Some(parameter));
        }
        assert_eq!(Parameter::from_name("Email"), None);
    }
}
