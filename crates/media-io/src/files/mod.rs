//! The file thread: recordings on disk. Samples come through a bounded queue; what a slow disk
//! cannot take in time is dropped by the media thread, and counted.

mod recorder;
mod wav;
mod writer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::{self, JoinHandle};

use bridgetap_media::{LegId, MediaEvent, RecordId};

use crate::mailbox::Mailbox;
use crate::up::Up;

pub(crate) use recorder::Recorder;

/// What the file thread is asked to do; in order for each recording.
#[derive(Debug)]
pub(crate) enum FileOrder {
    /// Create the file.
    Open {
        record: RecordId,
        leg: LegId,
        path: String,
        channels: u16,
    },
    /// Append samples, interleaved. The count of samples on their way goes down once written.
    Samples {
        record: RecordId,
        samples: Vec<i16>,
        on_the_way: Arc<AtomicUsize>,
    },
    /// Finish the file; `RecordEnded` goes up.
    Close { record: RecordId, ms_dropped: u64 },
    /// The recording never began: leave no file and no word.
    Abandon { record: RecordId },
    /// An event that must not overtake the ends of recordings before it.
    Raise(Box<MediaEvent>),
    /// End the thread.
    Stop,
}

/// A handle to the thread.
pub(crate) struct Files {
    orders: Arc<Mailbox<FileOrder>>,
}

impl Files {
    pub(crate) fn start(up: Arc<dyn Up>) -> io::Result<(Self, JoinHandle<()>)> {
        // Samples are bounded for each recording, all else by the number of recordings.
        let orders = Arc::new(Mailbox::new(usize::MAX)?);
        let inbox = orders.clone();
        let thread = thread::Builder::new()
            .name("bt-files".to_owned())
            .spawn(move || writer::run(&inbox, &*up))?;
        Ok((Self { orders }, thread))
    }

    pub(crate) fn order(&self, order: FileOrder) {
        let _ = self.orders.post_end(order);
    }

    /// Hand all of `orders` over, or none when the mailbox is in use this very moment.
    pub(crate) fn try_order(&self, orders: &mut Vec<FileOrder>) -> bool {
        self.orders.try_post_ends(orders)
    }
}

#[cfg(test)]
mod tests;
