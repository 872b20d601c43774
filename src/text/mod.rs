//! Text for people and for programs that read a line: safe for one line, a terminal, a CSV, a spreadsheet, a shell
//! and TOML; numbers and durations in words. Text from outside is untrusted: it may hold control sequences of a terminal,
//! marks that reverse the direction of writing, or a spreadsheet formula.

mod amount;
mod csv;
mod line;
mod quote;
mod unicode;

pub use amount::{counted, grouped, rounded, rounded_up, share};
pub use csv::{disarm_formula, push_csv_field};
pub use line::{
    CUT_MARK, escape_and_shorten, escape_json, escape_line, escape_lines, escape_name, is_escaped, shorten,
};
pub use quote::{quote_for_shell, quote_for_toml, shell_word};
pub use unicode::{
    decimal_digit, has_one_script, is_digit_separator, is_joiner, is_sign_of_utf_8, is_unseen,
    is_word_of_utf_8,
};
