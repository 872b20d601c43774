//! Files besides the result file: the JSON summary and the metrics, during and after the run, and the summary
//! on a CI job's page.

use crate::commands::output::append;
use crate::exit::{ExitCode, Failure};
use crate::report::{
    Access, Document, METRICS_OPENING, ProgressMode, Replacement, SUMMARY_OPENING, complain, is_one_file,
    job_summary, last_run, metrics, put, say,
};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes of an earlier metrics file that are read: hundreds of times what one takes.
const LONGEST_METRICS: u64 = 1024 * 1024;

/// What a run leaves and shows besides its result file.
#[derive(Debug)]
pub struct Outputs {
    /// Where the JSON summary goes; `-` is standard output.
    pub summary: Option<PathBuf>,
    /// Where the metrics go.
    pub metrics: Option<PathBuf>,
    /// A file to which the summary for a CI job's page is appended.
    pub job_summary: Option<PathBuf>,
    /// When progress is shown.
    pub progress: ProgressMode,
    /// Whether nothing but errors is said.
    pub is_quiet: bool,
    /// Whether colours are wanted.
    pub is_coloured: bool,
    /// Whether the terminal can only write lines.
    pub is_dumb: bool,
    /// The command that continues this run, if it is known.
    pub go_on: Option<String>,
    /// The command that exports the failed rows, if it is known.
    pub failures: Option<String>,
}

/// Files that can be written, as far as that can be known at the beginning.
pub(super) struct Files {
    summary: Summary,
    metrics: Option<Metrics>,
    job_summary: Option<PathBuf>,
}

struct Metrics {
    file: Replacement,
    /// The lines about the last run, which stay until this one has ended.
    last_run: String,
}

impl Metrics {
    fn write(&self, document: &Document) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let text = metrics(document, &sync_of(self.file.path()), now, &self.last_run);
        self.file.write(text.as_bytes())
    }
}

/// A file that could not be written.
pub(super) struct Unwritten<'files> {
    /// The option that asks for it.
    pub option: &'static str,
    pub path: &'files Path,
    pub error: io::Error,
}

enum Summary {
    None,
    Stdout,
    File(Replacement),
}

impl Outputs {
    /// Looks whether everything that is asked for can be written, before anything is sent.
    pub(super) fn open(&self, input: &Path, result: &Path) -> Result<Files, Failure> {
        let named = [("the input", Some(input)), ("the result file", Some(result))];
        let open = |option: &str, path: &Path, others: &[(&str, Option<&Path>)], opening, access| {
            if let Some((what, _)) =
                others.iter().find(|(_, other)| other.is_some_and(|other| is_one_file(other, path)))
            {
                return Err(Failure::usage(format!("{option}: would overwrite {what} {}", path.display())));
            }
            Replacement::new(path, opening, access)
                .map_err(|error| Failure::usage(format!("{option}: {error}")))
        };
        let summary = match self.summary.as_deref() {
            None => Summary::None,
            Some(path) if path == Path::new("-") => Summary::Stdout,
            Some(path) => Summary::File(open("--summary", path, &named, SUMMARY_OPENING, Access::Owner)?),
        };
        let named = [named[0], named[1], ("the summary", self.summary.as_deref())];
        let metrics = self.metrics.as_deref();
        if metrics == Some(Path::new("-")) {
            return Err(Failure::usage("--metrics: cannot be standard output. Name a file"));
        }
        // The collector runs as a user of its own, and figures name nobody.
        let metrics = metrics
            .map(|path| open("--metrics", path, &named, METRICS_OPENING, Access::Everybody))
            .transpose()?
            .map(|file| Metrics { last_run: last_run_in(file.path()), file });
        Ok(Files { summary, metrics, job_summary: self.job_summary.clone() })
    }
}

impl Files {
    /// Writes the state of the run. Standard output and the page of a CI job only get the end.
    pub(super) fn update(&self, document: &Document) -> Vec<Unwritten<'_>> {
        let summary = match &self.summary {
            Summary::File(_) => self.write_summary(document),
            Summary::None | Summary::Stdout => None,
        };
        self.write_metrics(document).into_iter().chain(summary).collect()
    }

    /// Writes everything at the end of a run and gives the code to end with: what was asked for and cannot be written is
    /// a fault, though not in the place of a worse ending. The JSON summary comes last, so that it says so.
    pub(super) fn write(&self, document: &mut Document, mut code: ExitCode) -> ExitCode {
        if let Some(unwritten) = self.write_metrics(document) {
            code = spoilt(&unwritten, document, code);
        }
        if let Some(path) = &self.job_summary
            && let Err(error) = append(path, &job_summary(document))
        {
            // Nobody asked for it, so nothing fails for it.
            say(format_args!("Cannot write the job summary {}: {error}", path.display()));
        }
        self.write_summary(document).map_or(code, |unwritten| spoilt(&unwritten, document, code))
    }

    fn write_metrics(&self, document: &Document) -> Option<Unwritten<'_>> {
        let metrics = self.metrics.as_ref()?;
        let error = metrics.write(document).err()?;
        Some(Unwritten { option: "--metrics", path: metrics.file.path(), error })
    }

    fn write_summary(&self, document: &Document) -> Option<Unwritten<'_>> {
        let json = || document.to_json();
        let (path, written) = match &self.summary {
            Summary::None => return None,
            Summary::Stdout => (Path::new("-"), json().and_then(put)),
            Summary::File(file) => {
                (file.path(), json().and_then(|json| file.write(format!("{json}\n").as_bytes())))
            }
        };
        Some(Unwritten { option: "--summary", path, error: written.err()? })
    }
}

fn spoilt(unwritten: &Unwritten<'_>, document: &mut Document, code: ExitCode) -> ExitCode {
    let Unwritten { option, path, error } = unwritten;
    complain(format_args!("{option}: cannot write {}: {error}", path.display()));
    if code != ExitCode::InSync {
        return code;
    }
    document.reason = "output_fault";
    document.exit_code = Some(ExitCode::Fault.number());
    ExitCode::Fault
}

/// The name of the job in its metrics: the name of the file, which is different for each job of a machine.
fn sync_of(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// What an earlier metrics file says of the last run that ended. Where it cannot be read, these metrics are left out.
fn last_run_in(path: &Path) -> String {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST_METRICS).read_to_end(&mut text));
    read.map_or_else(|_| String::new(), |_| last_run(&String::from_utf8_lossy(&text), &sync_of(path)))
}
