//! What becomes of versions, as it happens.

use componentd_core::history::Entry;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver};
use tokio_util::sync::CancellationToken;

/// Events that wait for a slow reader; further ones take the place of the oldest.
const WAITING: usize = 256;

/// A line of a service's history, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The name of the service.
    pub service: String,
    /// Which version, when, by what, and what came of it.
    pub entry: Entry,
}

/// So many events came faster than they were read, and are missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} events came faster than they were read; `ServiceHandle::history` has them")]
pub struct Lagged(pub u64);

/// The events of a host.
pub fn channel() -> broadcast::Sender<Event> {
    broadcast::channel(WAITING).0
}

/// Those that come from now on, until `stop`.
pub fn events(events: Receiver<Event>, stop: CancellationToken) -> BoxStream<'static, Result<Event, Lagged>> {
    stream::unfold((events, stop), |(mut events, stop)| async move {
        let next = tokio::select! {
            biased;
            next = events.recv() => next,
            () = stop.cancelled() => Err(RecvError::Closed),
        };
        match next {
            Ok(event) => Some((Ok(event), (events, stop))),
            Err(RecvError::Lagged(missed)) => Some((Err(Lagged(missed)), (events, stop))),
            Err(RecvError::Closed) => None,
        }
    })
    // Whoever asks again after the end hears of the end again.
    .fuse()
    .boxed()
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio_util::sync::CancellationToken;

    use super::{Event, Lagged, WAITING, channel, events};
    use componentd_core::history::{By, Entry, Outcome};

    #[tokio::test]
    async fn a_slow_reader_hears_how_many_events_it_has_missed() {
        let (sender, stop) = (channel(), CancellationToken::new());
        let mut events = events(sender.subscribe(), stop.clone());
        for n in 0..WAITING + 3 {
            let entry = Entry::now(n.to_string(), By::File, Outcome::Live);
            sender.send(Event { service: "s".to_owned(), entry }).unwrap();
        }
        assert_eq!(events.next().await, Some(Err(Lagged(3))));
        assert_eq!(events.next().await.unwrap().unwrap().entry.version, "3");
        stop.cancel();
        assert_eq!(events.by_ref().count().await, WAITING - 1, "what has come is still read");
        assert_eq!(events.next().await, None);
    }
}
