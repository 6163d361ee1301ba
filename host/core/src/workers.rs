//! The threads that long calls run on, one a processor: nothing waits for them but such calls, and whoever asked for these.
//!
//! The kernel takes the processor from them when a thread that does I/O, or calls what is quick, has something to do. Among
//! themselves, services take turns by [`FairQueue`], a tick of the epoch clock each.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Span;

use crate::engine::lower_priority;
use crate::fair_queue::{FairQueue, Rank};
use crate::guest::Guest;
use crate::share::Share;

/// The niceness of the workers.
const NICENESS: i32 = 5;

/// How many nanoseconds one call goes on before another of the same service: what it has in the processor's caches is of use
/// for a while.
const TURN: u64 = 10_000_000;

/// What a call comes to, or the panic of the host that ended it.
type Ended<T> = Result<T, Box<dyn Any + Send>>;

/// A call that a worker has taken over, as seen by whoever waits for it. It is cancelled when this is dropped.
pub(crate) struct Working<T> {
    call: Arc<dyn Run>,
    ended: oneshot::Receiver<Ended<T>>,
}

impl<T> Working<T> {
    /// Waits for its end.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<T> {
        let Poll::Ready(ended) = Pin::new(&mut self.ended).poll(context) else { return Poll::Pending };
        match ended.expect("a call that is not cancelled comes to its end") {
            Ok(output) => Poll::Ready(output),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Ends it, and waits until it has let go of all that it had.
    pub(crate) async fn cancel(mut self) {
        self.call.cancel();
        // An error: nobody is left who could send.
        let _ = (&mut self.ended).await;
    }
}

impl<T> Drop for Working<T> {
    fn drop(&mut self) {
        self.call.cancel();
    }
}

/// Lets the workers go on with a call, within the runtime and the span of whoever calls this.
pub(crate) fn take_over<F>(guest: Guest<F>, is_new: bool) -> Working<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let (sender, ended) = oneshot::channel();
    let call = Arc::new(Call {
        share: guest.share.clone(),
        runtime: Handle::current(),
        span: Span::current(),
        stage: AtomicU8::new(QUEUED),
        is_cancelled: AtomicBool::new(false),
        work: Mutex::new(Some(Work { guest, sender, is_new, had: 0 })),
    });
    WORKERS.push(call.clone());
    Working { call, ended }
}

/// A call that takes long.
struct Call<F: Future> {
    share: Arc<Share>,
    /// What the guest asks the host for is done there, as it would be without the workers.
    runtime: Handle,
    span: Span,
    stage: AtomicU8,
    is_cancelled: AtomicBool,
    /// Until its end. Locked by the worker for the length of a turn.
    work: Mutex<Option<Work<F>>>,
}

struct Work<F: Future> {
    guest: Guest<F>,
    sender: oneshot::Sender<Ended<F::Output>>,
    /// It has had no turn yet.
    is_new: bool,
    /// Nanoseconds since it was last behind the others of its service.
    had: u64,
}

/// Neither in the queue nor at work: whoever wakes it puts it into the queue.
const WAITING: u8 = 0;
const QUEUED: u8 = 1;
const RUNNING: u8 = 2;
/// Running, and to be put into the queue afterwards.
const WOKEN: u8 = 3;

/// A call, whatever is called.
trait Run: Send + Sync {
    /// Takes a turn. Comes back where there is more to do, with its rank in the queue.
    fn run(self: Arc<Self>) -> Option<(Arc<dyn Run>, Rank)>;

    fn share(&self) -> &Arc<Share>;

    /// Drops the guest, now or after its turn.
    fn cancel(&self);
}

impl<F> Call<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    /// The rank of what is left to do.
    fn turn(&self, waker: &Waker) -> Rank {
        let mut place = lock(&self.work);
        let Some(work) = place.as_mut() else { return Rank::Last };
        let meter = work.guest.meter.clone();
        // To the end of this function, so that whoever waits finds the end of the call, where it has come to that.
        let _turn = meter.turn.begin();
        let turn = catch_unwind(AssertUnwindSafe(|| work.guest.turn(&mut Context::from_waker(waker))));
        let ended = match turn {
            Ok((poll, turn)) => {
                let rank = work.rank_after(turn);
                let Poll::Ready(output) = poll else { return rank };
                Ok(output)
            }
            Err(panic) => Err(panic),
        };
        if let Some(Work { guest, sender, .. }) = place.take() {
            drop(guest);
            // Whoever waited may be gone.
            let _ = sender.send(ended);
        }
        Rank::Last
    }
}

