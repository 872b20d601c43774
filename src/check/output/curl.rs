//! A request as a shell command, to read and to try by hand. The key stays in its variable and is in no argument list. A
//! hidden value is a variable too, and the shell refuses the command until that variable is set: nobody sends a mask to
//! an account.

use crate::check::mask::{is_harmless, mask_text};
use crate::customer::{Parameter, Update};
use crate::text::quote_for_shell;
use std::fmt::Write;

/// The command, several lines joined by backslashes.
pub(super) fn command(update: &Update, show_values: bool) -> String {
    let mut command = "printf 'api-key: %s\\n' \"${OFFERIT_API_KEY:?}\" | curl -X PATCH -H @- \\\n    \
                       -H \"api-username: ${OFFERIT_API_USERNAME:?}\" \\\n    \
                       \"${OFFERIT_URL:?}/api/customer/set_customer_details\""
        .to_owned();
    for (parameter, value) in update.values() {
        let _ = write!(command, " \\\n    --data-urlencode {}", argument(parameter, value, show_values));
    }
    command
}

/// `name=value` as one word of a shell.
fn argument(parameter: Parameter, value: &str, show_values: bool) -> String {
    let name = parameter.name();
    let is_shown = parameter != Parameter::Password && (show_values || is_harmless(parameter, value));
    if is_shown {
        return quote_for_shell(&format!("{name}={value}"));
    }
    let variable = format!("NEW_{}", name.to_uppercase());
    let hint = if parameter == Parameter::Password { String::new() } else { mask_text(value) };
    // A mask holds no character that means something to a shell here.
    format!("\"{name}=${{{variable}:?{hint}}}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::Values;
    use std::process::Command;

    fn update(values: &[(Parameter, &str)]) -> Update {
        let mut row = Values::default();
        row.set(Parameter::CustomerId, "191");
        for (parameter, value) in values {
            row.set(*parameter, value);
        }
        Update::new(row, &mut Vec::new()).unwrap()
    }

    #[test]
    fn masks_are_variables_that_must_be_set() {
        let update = update(&[
            (Parameter::Email, "anna@example.org"),
            (Parameter::City, "REMOVE"),
            (Parameter::Password, "s3cret"),
        ]);
        let masked = command(&update, false);
        let lines: Vec<_> = masked.lines().map(str::trim).skip(3).collect();
        let email = r#"--data-urlencode "email=${NEW_EMAIL:?a…@e…}" \"#;
        let password = r#"--data-urlencode "password=${NEW_PASSWORD:?}""#;
        assert_eq!(
            lines,
            [r"--data-urlencode 'customer_id=191' \", email, r"--data-urlencode 'city=REMOVE' \", password]
        );
        let shown = command(&update, true);
        assert!(shown.contains("'email=anna@example.org'") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_shell_refuses_a_mask() {
        let word = argument(Parameter::City, "Riga`touch x`", false);
        let output =
            Command::new("bash").args(["-c", &format!("printf %s {word}; echo sent")]).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    }
}
