//! The bar of the block, as indicatif draws it. It draws on a slate, not on the terminal: there it fills every line with
//! blanks to the edge, so that the block is one long line to the terminal, and leaves pieces behind when that is
//! narrowed.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// What is done, and what is not.
const PARTS: &str = "█░";

/// A bar of `columns` columns, in two parts: what is done, and what is not.
pub(super) fn bar(done: u64, all: u64, columns: usize) -> (String, String) {
    let slate = Slate { text: Arc::default(), width: u16::try_from(columns).unwrap_or(u16::MAX) };
    let target = ProgressDrawTarget::term_like(Box::new(slate.clone()));
    let style = ProgressStyle::with_template(&format!("{{bar:{columns}}}"));
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars(PARTS);
    // Without a target at first: what is set up is no drawing yet.
    let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::hidden());
    bar.set_style(style);
    bar.set_position(done);
    bar.set_draw_target(target);
    bar.tick();
    let text = slate.text.lock().unwrap_or_else(PoisonError::into_inner);
    let (full, rest): (String, String) = text.chars().partition(|part| PARTS.starts_with(*part));
    (full, rest)
}

/// A terminal of one line.
#[derive(Debug, Clone)]
struct Slate {
    text: Arc<Mutex<String>>,
    width: u16,
}

impl TermLike for Slate {
    fn width(&self) -> u16 {
        self.width
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.write_str(line)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_it_is_wanted_and_full_only_in_the_end() {
        for (done, all, full) in
            [(0, 10, 0), (1, 1_000_000, 0), (4, 10, 8), (999, 1000, 19), (7, 7, 20), (0, 0, 20)]
        {
            assert_eq!(bar(done, all, 20), ("█".repeat(full), "░".repeat(20 - full)), "{done} of {all}");
        }
    }
}
