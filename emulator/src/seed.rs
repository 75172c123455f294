//! The seed tree: every random number of a simulation has an address.
//!
//! One root seed grows a tree of 32-byte nodes; a node offers 2^64 streams of random words, each of
//! which can be read from any position. What a number is depends on its address alone (path from
//! the root, stream, position), never on what was drawn before it: readouts, devices and trials can
//! be computed in any order, on any number of threads, with the same bytes.
//!
//! # The derivation
//!
//! The bytes are an interface: a change is a decision that changes every stored experiment. With
//! `derive_key` that of BLAKE3 (its specification, section 2.3) and integers in little-endian bytes,
//!
//! | node | 32 bytes |
//! |---|---|
//! | root of a 64-bit seed | `derive_key("puflab seed-tree 1: root from u64", seed)` |
//! | root of 32 bytes | `derive_key("puflab seed-tree 1: root from bytes", bytes)` |
//! | child with a label | `derive_key("puflab seed-tree 1: label", node ‖ label in UTF-8)` |
//! | child with a number | `derive_key("puflab seed-tree 1: index", node ‖ number as u64)` |
//!
//! Stream `s` of a node is the key stream of ChaCha8 in Bernstein's layout, with the node as key, `s`
//! as the 64-bit nonce and a 64-bit block counter from 0; position `p` is its 32-bit word `p`.
//!
//! # Simulated is not cryptographic
//!
//! [`SimulatedRng`] implements [`rand_core::Rng`] and deliberately not `CryptoRng`: whoever knows the
//! root seed, typically a small number printed in a report, knows every number of the tree. A
//! function that asks for a `CryptoRng` cannot be given one by mistake.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;

use chacha20::ChaCha8;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng, TryRng};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A node of the seed tree: the origin of labelled children and of addressed streams.
///
/// The silicon of an emulated chip follows from its node, so a node is as secret as the chip's
/// responses: redacted in `Debug`, wiped when dropped.
///
/// ```
/// use puf_emulator::seed::SeedTree;
/// use rand_core::Rng;
///
/// let device = SeedTree::from_seed(7).child("device").index(3);
/// let mut noise = device.child("noise").stream(12);
/// let first = noise.next_u32();
/// assert_ne!(first, noise.next_u32());
/// assert_eq!(first, device.child("noise").stream(12).next_u32());
/// ```
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SeedTree {
    node: [u8; 32],
}

impl SeedTree {
    /// The tree of a 64-bit seed, the form in which people write seeds.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self::derive(ROOT_FROM_U64, &[&seed.to_le_bytes()])
    }

    /// The tree of 32 bytes, for a root with the entropy of a key.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self::derive(ROOT_FROM_BYTES, &[bytes])
    }

    /// The child called `label`: one for each purpose that draws random numbers.
    #[must_use]
    pub fn child(&self, label: &str) -> Self {
        Self::derive(LABEL, &[&self.node, label.as_bytes()])
    }

    /// Child number `index`: one for each device, shard or trial.
    #[must_use]
    pub fn index(&self, index: u64) -> Self {
        Self::derive(INDEX, &[&self.node, &index.to_le_bytes()])
    }

    /// Stream `stream_id` of this node, at position 0.
    #[must_use]
    pub fn stream(&self, stream_id: u64) -> SimulatedRng {
        let mut chacha = ChaCha8Rng::from_seed(self.node);
        chacha.set_stream(stream_id);
        SimulatedRng { chacha }
    }

    fn derive(context: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            hasher.update(part);
        }
        Self { node: *hasher.finalize().as_bytes() }
    }
}

impl fmt::Debug for SeedTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeedTree(redacted)")
    }
}

/// A stream of simulated randomness that can be read from any position.
///
/// Also the generator of an *emulated* chip, for the seeds and nonces it draws at enrolment: give
/// each purpose a stream of its own. See the [module](self) for why it is no `CryptoRng`; nor is its
/// state wiped.
#[derive(Clone)]
pub struct SimulatedRng {
    chacha: ChaCha8Rng,
}

impl SimulatedRng {
    /// Moves to 32-bit word `position` of the stream.
    #[must_use]
    pub fn at(mut self, position: u64) -> Self {
        self.chacha.set_word_pos(position.into());
        self
    }
}

impl TryRng for SimulatedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.chacha.next_u32())
    }

    /// Two words of the stream, the low half first.
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.chacha.next_u64())
    }

    /// Words of the stream in little-endian bytes; what is left of the last word is dropped.
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.chacha.fill_bytes(bytes);
        Ok(())
    }
}

impl fmt::Debug for SimulatedRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatedRng(redacted)")
    }
}

/// The words of a stream, many at a time: for simulations that are limited by their randomness.
///
/// The same words as [`SimulatedRng`]'s, from word position `section * 2^36` of a stream on, made by
/// another implementation of the same cipher that takes up to sixteen blocks side by side.
#[derive(Default)]
pub(crate) struct KeyStream {
    cipher: Option<ChaCha8>,
    // Words drawn ahead: those from `next` to `end` are still to be taken.
    words: Vec<[u8; 8]>,
    next: usize,
    end: usize,
    drawn: u64,
}

impl KeyStream {
    /// Goes to section `section` of stream `stream_id` of `node`.
    pub(crate) fn restart(&mut self, node: &SeedTree, stream_id: u64, section: u32) {
        // Bernstein's 64-bit counter has the section as its high half: which is where the cipher of
        // RFC 8439 has the first word of its nonce.
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&section.to_le_bytes());
        nonce[4..].copy_from_slice(&stream_id.to_le_bytes());
        self.cipher = Some(ChaCha8::new(&node.node.into(), &nonce.into()));
        (self.next, self.end) = (0, 0);
    }

    /// The next `count` 64-bit words, in little-endian bytes. Some `ahead` more will be taken soon:
    /// what is drawn together is drawn faster.
    pub(crate) fn take(&mut self, count: usize, ahead: usize) -> &[[u8; 8]] {
        if self.end - self.next < count {
            self.draw(count + ahead);
        }
        self.drawn += count as u64;
        self.next += count;
        &self.words[self.next - count..self.next]
    }

    /// The next 64-bit word: two words of the stream, the low half first.
    #[inline]
    pub(crate) fn next_u64(&mut self) -> u64 {
        if self.next == self.end {
            self.draw(1);
        }
        self.drawn += 1;
        self.next += 1;
        u64::from_le_bytes(self.words[self.next - 1])
    }

    /// 64-bit words taken since the beginning.
    pub(crate) fn words_drawn(&self) -> u64 {
        self.drawn
    }

    /// Has at least `count` words ahead, those that are there included.
    fn draw(&mut self, count: usize) {
        /// Four blocks of 64 bytes: fewer at a time are slower.
        const STRIDE: usize = 32;
        self.words.copy_within(self.next..self.end, 0);
        let there = self.end - self.next;
        self.next = 0;
        self.end = there + (count - there).next_multiple_of(STRIDE);
        if self.words.len() < self.end {
            self.words.resize(self.end, [0; 8]);
        }
        match &mut self.cipher {
            Some(cipher) => {
                cipher.write_keystream(self.words[there..self.end].as_flattened_mut());
            }
            None => unreachable!("a stream is gone to before it is read"),
        }
    }
}

const ROOT_FROM_U64: &str = "puflab seed-tree 1: root from u64";
const ROOT_FROM_BYTES: &str = "puflab seed-tree 1: root from bytes";
const LABEL: &str = "puflab seed-tree 1: label";
const INDEX: &str = "puflab seed-tree 1: index";
