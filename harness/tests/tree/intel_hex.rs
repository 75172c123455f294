//! Writing Intel HEX, for the tests of its reader and its benchmark.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]
#![allow(dead_code, unreachable_pub, reason = "shared by tests, none of which needs all of it")]

/// One record of Intel HEX with its checksum and a line end.
pub fn record(offset: u16, kind: u8, data: &[u8]) -> String {
    let [high, low] = offset.to_be_bytes();
    let mut bytes = vec![u8::try_from(data.len()).unwrap(), high, low, kind];
    bytes.extend_from_slice(data);
    let sum = bytes.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    bytes.push(sum.wrapping_neg());
    let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!(":{digits}\n")
}

/// A file of Intel HEX with memory from an address in the upper half on.
pub fn write(upper: u16, memory: &[u8]) -> String {
    let mut text = String::new();
    for (place, data) in memory.chunks(16).enumerate() {
        let offset = 16 * place;
        if offset.is_multiple_of(1 << 16) {
            let upper = upper + u16::try_from(offset >> 16).unwrap();
            text += &record(0, 4, &upper.to_be_bytes());
        }
        text += &record(u16::try_from(offset & 0xffff).unwrap(), 0, data);
    }
    text + &record(0, 1, &[])
}