impl<F: Future> Work<F> {
    fn rank_after(&mut self, turn: u64) -> Rank {
        let share = &self.guest.share;
        share.virtual_time.fetch_add(turn, Ordering::Relaxed);
        if std::mem::take(&mut self.is_new) {
            share.note_turn(turn);
        }
        self.had += turn;
        if self.had < TURN {
            return Rank::First;
        }
        self.had = 0;
        Rank::Last
    }
}

impl<F> Run for Call<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn run(self: Arc<Self>) -> Option<(Arc<dyn Run>, Rank)> {
        let (_runtime, _span) = (self.runtime.enter(), self.span.enter());
        self.stage.store(RUNNING, Ordering::Release);
        let rank = self.turn(&Waker::from(self.clone()));
        // With the one in `cancel`: either this sees that it is cancelled, or that sees that the turn is over.
        fence(Ordering::SeqCst);
        if self.is_cancelled.load(Ordering::Relaxed) {
            drop(lock(&self.work).take());
        }
        if self.stage.compare_exchange(RUNNING, WAITING, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return None;
        }
        self.stage.store(QUEUED, Ordering::Release);
        Some((self.clone(), rank))
    }

    fn share(&self) -> &Arc<Share> {
        &self.share
    }

    fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        // Where a turn has it, the worker looks once the turn is over.
        if let Ok(mut work) = self.work.try_lock() {
            drop(work.take());
        }
    }
}

impl<F> Wake for Call<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn wake(self: Arc<Self>) {
        let woken = |stage| match stage {
            WAITING => Some(QUEUED),
            RUNNING => Some(WOKEN),
            _ => None,
        };
        if self.stage.fetch_update(Ordering::AcqRel, Ordering::Acquire, woken) == Ok(WAITING) {
            WORKERS.push(self);
        }
    }
}

/// Those of the process: it has so many processors, however many hosts run in it.
static WORKERS: Workers = Workers {
    queue: Mutex::new(Queue { calls: FairQueue::new(), idle: 0 }),
    filled: Condvar::new(),
    started: Once::new(),
};

struct Workers {
    queue: Mutex<Queue>,
    /// There is something in the queue.
    filled: Condvar,
    started: Once,
}

struct Queue {
    calls: FairQueue<Arc<dyn Run>>,
    /// How many workers wait.
    idle: usize,
}

impl Workers {
    fn push(&'static self, call: Arc<dyn Run>) {
        self.started.call_once(|| self.start());
        let mut queue = lock(&self.queue);
        queue.push(call, Rank::Last);
        let is_awaited = queue.idle > 0;
        drop(queue);
        if is_awaited {
            self.filled.notify_one();
        }
    }

    fn start(&'static self) {
        for number in 0..thread::available_parallelism().map_or(1, usize::from) {
            let worker = thread::Builder::new().name(format!("worker-{number}"));
            worker.spawn(|| self.work()).expect("threads can be started");
        }
    }

    fn work(&self) {
        lower_priority(NICENESS);
        let mut again = None;
        loop {
            again = self.next(again).run();
        }
    }

    /// The next one, after the last was put back.
    fn next(&self, again: Option<(Arc<dyn Run>, Rank)>) -> Arc<dyn Run> {
        let mut queue = lock(&self.queue);
        if let Some((call, rank)) = again {
            queue.push(call, rank);
        }
        loop {
            if let Some(call) = queue.calls.pop() {
                return call;
            }
            queue.idle += 1;
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}

impl Queue {
    fn push(&mut self, call: Arc<dyn Run>, rank: Rank) {
        let share = call.share().clone();
        self.calls.push(&share, call, rank);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
