//! Standard error as it is shared by lines that stay and a block that is drawn again and again below them. Lines that
//! come while there is a block wait for its next drawing, so that both appear at once, and no flood of lines makes more
//! drawings. A drawing is one write that blanks nothing it writes again: nothing flickers. Lines end in line ends, not in
//! blanks up to the edge: what is copied from the terminal is what was said.

use console::{Term, measure_text_width};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Blanks the rest of a line.
const CLEAR_LINE: &str = "\u{1b}[K";
/// Blanks everything below.
const CLEAR_BELOW: &str = "\u{1b}[J";

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

/// Rows and columns of a terminal.
pub(super) type Size = (usize, usize);

/// Of standard error at present: a terminal can be resized at any time.
fn size_of_stderr() -> Size {
    let (rows, columns) = Term::stderr().size();
    (rows.into(), columns.into())
}

/// A block of lines at the lower end of the terminal. Dropping it takes it away.
pub(super) struct Canvas {
    terminal: Box<dyn Write>,
    size: fn() -> Size,
    /// The lines that are on the screen.
    shown: Vec<String>,
}

impl Canvas {
    /// On standard error.
    pub(super) fn new() -> Canvas {
        Self::on(Box::new(io::stderr()), size_of_stderr)
    }

    pub(super) fn on(terminal: Box<dyn Write>, size: fn() -> Size) -> Canvas {
        screen().has_block = true;
        Canvas { terminal, size, shown: Vec::new() }
    }

    /// How wide it is.
    pub(super) fn columns(&self) -> usize {
        (self.size)().1
    }

    /// Draws the block and the lines that wait above it, if there is anything new.
    pub(super) fn draw(&mut self, block: &str) {
        let (rows, columns) = (self.size)();
        let lines = std::mem::take(&mut screen().waiting);
        // What has scrolled away cannot be drawn again.
        let block: Vec<String> = block.lines().take(rows.saturating_sub(1)).map(str::to_owned).collect();
        if lines.is_empty() && block == self.shown {
            return;
        }
        let mut drawing = self.back_to_start(columns);
        let text = String::from_utf8_lossy(&lines);
        for line in text.lines().chain(block.iter().map(String::as_str)) {
            let _ = writeln!(drawing, "{line}{CLEAR_LINE}");
        }
        drawing.push_str(CLEAR_BELOW);
        self.write(&drawing);
        self.shown = block;
    }

    /// Moves to where the block begins. A terminal that became narrower has wrapped its lines.
    fn back_to_start(&self, columns: usize) -> String {
        let height = |line: &String| measure_text_width(line).div_ceil(columns.max(1)).max(1);
        match self.shown.iter().map(height).sum::<usize>() {
            0 => String::new(),
            up => format!("\u{1b}[{up}A\r"),
        }
    }

    fn write(&mut self, drawing: &str) {
        let _ = self.terminal.write_all(drawing.as_bytes());
        let _ = self.terminal.flush();
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        self.draw("");
        screen().has_block = false;
    }
}
