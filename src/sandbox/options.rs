//! The settings of a server.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use super::customers::Customers;
use super::faults::Faults;

/// The API user and the API key that requests must carry.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The value of the header `api-username`.
    pub api_username: String,
    /// The value of the header `api-key`.
    pub api_key: String,
}

impl fmt::Debug for Credentials {
    /// Shows the user and hides the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Credentials of {:?}", self.api_username)
    }
}

/// The settings of a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen at; port 0 is any free port.
    pub listen: SocketAddr,
    /// The credentials to demand; without them any pair is accepted that is not empty.
    pub credentials: Option<Credentials>,
    /// The customers that exist; without them every id exists.
    pub customers: Option<Customers>,
    /// The faults to make.
    pub faults: Faults,
}

impl Default for Options {
    /// A free port of this machine only, any credentials, every customer, no faults.
    fn default() -> Options {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Options { listen, credentials: None, customers: None, faults: Faults::default() }
    }
}
