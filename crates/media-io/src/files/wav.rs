//! The 44 bytes before the samples of a WAV file.

/// Samples are 8 kHz, 16 bits, little-endian.
const RATE: u32 = 8000;
const SAMPLE_BYTES: u16 = 2;
pub(super) const HEADER_LEN: u32 = 44;
/// What fits the 32-bit lengths of the format.
pub(super) const MAX_DATA: u32 = u32::MAX - HEADER_LEN;

/// The header of a file with that much data.
pub(super) fn header(channels: u16, data_bytes: u32) -> [u8; HEADER_LEN as usize] {
    let frame = channels * SAMPLE_BYTES;
    let mut out = [0; HEADER_LEN as usize];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"RIFF");
    put(&(data_bytes + HEADER_LEN - 8).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16u32.to_le_bytes());
    put(&1u16.to_le_bytes()); // PCM
    put(&channels.to_le_bytes());
    put(&RATE.to_le_bytes());
    put(&(RATE * u32::from(frame)).to_le_bytes());
    put(&frame.to_le_bytes());
    put(&(SAMPLE_BYTES * 8).to_le_bytes());
    put(b"data");
    put(&data_bytes.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stereo_header() {
        let expected = b"RIFF\x24\x01\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\
            \x40\x1f\x00\x00\x00\x7d\x00\x00\x04\x00\x10\x00data\x00\x01\x00\x00";
        assert_eq!(&header(2, 256), expected);
    }
}
