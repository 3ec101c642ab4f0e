//! The file thread itself.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::atomic::Ordering;
use std::time::Instant;

use bridgetap_media::{LegId, MediaEvent, RecordId};

use super::FileOrder;
use super::wav::{HEADER_LEN, MAX_DATA, header};
use crate::mailbox::Mailbox;
use crate::poller::{Interest, Poller};
use crate::up::Up;

/// How much audio may be missing from the header of a file whose server was killed, in bytes.
const HEADER_EVERY: u32 = 160_000;

/// Until told to stop.
pub(super) fn run(orders: &Mailbox<FileOrder>, up: &dyn Up) {
    let mut writer = Writer {
        open: HashMap::new(),
        bytes: Vec::new(),
        up,
    };
    let poller =
        Poller::new().and_then(|poller| poller.add(orders, 0, Interest::Read).map(|()| poller));
    let mut poller = match poller {
        Ok(poller) => poller,
        Err(error) => {
            log::error!("file thread: epoll: {error}");
            return;
        }
    };
    let mut waiting = VecDeque::new();
    loop {
        if let Err(error) = poller.wait(None) {
            log::error!("file thread: epoll: {error}");
            return;
        }
        orders.take(&mut waiting);
        while let Some(order) = waiting.pop_front() {
            if !writer.carry_out(order) {
                orders.close();
                return;
            }
        }
    }
}

struct Writer<'a> {
    open: HashMap<RecordId, Recording>,
    bytes: Vec<u8>,
    up: &'a dyn Up,
}

struct Recording {
    leg: LegId,
    path: String,
    channels: u16,
    file: File,
    data: u32,
    data_in_header: u32,
}

impl Writer<'_> {
    fn carry_out(&mut self, order: FileOrder) -> bool {
        match order {
            FileOrder::Open {
                record,
                leg,
                path,
                channels,
            } => match create(&path, channels) {
                Ok(file) => {
                    let recording = Recording {
                        leg,
                        path,
                        channels,
                        file,
                        data: 0,
                        data_in_header: 0,
                    };
                    self.open.insert(record, recording);
                }
                Err(error) => self.ended(leg, record, path, 0, 0, error.to_string()),
            },
            FileOrder::Samples {
                record,
                samples,
                on_the_way,
            } => {
                self.bytes.clear();
                self.bytes
                    .extend(samples.iter().flat_map(|s| s.to_le_bytes()));
                let result = match self.open.get_mut(&record) {
                    Some(recording) => recording.append(&self.bytes),
                    None => Ok(()),
                };
                on_the_way.fetch_sub(samples.len(), Ordering::Relaxed);
                if let Err(error) = result {
                    self.close(record, 0, error.to_string());
                }
            }
            FileOrder::Close { record, ms_dropped } => {
                self.close(record, ms_dropped, String::new())
            }
            FileOrder::Abandon { record } => {
                if let Some(recording) = self.open.remove(&record) {
                    let _ = std::fs::remove_file(recording.path);
                }
            }
            FileOrder::Raise(event) => self.up.push(Instant::now(), *event),
            FileOrder::Stop => return false,
        }
        true
    }

    /// The one end of a recording; a second one finds nothing to end.
    fn close(&mut self, record: RecordId, ms_dropped: u64, mut error: String) {
        let Some(mut recording) = self.open.remove(&record) else {
            return;
        };
        if let Err(late) = recording.write_header()
            && error.is_empty()
        {
            error = late.to_string();
        }
        let samples = recording.data / 2 / u32::from(recording.channels.max(1));
        let ms = u64::from(samples / 8);
        self.ended(recording.leg, record, recording.path, ms, ms_dropped, error);
    }

    fn ended(
        &self,
        leg: LegId,
        record: RecordId,
        path: String,
        duration_ms: u64,
        ms_dropped: u64,
        error: String,
    ) {
        let event = MediaEvent::RecordEnded {
            leg,
            record,
            path,
            duration_ms,
            ms_dropped,
            error,
        };
        self.up.push(Instant::now(), event);
    }
}

impl Recording {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let added = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let data = self
            .data
            .checked_add(added)
            .filter(|data| *data <= MAX_DATA);
        let data = data.ok_or_else(|| io::Error::other("the file has the 4 GiB a WAV can hold"))?;
        self.file.write_all(bytes)?;
        self.data = data;
        if self.data - self.data_in_header >= HEADER_EVERY {
            self.write_header()?;
        }
        Ok(())
    }

    fn write_header(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header(self.channels, self.data))?;
        let end = u64::from(HEADER_LEN) + u64::from(self.data);
        self.file.seek(SeekFrom::Start(end))?;
        self.data_in_header = self.data;
        Ok(())
    }
}

fn create(path: &str, channels: u16) -> io::Result<File> {
    let mut file = File::create(path)?;
    file.write_all(&header(channels, 0))?;
    Ok(file)
}
