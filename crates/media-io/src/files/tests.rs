use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bridgetap_media::LegStats;

use super::*;
use crate::testing::{scratch_dir, stats};

struct Bench {
    files: Files,
    thread: Option<JoinHandle<()>>,
    events: Receiver<MediaEvent>,
    dir: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let (send, events): (Sender<MediaEvent>, _) = channel();
        let (files, thread) = Files::start(Arc::new(std::sync::Mutex::new(send))).unwrap();
        Self {
            files,
            thread: Some(thread),
            events,
            dir: scratch_dir("files"),
        }
    }

    fn open(&self, record: u64, path: &str, channels: u16) {
        self.files.order(FileOrder::Open {
            record: RecordId(record),
            leg: LegId(7),
            path: path.to_owned(),
            channels,
        });
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    fn ended(&self) -> (u64, u64, String) {
        match self.events.recv().unwrap() {
            MediaEvent::RecordEnded {
                duration_ms,
                ms_dropped,
                error,
                ..
            } => (duration_ms, ms_dropped, error),
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.files.order(FileOrder::Stop);
        self.thread.take().unwrap().join().unwrap();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn send(files: &Files, mut orders: Vec<FileOrder>) {
    while !files.try_order(&mut orders) {}
}

#[test]
fn a_recording_is_a_wav_with_its_length_in_the_header() {
    let bench = Bench::new();
    let path = bench.path("a.wav");
    bench.open(1, &path, 2);
    let mut recorder = Recorder::new(RecordId(1));
    let mut orders = Vec::new();
    for n in 0..15i16 {
        recorder.push(2, &[n; 320], &mut orders);
    }
    recorder.finish(&mut orders);
    send(&bench.files, orders);
    assert_eq!(bench.ended(), (300, 0, String::new()));
    let wav = std::fs::read(&path).unwrap();
    assert_eq!(wav[..44], wav::header(2, 15 * 640));
    let samples: Vec<i16> = wav[44..]
        .chunks(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let expected: Vec<i16> = (0..15).flat_map(|n| [n; 320]).collect();
    assert_eq!(samples, expected);
}

#[test]
fn a_file_that_cannot_be_made_ends_its_recording_once_with_the_reason() {
    let bench = Bench::new();
    bench.open(1, &bench.path("no/such/folder.wav"), 1);
    let (ms, _, error) = bench.ended();
    assert_eq!(ms, 0);
    assert!(error.contains("No such file"), "{error}");
    let close = FileOrder::Close {
        record: RecordId(1),
        ms_dropped: 0,
    };
    let closed = MediaEvent::LegClosed { stats: stats(7) };
    send(
        &bench.files,
        vec![close, FileOrder::Raise(Box::new(closed.clone()))],
    );
    assert_eq!(bench.events.recv().unwrap(), closed, "and not a second end");
}

#[test]
fn a_full_disk_ends_the_recording_with_the_reason() {
    let bench = Bench::new();
    bench.open(1, "/dev/full", 1);
    let (_, _, error) = bench.ended();
    assert!(error.contains("No space left"), "{error}");
}

#[test]
fn the_end_of_a_leg_does_not_overtake_the_ends_of_its_recordings() {
    let bench = Bench::new();
    bench.open(1, &bench.path("a.wav"), 1);
    let mut orders = Vec::new();
    let mut recorder = Recorder::new(RecordId(1));
    recorder.push(1, &[1; 160], &mut orders);
    recorder.finish(&mut orders);
    let last: LegStats = stats(7);
    orders.push(FileOrder::Raise(Box::new(MediaEvent::LegClosed {
        stats: last,
    })));
    send(&bench.files, orders);
    assert_eq!(bench.ended().0, 20);
    assert!(matches!(
        bench.events.recv().unwrap(),
        MediaEvent::LegClosed { .. }
    ));
}

#[test]
fn a_recording_that_never_began_leaves_nothing() {
    let bench = Bench::new();
    let path = bench.path("a.wav");
    bench.open(1, &path, 1);
    bench.files.order(FileOrder::Abandon {
        record: RecordId(1),
    });
    bench.open(2, &bench.path("b.wav"), 1);
    send(
        &bench.files,
        vec![FileOrder::Close {
            record: RecordId(2),
            ms_dropped: 0,
        }],
    );
    assert_eq!(bench.ended(), (0, 0, String::new()));
    assert!(!std::path::Path::new(&path).exists());
}

#[test]
fn a_long_recording_is_playable_before_it_ends() {
    let bench = Bench::new();
    let path = bench.path("long.wav");
    bench.open(1, &path, 1);
    let mut recorder = Recorder::new(RecordId(1));
    for _ in 0..60 {
        let mut orders = Vec::new();
        for _ in 0..10 {
            recorder.push(1, &[5; 160], &mut orders);
        }
        send(&bench.files, orders);
    }
    // The order behind them has been carried out, so they have been written.
    bench
        .files
        .order(FileOrder::Raise(Box::new(MediaEvent::LegClosed {
            stats: stats(7),
        })));
    bench.events.recv().unwrap();
    let wav = std::fs::read(&path).unwrap();
    let in_header = u32::from_le_bytes(wav[40..44].try_into().unwrap());
    assert!(
        in_header >= 160_000 && in_header as usize <= wav.len() - 44,
        "{in_header}"
    );
}
