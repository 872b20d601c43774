//! A request as a command of a shell: to be looked at, and to be tried by hand. The key stays in its variable and is
//! in no argument list. What is not shown is a variable too, and the shell refuses the command while that is not set:
//! nobody sends a mask to an account.

use super::mask::{is_harmless, mask};
use crate::customer::{Parameter, Update};
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
        return quoted(&format!("{name}={value}"));
    }
    let variable = format!("NEW_{}", name.to_uppercase());
    let hint = if parameter == Parameter::Password { String::new() } else { mask(value) };
    // A mask holds no character that means something to a shell here.
    format!("\"{name}=${{{variable}:?{hint}}}\"")
}

/// A text as one word of a shell that stays on one line: in single quotes, or, with characters that would be obeyed
/// or not be seen, in `$'…'` of bash, ksh and zsh. Without the sign that opens an old kind of command of GitHub Actions
/// anywhere in a line.
fn quoted(text: &str) -> String {
    if crate::journal::one_line(text) == text {
        return format!("'{}'", text.replace('\'', r"'\''").replace("##[", "##''["));
    }
    let mut word = "$'".to_owned();
    for letter in text.chars() {
        match letter {
            '\'' | '\\' => word.extend(['\\', letter]),
            '\n' => word.push_str("\\n"),
            _ if crate::journal::one_line(letter.encode_utf8(&mut [0; 4])).chars().count() == 1 => {
                word.push(letter)
            }
            // By its bytes: always three digits, so that no digit behind them is taken for one.
            _ => letter.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
                let _ = write!(word, "\\{byte:03o}");
            }),
        }
    }
    word.push('\'');
    word.replace("##[", r"##\133")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::Values;
    use proptest::prelude::*;
    use std::process::Command;

    fn update(values: &[(Parameter, &str)]) -> Update {
        let mut row = Values::default();
        row.set(Parameter::CustomerId, "191");
        for (parameter, value) in values {
            row.set(*parameter, value);
        }
        Update::new(row, &mut Vec::new()).unwrap()
    }

    /// What a shell makes of a word.
    fn by_shell(word: &str) -> Option<String> {
        let output = Command::new("bash").args(["-c", &format!("printf %s {word}")]).output().ok()?;
        String::from_utf8(output.stdout).ok()
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_back_what_was_quoted(value in "([\\PC'\"$`!\\\\\n\r\t\u{1b}\u{202e}0-9]|##\\[){1,20}") {
            let word = quoted(&value);
            prop_assert!(word.lines().count() == 1 && !word.contains("##["));
            prop_assert_eq!(by_shell(&word), Some(value));
        }
    }
}
