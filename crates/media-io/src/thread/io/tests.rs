use std::net::UdpSocket;
use std::time::Duration;

use super::*;
use crate::ports::Ports;
use crate::testing::stats;

fn leg(io: &mut Io, id: u64, recorded: bool) {
    let sockets = Ports::new(40_000, 49_999, 0)
        .unwrap()
        .bind([127, 0, 0, 1].into())
        .unwrap();
    let mut entry = LegIo::new(Arc::new(LegRef::new(LegId(id), String::new(), 0)), sockets);
    entry.recorded = recorded;
    let key = io.legs.insert(entry);
    io.leg_keys.insert(LegId(id), key);
}

fn far_end() -> UdpSocket {
    let heard = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    heard
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    heard
}

#[test]
fn a_fault_leaves_no_start_without_its_end() {
    let mut io = Io::default();
    leg(&mut io, 1, false);
    leg(&mut io, 2, true);
    let fork = ForkIo {
        leg: LegId(1),
        connecting: true,
        speaks: false,
        route: None,
    };
    io.forks.insert(ForkId(3), fork);
    io.recorders.insert(RecordId(4), Recorder::new(RecordId(4)));
    io.leg_stats(&LegStats {
        packets_received: 9,
        ..stats(1)
    });
    io.end_everything("a fault");
    assert_eq!(io.outbox.len(), 2);
    assert!(matches!(&io.outbox[0], MediaEvent::ForkEnded(e) if e.code == 31900));
    assert!(
        matches!(&io.outbox[1], MediaEvent::LegClosed { stats } if stats.packets_received == 9)
    );
    // The recorded leg's end goes behind that of its recording.
    assert!(matches!(
        &io.file_orders[0],
        FileOrder::Close {
            record: RecordId(4),
            ..
        }
    ));
    assert!(matches!(&io.file_orders[1], FileOrder::Raise(_)));
    assert!(io.legs.is_empty() && io.forks.is_empty() && io.leg_keys.is_empty());
}

#[test]
fn what_waits_to_be_sent_leaves_by_the_socket_it_was_made_for_when_two_change_places() {
    let mut io = Io::default();
    leg(&mut io, 1, false);
    leg(&mut io, 2, false);
    let heard = far_end();
    let port = io.leg_mut(LegId(1)).unwrap().sockets.rtp_port();
    io.send_rtp(LegId(1), heard.local_addr().unwrap(), b"mine");
    io.exchange(LegId(1), LegId(2));
    io.flush();
    let mut datagram = [0; 8];
    let (len, from) = heard.recv_from(&mut datagram).unwrap();
    assert_eq!((&datagram[..len], from.port()), (&b"mine"[..], port));
    assert_eq!(
        (io.counts.datagrams_sent, io.counts.datagrams_refused),
        (1, 0)
    );
}

#[test]
fn no_more_waits_to_be_sent_than_there_is_room_for() {
    let mut io = Io::default();
    leg(&mut io, 1, false);
    let heard = far_end();
    for number in 0..100_u8 {
        io.send_rtp(LegId(1), heard.local_addr().unwrap(), &[number]);
    }
    assert!(io.counts.datagrams_sent > 64);
    io.flush();
    for number in 0..100_u8 {
        let mut datagram = [0; 8];
        assert_eq!(heard.recv(&mut datagram).unwrap(), 1);
        assert_eq!(datagram[0], number);
    }
}

#[test]
fn figures_of_far_ends_that_changed_places_are_added_once() {
    let mut io = Io::default();
    leg(&mut io, 1, false);
    leg(&mut io, 2, false);
    let figures = |leg, late, lost| LegStats {
        late,
        lost,
        ..stats(leg)
    };
    io.leg_stats(&figures(1, 3, 100));
    io.exchange(LegId(1), LegId(2));
    // What was lost goes with the far end, what was late stays with the leg's timeline.
    io.leg_stats(&figures(1, 3, 0));
    io.leg_stats(&figures(2, 0, 101));
    assert_eq!((io.counts.packets_late, io.counts.packets_lost), (3, 101));
    io.leg_stats(&figures(1, 4, 2));
    assert_eq!((io.counts.packets_late, io.counts.packets_lost), (4, 103));
}

#[test]
fn figures_of_legs_add_up_and_are_published() {
    let mut io = Io::default();
    leg(&mut io, 1, false);
    leg(&mut io, 2, false);
    io.leg_stats(&LegStats {
        late: 3,
        lost: 5,
        ..stats(1)
    });
    io.leg_stats(&LegStats {
        late: 4,
        lost: 4,
        ..stats(1)
    });
    io.leg_stats(&LegStats {
        late: 1,
        ..stats(2)
    });
    io.leg_stats(&LegStats {
        late: 9,
        ..stats(77)
    }); // of no leg here
    assert_eq!((io.counts.packets_late, io.counts.packets_lost), (5, 5));
    assert_eq!(io.leg_mut(LegId(1)).unwrap().leg.stats().unwrap().late, 4);
}
