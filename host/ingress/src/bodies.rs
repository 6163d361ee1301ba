//! What the bodies of requests may take together: those of one connection, and those of one listener.
//!
//! By HTTP/1 a connection has one request at a time, by HTTP/2 many. What is counted is what has come, until the component
//! takes it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use componentd_core::admission::places;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::BodyError;

/// How many times the largest body all of one connection may be together.
const OF_CONNECTION: usize = 4;

/// The room for bodies on one connection.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    connection: Arc<Semaphore>,
    listener: Arc<Semaphore>,
}

/// Room that is held, and given back when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Held([Option<OwnedSemaphorePermit>; 2]);

impl Room {
    /// That of a listener: each of so many connections can have one body of the largest size.
    pub(crate) fn of_listener(max_body: usize, max_connections: usize) -> Arc<Semaphore> {
        places(max_body.saturating_mul(max_connections))
    }

    /// That of a connection to it.
    pub(crate) fn new(max_body: usize, listener: Arc<Semaphore>) -> Self {
        Self { connection: places(max_body.saturating_mul(OF_CONNECTION)), listener }
    }

    /// Adds so many bytes to what is held. False where there is no room for them.
    pub(crate) fn take(&self, bytes: usize, held: &mut Held) -> bool {
        let Ok(count) = u32::try_from(bytes) else { return false };
        let rooms = [&self.connection, &self.listener];
        rooms.into_iter().zip(&mut held.0).all(|(room, held)| add(room, count, held))
    }
}

fn add(room: &Arc<Semaphore>, count: u32, held: &mut Option<OwnedSemaphorePermit>) -> bool {
    let Ok(more) = room.clone().try_acquire_many_owned(count) else { return false };
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
    true
}

/// There is no room for more of a body.
#[derive(Debug, thiserror::Error)]
#[error("there is no room for more bodies")]
pub(crate) struct NoRoom;

/// A body that takes room as it comes.
pub(crate) struct Counted<'a, B> {
    pub(crate) body: Pin<&'a mut B>,
    pub(crate) room: Option<&'a Room>,
    pub(crate) held: &'a mut Held,
}

impl<B: Body<Data = Bytes, Error: Into<BodyError>>> Body for Counted<'_, B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Self { body, room, held } = &mut *self;
        let frame = match ready!(body.as_mut().poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => return Poll::Ready(None),
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        let has_room = room.is_none_or(|room| room.take(bytes, held));
        Poll::Ready(Some(if has_room { Ok(frame) } else { Err(NoRoom.into()) }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_bounded_twice_and_comes_back() {
        let listener = Room::of_listener(10, 5);
        let (one, other) = (Room::new(10, listener.clone()), Room::new(10, listener.clone()));
        let (mut of_one, mut of_other) = (Held::default(), Held::default());
        assert!(one.take(25, &mut of_one) && one.take(15, &mut of_one));
        assert!(!one.take(1, &mut Held::default()), "four times the largest");
        assert!(!other.take(11, &mut of_other), "what the listener has left");
        drop((of_one, of_other));
        assert_eq!(listener.available_permits(), 50);
        assert!(other.take(40, &mut Held::default()));
    }
}
