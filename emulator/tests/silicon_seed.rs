//! The seed tree: its bytes are an interface.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use puf_emulator::seed::SeedTree;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

fn first(node: &SeedTree) -> u64 {
    node.stream(0).next_u64()
}

/// The table of the door comment, written a second time.
#[test]
fn derivation_is_the_documented_one() {
    let root = blake3::derive_key("puflab seed-tree 1: root from u64", &7_u64.to_le_bytes());
    let child =
        blake3::derive_key("puflab seed-tree 1: label", &[&root[..], "noise".as_bytes()].concat());
    let grandchild = blake3::derive_key(
        "puflab seed-tree 1: index",
        &[&child[..], &300_u64.to_le_bytes()].concat(),
    );
    let mut chacha = ChaCha8Rng::from_seed(grandchild);
    chacha.set_stream(12);
    chacha.set_word_pos(345);
    let node = SeedTree::from_seed(7).child("noise").index(300);
    assert_eq!(node.stream(12).at(345).next_u64(), chacha.next_u64());

    let root = blake3::derive_key("puflab seed-tree 1: root from bytes", &[9; 32]);
    let expected = ChaCha8Rng::from_seed(root).next_u64();
    assert_eq!(first(&SeedTree::from_bytes(&[9; 32])), expected);
}

/// A change of these numbers is a change of every experiment ever stored.
#[test]
fn values_are_pinned() {
    let root = SeedTree::from_seed(0);
    let words = [
        first(&root),
        first(&root.child("device")),
        first(&root.index(1)),
        root.stream(u64::MAX).at(1 << 40).next_u64(),
    ];
    assert_eq!(
        words,
        [
            0x5a6d_c6ea_67e6_4aa6,
            0x1864_aef8_6c9c_1d76,
            0xf286_02ee_1203_cbd6,
            0xc1dd_55ab_5a08_9d3d
        ]
    );
}

#[test]
fn addresses_differ_and_none_is_another() {
    let root = SeedTree::from_seed(1);
    let nodes = [
        root.clone(),
        SeedTree::from_seed(2),
        SeedTree::from_bytes(&[0; 32]),
        root.child(""),
        root.child("a"),
        root.child("b"),
        root.child("ab"),
        root.child("a").child("b"),
        root.index(0),
        root.index(1),
        root.child("\0\0\0\0\0\0\0\0"),
        root.index(0).index(0),
    ];
    let mut words: Vec<u64> = nodes.iter().map(first).collect();
    words.extend((1..100).map(|stream| root.stream(stream).next_u64()));
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), count);
}

#[test]
fn any_position_reads_what_the_sequence_reads() {
    let node = SeedTree::from_seed(3);
    let mut stream = node.stream(5);
    let sequence: Vec<u32> = (0..300).map(|_| stream.next_u32()).collect();
    for position in [299_u64, 0, 15, 16, 17, 63, 64, 65, 255] {
        let word = node.stream(5).at(position).next_u32();
        assert_eq!(word, sequence[usize::try_from(position).unwrap()]);
    }
    let mut bytes = [0; 8];
    node.stream(5).fill_bytes(&mut bytes);
    assert_eq!(u64::from_le_bytes(bytes), node.stream(5).next_u64());
    let low_half_first = u64::from(sequence[1]) << 32 | u64::from(sequence[0]);
    assert_eq!(node.stream(5).next_u64(), low_half_first);
}

#[test]
fn nothing_secret_in_debug() {
    let node = SeedTree::from_seed(3);
    assert_eq!(format!("{node:?}"), "SeedTree(redacted)");
    assert_eq!(format!("{:?}", node.stream(0)), "SimulatedRng(redacted)");
}
