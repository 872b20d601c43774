//! Standard error as it is shared by lines that stay and a block that is drawn again and again below them. Lines that
//! come while there is a block wait for its next drawing, so that both appear at once: nothing flickers, and no flood
//! of lines makes more drawings.

use console::{Term, measure_text_width};
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Clears from the cursor's line to the end of the screen. The line by itself, as some terminals keep a copy of a screen
/// that is cleared as a whole.
const CLEAR: &str = "\r\u{1b}[K\n\u{1b}[J\u{1b}[A";

/// Around the block: a line that has become too long for a terminal that was narrowed just now is cut, not wrapped.
const NO_WRAP: &str = "\u{1b}[?7l";
const WRAP: &str = "\u{1b}[?7h";

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
    terminal: Box<dyn Write>,
    columns: fn() -> usize,
    /// How wide each line of the block is that is on the terminal.
    drawn: Vec<usize>,
}

/// Of the terminal at present: it can be resized at any time.
fn columns_of_stderr() -> usize {
    usize::from(Term::stderr().size().1)
}

impl Canvas {
    /// On standard error.
    pub(super) fn new() -> Canvas {
        Self::on(io::stderr(), columns_of_stderr)
    }

    /// On a terminal that gets what is written at once. How often it is drawn is up to the caller.
    pub(super) fn on(terminal: impl Write + 'static, columns: fn() -> usize) -> Canvas {
        screen().has_block = true;
        Canvas { terminal: Box::new(terminal), columns, drawn: Vec::new() }
    }

    /// How wide it is.
    pub(super) fn columns(&self) -> usize {
        (self.columns)()
    }

    /// Whether lines wait to be drawn.
    pub(super) fn has_lines(&self) -> bool {
        !screen().waiting.is_empty()
    }

    /// Draws the block, and the lines that wait above it. One write, so that nobody sees half a drawing.
    pub(super) fn draw(&mut self, block: &str) {
        let lines = std::mem::take(&mut screen().waiting);
        let text = format!("{}{}{NO_WRAP}{block}{WRAP}", self.taking_away(), String::from_utf8_lossy(&lines));
        self.drawn = block.split('\n').map(measure_text_width).collect();
        self.write(&text);
    }

    /// What takes the block away. Lines that are wider than the terminal is by now stand on several of its lines.
    fn taking_away(&self) -> String {
        if self.drawn.is_empty() {
            return String::new();
        }
        let columns = self.columns().max(1);
        let height: usize = self.drawn.iter().map(|width| width.div_ceil(columns).max(1)).sum();
        let up = if height > 1 { format!("\u{1b}[{}A", height - 1) } else { String::new() };
        up + CLEAR
    }

    /// Leaves the block where it is: somebody else has written below it. The next one stands below that.
    pub(super) fn leave(&mut self) {
        self.drawn.clear();
    }

    /// What cannot be written is left out.
    fn write(&mut self, text: &str) {
        let _ = self.terminal.write_all(text.as_bytes());
        let _ = self.terminal.flush();
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        let mut screen = screen();
        screen.has_block = false;
        let lines = std::mem::take(&mut screen.waiting);
        let text = self.taking_away() + &String::from_utf8_lossy(&lines);
        self.write(&text);
    }
}
