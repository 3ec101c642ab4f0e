//! Memory asked for before it is needed.

use std::ptr::from_ref;

/// What comes from memory at once.
const LINE: usize = 64;

/// Begin to fetch all of a value, and wait for nothing. A hint: where the processor has no such
/// instruction that we know of, it does nothing.
#[inline]
pub fn prefetch<T>(value: &T) {
    let start = from_ref(value).cast::<i8>();
    for offset in (0..size_of::<T>()).step_by(LINE) {
        prefetch_line(start.wrapping_add(offset));
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
#[inline]
fn prefetch_line(address: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: it reads nothing, and no address makes it fault.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn prefetch_line(_address: *const i8) {}
