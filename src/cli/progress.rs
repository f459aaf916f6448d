//! Progress on standard error: only where that is a terminal, and gone before anything is printed.

use std::io::{self, IsTerminal};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use sqltorch::{Progress, TrainingEvent};

/// How often in a second a bar is drawn at the most.
const REFRESH: u8 = 20;

/// Often enough for the eye; a step of training can be much shorter.
const REDRAW: Duration = Duration::from_millis(60);

/// Whether there is anybody to look at a bar.
pub fn is_wanted(quiet: bool) -> bool {
    !quiet && io::stderr().is_terminal()
}

/// A bar that leaves the screen when it is dropped.
pub struct Bar(ProgressBar);

impl Deref for Bar {
    type Target = ProgressBar;

    fn deref(&self) -> &ProgressBar {
        &self.0
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A terminal that seems narrower than it is, by what it writes itself for Ctrl-C: a bar fills its line, and
/// the `^C` must not begin a new one, which would leave the bar's line behind.
#[derive(Debug)]
struct Narrow(Term);

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(3).max(1)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.0.write_line(s)
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.0.write_str(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A bar in the style of this program, hidden unless `wanted`. Without `length` it only turns.
pub fn bar(length: Option<u64>, wanted: bool) -> Bar {
    let target = match wanted {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(Narrow(Term::stderr())), REFRESH),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(length, target);
    let template = match length {
        Some(_) => "{prefix} {bar:14} {percent:>3}%  {wide_msg}",
        None => "{spinner} {prefix} {wide_msg}",
    };
    style(&bar, template);
    Bar(bar)
}

fn style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
}

/// Seconds as people say them: `8 s`, `2 min 5 s`, `1 h 20 min`.
pub fn duration(seconds: f64) -> String {
    let seconds = if seconds.is_finite() {
        seconds.max(0.0).round() as u64
    } else {
        0
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// One loss by its name, several by their initials: `G 0.71 D 1.38 GP 0.02`.
fn losses(losses: &[(&str, f64)]) -> String {
    let initials = |name: &str| -> String {
        let words = name.split('_').filter_map(|word| word.chars().next());
        words.map(|c| c.to_ascii_uppercase()).collect()
    };
    match losses {
        [(name, loss)] => format!("{name} {loss:.4}"),
        _ => {
            let short = losses.iter();
            let short = short.map(|(name, loss)| format!("{} {loss:.2}", initials(name)));
            short.collect::<Vec<_>>().join(" ")
        }
    }
}

/// Shows how far the training of a CREATE MODEL is.
pub struct TrainingBar {
    wanted: bool,
    /// Events of a training that was cancelled may still come in; they must not draw over the prompt.
    open: AtomicBool,
    /// The epoch that a training which is cancelled now can go on after; 0 for none.
    saved: AtomicUsize,
    drawn: Mutex<Drawn>,
}

#[derive(Default)]
struct Drawn {
    bar: Option<(Phase, Bar)>,
    last: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reading,
    Training,
}

impl TrainingBar {
    /// A bar that is drawn while a guard of [`TrainingBar::show`] lives.
    pub fn new(quiet: bool) -> Self {
        Self {
            wanted: is_wanted(quiet),
            open: AtomicBool::new(false),
            saved: AtomicUsize::new(0),
            drawn: Mutex::default(),
        }
    }

    /// Lets events be drawn until the guard is dropped.
    pub fn show(&self) -> Showing<'_> {
        self.saved.store(0, Ordering::Relaxed);
        self.open.store(self.wanted, Ordering::Release);
        Showing { bar: self }
    }

    /// Takes the bar off the screen and draws no more, whatever still runs.
    pub fn close(&self) {
        self.open.store(false, Ordering::Release);
        self.hide();
    }

    /// The epoch of the last statement's training that a checkpoint was kept of.
    pub fn saved(&self) -> Option<usize> {
        Some(self.saved.load(Ordering::Relaxed)).filter(|epoch| *epoch > 0)
    }

    /// Takes the bar off the screen.
    pub fn hide(&self) {
        self.lock().bar = None;
    }

    /// Takes the bar off the screen while something is printed.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.lock().bar {
            Some((_, bar)) => bar.suspend(print),
            None => print(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for TrainingBar {
    fn event(&self, event: &TrainingEvent) {
        if let TrainingEvent::Saved { epoch } = event {
            self.saved.store(*epoch, Ordering::Relaxed);
        }
        let mut drawn = self.lock();
        if !self.open.load(Ordering::Acquire) {
            return;
        }
        match event {
            TrainingEvent::Reading { rows } => {
                if let Some(bar) = drawn.due(Phase::Reading, None) {
                    bar.set_prefix("reading");
                    bar.set_message(format!("{} rows", HumanCount(*rows)));
                    bar.tick();
                }
            }
            TrainingEvent::Batch {
                epoch,
                epochs,
                batch,
                batches,
                rows_per_second,
                losses,
                seconds_left,
            } => {
                if let Some(bar) = drawn.due(Phase::Training, Some(*batches)) {
                    if losses.len() > 1 {
                        // No room for more than the numbers.
                        style(bar, "{prefix} {percent:>3}%  {wide_msg}");
                    }
                    bar.set_length(*batches);
                    bar.set_prefix(format!("epoch {epoch}/{epochs}"));
                    bar.set_message(format!(
                        "{} rows/s  {}  {} left",
                        HumanCount(*rows_per_second as u64),
                        self::losses(losses),
                        duration(*seconds_left),
                    ));
                    bar.set_position(*batch);
                }
            }
            TrainingEvent::Evaluating => {
                if let Some((Phase::Training, bar)) = &drawn.bar {
                    bar.set_message("evaluating");
                }
            }
            TrainingEvent::Saved { .. } => {}
            TrainingEvent::Finished => drawn.bar = None,
        }
    }
}

impl Drawn {
    /// The bar of this phase, unless it was drawn a moment ago.
    fn due(&mut self, phase: Phase, length: Option<u64>) -> Option<&Bar> {
        let now = Instant::now();
        let same = self.bar.as_ref().is_some_and(|(shown, _)| *shown == phase);
        let fresh = self
            .last
            .is_some_and(|last| now.duration_since(last) < REDRAW);
        if same && fresh {
            return None;
        }
        self.last = Some(now);
        if !same {
            self.bar = None;
            self.bar = Some((phase, bar(length, true)));
        }
        self.bar.as_ref().map(|(_, bar)| bar)
    }
}

/// While this lives, events are drawn.
pub struct Showing<'a> {
    bar: &'a TrainingBar,
}

impl Drop for Showing<'_> {
    fn drop(&mut self) {
        self.bar.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable() {
        assert_eq!(duration(8.4), "8 s");
        assert_eq!(duration(125.0), "2 min 5 s");
        assert_eq!(duration(4800.0), "1 h 20 min");
        assert_eq!(duration(f64::NAN), "0 s");
    }

    #[test]
    fn several_losses_go_by_their_initials() {
        assert_eq!(losses(&[("loss", 0.61234)]), "loss 0.6123");
        let two = [("generator", -0.714), ("gradient_penalty", 0.0)];
        assert_eq!(losses(&two), "G -0.71 GP 0.00");
    }

    #[test]
    fn nothing_is_drawn_when_quiet() {
        let bar = TrainingBar::new(true);
        let _showing = bar.show();
        bar.event(&TrainingEvent::Reading { rows: 5 });
        assert!(bar.lock().bar.is_none());
    }

    #[test]
    fn events_after_the_end_draw_nothing() {
        let bar = TrainingBar {
            wanted: true,
            ..TrainingBar::new(true)
        };
        drop(bar.show());
        bar.event(&TrainingEvent::Reading { rows: 5 });
        assert!(bar.lock().bar.is_none());
    }
}
