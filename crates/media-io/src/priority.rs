//! How soon a media thread gets a processor that others use: packets wait for no call that is being set up.

use std::io;

/// Before everything that asked for nothing, and behind what a system keeps for itself.
const NICE: i32 = -10;
/// The least that may be asked for (Linux 6.12 on): who asks for short turns waits shortest for them.
const TURN_NS: u64 = 100_000;

/// The calling thread goes before others. Linux lets only the privileged do so (`CAP_SYS_NICE`, or an
/// `RLIMIT_NICE` of 30): without, it asks for short turns, which anybody may.
pub(crate) fn prefer() -> io::Result<()> {
    ask_for(NICE, 0).or_else(|_| ask_for(own_nice(), TURN_NS))
}

#[allow(unsafe_code)]
fn ask_for(nice: i32, turn_ns: u64) -> io::Result<()> {
    let wish = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: 0,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: turn_ns,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads a struct that says its own size; 0 is the calling thread.
    match unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wish, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[allow(unsafe_code)]
fn own_nice() -> i32 {
    // SAFETY: takes no pointers; 0 is the calling thread.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_goes_before_others_where_it_may_and_takes_none_along() {
        let before = own_nice();
        let of_the_other = std::thread::spawn(move || {
            let first = own_nice();
            prefer().map(|()| (first, own_nice()))
        });
        let (first, after) = of_the_other.join().unwrap().unwrap();
        assert_eq!(first, before);
        assert!(after == NICE || after == before, "{after}");
        assert_eq!(own_nice(), before);
    }
}
