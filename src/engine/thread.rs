//! The engine's thread, and the handle through which polling talks to it.
//!
//! The store's calls block, so the engine never runs on the async workers. The queue to it is
//! short: polling waits until each poll result is committed before it polls again.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::apply::{Applied, Engine};
use super::output::EngineError;
use super::requests::ChooseRequest;
use crate::clock::Clock;
use crate::model::{AccountName, StreamName, Timestamp};
use crate::source::PollResult;

/// How many commands may wait for the engine.
const QUEUE: usize = 16;
/// How often the engine reports that it is alive, and how long it waits for a command.
const ROUND: Duration = Duration::from_secs(1);
/// State is removed by retention once in this many rounds.
const RETENTION_EVERY: u32 = 10;

/// Chooses a request of some type and replies with it.
type Choice = Box<dyn FnOnce(&mut Engine, Timestamp) + Send>;

enum Command {
    Request(Choice),
    Apply {
        account: AccountName,
        poll_result: Box<PollResult>,
        reply: oneshot::Sender<Result<Applied, EngineError>>,
    },
}

/// Talks to the engine's thread.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    commands: SyncSender<Command>,
}

impl EngineHandle {
    /// The request to make of a stream now, see [`Engine::request`].
    ///
    /// # Errors
    /// As there, and when the engine has ended.
    pub async fn request<R: ChooseRequest>(
        &self,
        account: AccountName,
        stream: StreamName,
        parameters: R::Parameters,
    ) -> Result<Option<R>, EngineError> {
        let (reply, answer) = oneshot::channel();
        let choose = move |engine: &mut Engine, now| {
            // The receiver is gone when the poll was cancelled.
            let _ = reply.send(engine.request(&account, &stream, parameters, now));
        };
        self.send(Command::Request(Box::new(choose))).await?;
        answer.await.map_err(|_| ended())?
    }

    /// Detects what a poll result changed and commits it, see [`Engine::apply`].
    ///
    /// # Errors
    /// As there, and when the engine has ended.
    pub async fn apply(
        &self,
        account: AccountName,
        poll_result: PollResult,
    ) -> Result<Applied, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Apply { account, poll_result: Box::new(poll_result), reply }).await?;
        answer.await.map_err(|_| ended())?
    }

    async fn send(&self, mut command: Command) -> Result<(), EngineError> {
        use std::sync::mpsc::TrySendError;
        loop {
            match self.commands.try_send(command) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(ended()),
                Err(TrySendError::Full(back)) => command = back,
            }
            // The engine is busy with a large poll result; a few milliseconds do not matter.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn ended() -> EngineError {
    EngineError::Stopped(String::from("the engine has ended"))
}

/// Starts the engine's thread. It ends when every handle is dropped. `alive` is called at least
/// once a second while it runs, `committed` after each batch that has filled the outbox.
///
/// # Errors
/// When no thread can be started.
pub fn spawn_engine(
    mut engine: Engine,
    clock: Arc<dyn Clock>,
    mut alive: impl FnMut() + Send + 'static,
    mut committed: impl FnMut() + Send + 'static,
) -> io::Result<(EngineHandle, JoinHandle<()>)> {
    let (commands, queue) = sync_channel(QUEUE);
    let thread = std::thread::Builder::new().name(String::from("engine")).spawn(move || {
        run(&mut engine, &queue, clock.as_ref(), &mut alive, &mut committed);
    })?;
    Ok((EngineHandle { commands }, thread))
}

fn run(
    engine: &mut Engine,
    queue: &Receiver<Command>,
    clock: &dyn Clock,
    alive: &mut dyn FnMut(),
    committed: &mut dyn FnMut(),
) {
    let mut rounds = 0_u32;
    let mut last_round = clock.now();
    loop {
        match queue.recv_timeout(ROUND) {
            Ok(Command::Request(choose)) => choose(engine, clock.now()),
            Ok(Command::Apply { account, poll_result, reply }) => {
                let applied = engine.apply(&account, *poll_result);
                if applied.as_ref().is_ok_and(|applied| applied.events > 0) {
                    committed();
                }
                let _ = reply.send(applied);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = clock.now();
        if now < last_round + ROUND && now >= last_round {
            continue;
        }
        last_round = now;
        alive();
        rounds = rounds.wrapping_add(1);
        if rounds.is_multiple_of(RETENTION_EVERY)
            && let Err(error) = engine.forget(now)
            && !matches!(error, EngineError::Stopped(_))
        {
            tracing::error!(%error, "old state cannot be removed");
        }
    }
}
