//! From a file or a stream to text in UTF-8: opened, unpacked, decoded, and its format found.

mod compression;
mod encoding;
mod format;
mod opening;
mod sniff;
mod steady;

pub use compression::{Broken, Compression};
pub use encoding::Charset;
pub use format::{Delimiter, Format, Reading};
pub use opening::{Opened, Unusable, open};
pub use steady::{Changed, Snapshot, SteadyFile};
