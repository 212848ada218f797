//! Where a job's bytes go: to its client, in pieces, as fast as it takes them.

use std::io::{self, ErrorKind, Write};

use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout_at};

use super::turns::Turn;
use crate::quota::Permit;
use crate::reply::Piece;

/// Bytes of a piece, about.
const PIECE_BYTES: usize = 64 * 1024;

/// What a job keeps from others while it is under way.
pub(super) type Place = (OwnedSemaphorePermit, Option<Permit>);

/// A writer that waits for its reader until a deadline, without keeping its turn.
pub(super) struct Outlet {
    pieces: mpsc::Sender<Piece>,
    deadline: Instant,
    runtime: Handle,
    turn: Turn,
    place: Option<Place>,
    filled: BytesMut,
}

impl Outlet {
    /// Writes to `pieces` until `deadline`.
    pub(super) fn new(
        pieces: mpsc::Sender<Piece>,
        deadline: Instant,
        runtime: Handle,
        turn: Turn,
        place: Place,
    ) -> Self {
        Self {
            pieces,
            deadline,
            runtime,
            turn,
            place: Some(place),
            filled: BytesMut::with_capacity(PIECE_BYTES),
        }
    }

    /// Sends what is left, and that it is all.
    pub(super) fn end(mut self) -> io::Result<()> {
        if !self.filled.is_empty() {
            let rest = self.filled.split().freeze();
            self.room()?.send(Piece::Bytes(rest));
        }
        let place = self.place.take();
        let room = self.room()?;
        // Not before there is room for the end, so that who does not read keeps its place; and not
        // after it was sent, so that who has it may send the next list at once.
        drop(place);
        room.send(Piece::End);
        Ok(())
    }

    /// Lets another job compute; an error when nobody waits for this one any more.
    pub(super) fn pass(&mut self) -> io::Result<()> {
        self.turn.pass()?;
        if self.pieces.is_closed() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        self.check_deadline()
    }

    fn check_deadline(&self) -> io::Result<()> {
        match Instant::now() < self.deadline {
            true => Ok(()),
            false => Err(ErrorKind::TimedOut.into()),
        }
    }

    /// Waits until the client has room for a piece, and leaves the turn meanwhile.
    fn room(&mut self) -> io::Result<mpsc::Permit<'_, Piece>> {
        // The timer below does not look at the clock while the reader keeps up.
        self.check_deadline()?;
        self.turn.leave();
        // The timer must be made within the runtime.
        let room = async { timeout_at(self.deadline, self.pieces.reserve()).await };
        match self.runtime.block_on(room) {
            Ok(Ok(room)) => Ok(room),
            // The client went away.
            Ok(Err(_)) => Err(ErrorKind::BrokenPipe.into()),
            Err(_) => Err(ErrorKind::TimedOut.into()),
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // All of it, so that a piece of lines is of whole lines.
        self.filled.extend_from_slice(bytes);
        if self.filled.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.filled.is_empty() {
            return Ok(());
        }
        let piece: Bytes = self.filled.split().freeze();
        self.filled.reserve(PIECE_BYTES);
        self.room()?.send(Piece::Bytes(piece));
        Ok(self.turn.take()?)
    }
}
