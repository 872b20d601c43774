//! Standard error as it is shared by lines that stay and a block that is drawn again and again below them. Lines that
//! come while there is a block wait for its next drawing, so that both appear at once: nothing flickers, and no flood
//! of lines makes more drawings.

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is on the screen.
static SCREEN: Mutex<Screen> = Mutex::new(Screen { waiting: Vec::new(), has_block: false });

struct Screen {
    /// Lines that wait for the next drawing.
    waiting: Vec<u8>,
    has_block: bool,
}

fn screen() -> MutexGuard<'static, Screen> {
    // What is behind the lock is whole at any time.
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes whole lines, above the block if there is one. What cannot be written is left out.
pub(super) fn write_lines(lines: &[u8]) {
    let mut screen = screen();
    if screen.has_block {
        screen.waiting.extend_from_slice(lines);
    } else {
        let _ = io::stderr().lock().write_all(lines);
    }
}

/// A block of lines at the lower end of the terminal. Dropping it takes it away.
pub(super) struct Canvas {
    bar: ProgressBar,
    /// Where lines go that stay. Not through the bar, which fills them up with blanks to the edge: what is copied from
    /// the terminal shall be what was said.
    lines: Box<dyn TermLike>,
    text: Arc<Mutex<String>>,
    columns: fn() -> usize,
}

/// Of the terminal at present: it can be resized at any time.
fn columns_of_stderr() -> usize {
    usize::from(Term::stderr().size().1)
}

impl Canvas {
    /// On standard error.
    pub(super) fn new() -> Canvas {
        Self::on(Term::buffered_stderr(), columns_of_stderr)
    }

    /// On a terminal that keeps what is written until it is flushed, its clones alike. How often it is drawn is up to the
    /// caller.
    pub(super) fn on(terminal: impl TermLike + Clone + 'static, columns: fn() -> usize) -> Canvas {
        let target = ProgressDrawTarget::term_like(Box::new(Gathering(terminal.clone())));
        let text = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&text);
        let style = ProgressStyle::with_template("{block}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("block", move |_: &indicatif::ProgressState, writer: &mut dyn std::fmt::Write| {
                let _ = writer.write_str(&shown.lock().unwrap_or_else(PoisonError::into_inner));
            });
        // Without a target at first: what is set up is no drawing yet.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_style(style);
        bar.set_draw_target(target);
        screen().has_block = true;
        Canvas { bar, lines: Box::new(terminal), text, columns }
    }

    /// How wide it is.
    pub(super) fn columns(&self) -> usize {
        (self.columns)()
    }

    /// Whether lines wait to be drawn.
    pub(super) fn has_lines(&self) -> bool {
        !screen().waiting.is_empty()
    }

    /// Draws the block, and the lines that wait above it. One drawing, and one write: whoever looks never sees a part.
    pub(super) fn draw(&mut self, block: &str) {
        {
            let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
            text.clear();
            text.push_str(block);
        }
        let lines = std::mem::take(&mut screen().waiting);
        // What cannot be written is left out.
        if lines.is_empty() {
            self.bar.tick();
        } else {
            let _ = self.bar.suspend(|| self.lines.write_str(&String::from_utf8_lossy(&lines)));
        }
        let _ = self.lines.flush();
    }
}

/// A terminal that is not flushed before everything is written.
#[derive(Debug)]
struct Gathering<T>(T);

impl<T: TermLike> TermLike for Gathering<T> {
    fn width(&self) -> u16 {
        self.0.width()
    }

    fn height(&self) -> u16 {
        self.0.height()
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        self.0.move_cursor_up(count)
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        self.0.move_cursor_down(count)
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        self.0.move_cursor_right(count)
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        self.0.move_cursor_left(count)
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.0.write_line(line)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        let mut screen = screen();
        screen.has_block = false;
        let lines = std::mem::take(&mut screen.waiting);
        let _ = self.lines.write_str(&String::from_utf8_lossy(&lines));
        let _ = self.lines.flush();
    }
}
