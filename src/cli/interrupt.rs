//! Worker threads that do the queries, while the main thread listens for Ctrl-C.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::failure::{Failure, Outcome};

/// Planning recurses over the syntax tree: deep expressions need more than the usual 2 MiB.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// How long a cancelled job may take to put things away.
const GRACE: Duration = Duration::from_millis(900);

/// The threads of the program.
pub struct Workers {
    /// Runs the jobs.
    jobs: Runtime,
    /// Hears signals on the main thread, even while every worker is busy.
    ears: Runtime,
}

impl Workers {
    /// Starts `threads` workers, or one per core.
    pub fn start(threads: Option<usize>) -> Outcome<Self> {
        let failed = |error: io::Error| Failure::io("can't start worker threads", &error);
        let mut builder = Builder::new_multi_thread();
        builder.enable_all().thread_stack_size(STACK_BYTES);
        if let Some(threads) = threads {
            builder.worker_threads(threads);
        }
        Ok(Self {
            jobs: builder.thread_name("worker").build().map_err(failed)?,
            ears: Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(failed)?,
        })
    }

    /// Where jobs run.
    pub fn handle(&self) -> &Handle {
        self.jobs.handle()
    }

    /// Runs a job to its end, or until Ctrl-C or SIGTERM; a cancelled job is dropped at once.
    pub fn run<T: Send + 'static>(
        &self,
        job: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Outcome<T> {
        self.run_until(job, true)
    }

    /// Runs a job to its end or until Ctrl-C. SIGTERM keeps its usual meaning: once caught it could
    /// not end a program that waits for a line at its prompt.
    pub fn run_in_shell<T: Send + 'static>(
        &self,
        job: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Outcome<T> {
        self.run_until(job, false)
    }

    fn run_until<T: Send + 'static>(
        &self,
        job: impl Future<Output = Outcome<T>> + Send + 'static,
        terminable: bool,
    ) -> Outcome<T> {
        self.ears.block_on(async {
            let failed = |error: io::Error| Failure::io("can't listen for signals", &error);
            let mut interrupts = signal(SignalKind::interrupt()).map_err(failed)?;
            let mut terminations = match terminable {
                true => Some(signal(SignalKind::terminate()).map_err(failed)?),
                false => None,
            };
            let terminated = async {
                match &mut terminations {
                    Some(signals) => signals.recv().await,
                    None => std::future::pending().await,
                }
            };
            let mut job = self.jobs.spawn(job);
            let number = tokio::select! {
                ended = &mut job => return ended.unwrap_or_else(|error| Err(died(error))),
                _ = interrupts.recv() => 2,
                _ = terminated => 15,
            };
            job.abort();
            // A job that does not listen (a long computation, a full pipe) is left behind.
            let _ = tokio::time::timeout(GRACE, job).await;
            Err(Failure::Signal(number))
        })
    }

    /// Ends the threads; what does not end by itself in a moment is left to the end of the process.
    pub fn stop(self) {
        self.jobs.shutdown_timeout(GRACE);
    }
}

fn died(error: tokio::task::JoinError) -> Failure {
    let reason = match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_else(|| "a panic without a message".into()),
        Err(error) => error.to_string(),
    };
    Failure::Error(format!("internal error: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let workers = Workers::start(Some(1)).unwrap();
        let outcome: Outcome = workers.run(async { panic!("oh no") });
        assert!(matches!(outcome, Err(Failure::Error(text)) if text == "internal error: oh no"));
    }

    #[test]
    fn deep_recursion_fits_the_stack() {
        #[allow(clippy::only_used_in_recursion)]
        fn descend(depth: usize, ballast: [u8; 1024]) -> usize {
            let ballast = std::hint::black_box(ballast);
            match depth {
                0 => 0,
                _ => 1 + descend(depth - 1, ballast),
            }
        }
        let workers = Workers::start(Some(1)).unwrap();
        let depth = workers.run(async { Ok(descend(2000, [0; 1024])) });
        assert_eq!(depth.unwrap(), 2000);
    }
}
