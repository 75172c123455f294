//! The suffixes of a sequence in order, and what neighbours in that order have in common.
//!
//! A substring that occurs `c` times is a common beginning of `c` suffixes that are neighbours in
//! lexicographic order (Manber, Myers, 1993). The order is found in three steps:
//!
//! 1. by the first 16 bits, counting;
//! 2. within each of those buckets by the next 32 bits, sorting words of 64 bits, each a piece of text
//!    above the place it is from;
//! 3. for the few suffixes that still agree, by doubling: what `h` symbols order, order in pairs `2h`
//!    symbols (Larsson, Sadakane, 2007, section 3).
//!
//! Random data are done after the second step; a period takes `log2(n/48)` rounds of the third, and no
//! data more. The text is packed, so that one comparison looks at 64 bits of it; for a million bits it
//! stays in the cache of a core.

/// Lengths of the longest common beginnings of neighbouring suffixes: element `i` belongs to suffixes
/// `i - 1` and `i` in lexicographic order, element 0 is 0.
///
/// `alphabet` is the number of symbols, numbered from 0. At most 2^32 - 2 samples.
pub(super) fn common_prefixes(samples: &[u8], alphabet: usize) -> Vec<u32> {
    let text = Text::new(samples, alphabet);
    let mut order = by_first_bits(&text);
    let mut ranks = refine(&text, &mut order);

    // The suffix before each, by place (Kärkkäinen, Manzini, Puglisi, 2009).
    ranks.clear();
    ranks.resize(text.len, NONE);
    let mut before = NONE;
    for &place in &order {
        ranks[place as usize] = before;
        before = place;
    }
    // The suffix one further on has at most one symbol less in common with its neighbour.
    let mut common = 0_usize;
    for (place, neighbour) in ranks.iter_mut().enumerate() {
        common = match *neighbour {
            NONE => 0,
            other => text.common(place, other as usize, common.saturating_sub(1)),
        };
        *neighbour = index(common);
    }
    for entry in &mut order {
        *entry = ranks[*entry as usize];
    }
    order
}

/// No suffix: there is none before the first.
const NONE: u32 = u32::MAX;

/// A number of samples or a place among them, which [`Text::new`] has bounded.
#[allow(clippy::cast_possible_truncation, reason = "fewer samples than 2^32, checked once")]
fn index(n: usize) -> u32 {
    n as u32
}

/// The place in a key.
#[allow(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
fn low_half(key: u64) -> u32 {
    key as u32
}

/// Symbols packed to as few bits as they take, the first one in the most significant bits.
struct Text {
    words: Vec<u64>,
    /// Bits of a symbol.
    width: usize,
    /// Symbols of the first two steps, 48 bits or a little less.
    first: usize,
    len: usize,
}

/// Bits of the buckets.
const BUCKET_BITS: usize = 16;

impl Text {
    fn new(samples: &[u8], alphabet: usize) -> Self {
        assert!(samples.len() < NONE as usize, "more samples than a place has bits for");
        let width = (usize::BITS - (alphabet.max(2) - 1).leading_zeros()) as usize;
        // Two words of zeros at the end, so that a window always has a next word.
        let mut words = vec![0_u64; (samples.len() * width).div_ceil(64) + 2];
        let (mut word, mut held, mut next) = (0_u64, 0, 0);
        for &sample in samples {
            let sample = u64::from(sample);
            held += width;
            if held < 64 {
                word = word << width | sample;
            } else {
                held -= 64;
                words[next] = word << (width - held) | sample >> held;
                next += 1;
                word = sample & ((1 << held) - 1);
            }
        }
        if held > 0 {
            words[next] = word << (64 - held);
        }
        Self { words, width, first: 48 / width, len: samples.len() }
    }

    /// The 64 bits from a place on, zeros after the end.
    fn window(&self, place: usize) -> u64 {
        let bit = place * self.width;
        let (word, shift) = (bit / 64, bit % 64);
        // In two steps, for a shift of 64 bits is none.
        self.words[word] << shift | self.words[word + 1] >> 1 >> (63 - shift)
    }

    /// How many symbols two suffixes have in common, of which `known` are known.
    fn common(&self, a: usize, b: usize, known: usize) -> usize {
        let all = self.len - a.max(b);
        let mut common = known;
        while common < all {
            let differing = self.window(a + common) ^ self.window(b + common);
            let same = differing.leading_zeros() as usize / self.width;
            common += same;
            if same < 64 / self.width {
                break;
            }
        }
        common.min(all)
    }
}

/// The suffixes by their first [`Text::first`] symbols; among equals the shorter, which comes later in
/// the text, is first.
fn by_first_bits(text: &Text) -> Vec<u32> {
    let used = text.first * text.width;
    let bucket = |window: u64| (window >> (64 - BUCKET_BITS)) as usize;
    let mut starts = vec![0_u32; (1 << BUCKET_BITS) + 1];
    for place in 0..text.len {
        starts[bucket(text.window(place)) + 1] += 1;
    }
    for b in 0..1 << BUCKET_BITS {
        starts[b + 1] += starts[b];
    }
    let mut order = vec![0_u32; text.len];
    let mut next = starts.clone();
    for place in 0..text.len {
        let slot = &mut next[bucket(text.window(place))];
        order[*slot as usize] = index(place);
        *slot += 1;
    }
    let mut keys = Vec::new();
    let after_bucket = (1_u64 << (used - BUCKET_BITS)) - 1;
    for bounds in starts.windows(2) {
        let bucket = &mut order[bounds[0] as usize..bounds[1] as usize];
        if bucket.len() < 2 {
            continue;
        }
        keys.clear();
        keys.extend(bucket.iter().map(|&place| {
            let piece = text.window(place as usize) >> (64 - used) & after_bucket;
            piece << 32 | u64::from(!place)
        }));
        keys.sort_unstable();
        for (slot, key) in bucket.iter_mut().zip(&keys) {
            *slot = !low_half(*key);
        }
    }
    order
}

/// Orders the suffixes that agree in their first symbols. Gives back memory for a number per suffix.
fn refine(text: &Text, order: &mut [u32]) -> Vec<u32> {
    let mut depth = text.first;
    let mut groups = tied(text, order, depth);
    if groups.is_empty() {
        return Vec::with_capacity(order.len());
    }
    // The place in the order, for all of a group that of its first.
    let mut ranks = vec![0_u32; order.len()];
    for (rank, &place) in (0..).zip(order.iter()) {
        ranks[place as usize] = rank;
    }
    for &(start, end) in &groups {
        for &place in &order[start..end] {
            ranks[place as usize] = index(start);
        }
    }
    let mut keys: Vec<(u32, u32)> = Vec::new();
    while !groups.is_empty() {
        let mut left = Vec::new();
        for &(start, end) in &groups {
            let group = &mut order[start..end];
            keys.clear();
            // What ends there is before all that goes on.
            let rank = |place: u32| ranks.get(place as usize + depth).map_or(0, |rank| rank + 1);
            keys.extend(group.iter().map(|&place| (rank(place), place)));
            keys.sort_unstable();
            let mut first = 0;
            for (i, (slot, &(key, place))) in group.iter_mut().zip(&keys).enumerate() {
                if key != keys[first].0 {
                    if i - first > 1 {
                        left.push((start + first, start + i));
                    }
                    first = i;
                }
                *slot = place;
                ranks[place as usize] = index(start + first);
            }
            if keys.len() - first > 1 {
                left.push((start + first, end));
            }
        }
        groups = left;
        depth *= 2;
    }
    ranks
}

/// Neighbours that agree in `depth` symbols, all of them, as ranges of the order.
fn tied(text: &Text, order: &[u32], depth: usize) -> Vec<(usize, usize)> {
    let used = depth * text.width;
    // A suffix that ends before is not tied: zeros after its end are no symbols.
    let key = |&place: &u32| {
        let place = place as usize;
        (place + depth <= text.len).then(|| text.window(place) >> (64 - used))
    };
    let mut groups = Vec::new();
    let mut start = 0;
    let mut current = None;
    for (i, place) in order.iter().enumerate() {
        let found = key(place);
        if found.is_none() || found != current {
            if i - start > 1 {
                groups.push((start, i));
            }
            start = i;
            current = found;
        }
    }
    if order.len() - start > 1 {
        groups.push((start, order.len()));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same by sorting slices.
    fn plain(samples: &[u8]) -> Vec<u32> {
        let mut suffixes: Vec<&[u8]> = (0..samples.len()).map(|i| &samples[i..]).collect();
        suffixes.sort_unstable();
        let common = |a: &[u8], b: &[u8]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
        let pairs = suffixes.windows(2).map(|pair| index(common(pair[0], pair[1])));
        std::iter::once(0).chain(pairs).collect()
    }

    #[track_caller]
    fn check(samples: &[u8], alphabet: usize) {
        assert_eq!(common_prefixes(samples, alphabet), plain(samples), "{samples:?}");
    }

    #[test]
    fn periods_and_constants() {
        for len in [1, 2, 3, 47, 48, 49, 63, 64, 65, 96, 97, 200, 1000] {
            check(&vec![0; len], 2);
            check(&vec![1; len], 2);
            check(&vec![255; len], 256);
            for period in [2, 3, 7, 50, 64, 129] {
                let periodic: Vec<u8> = (0..len).map(|i| u8::from(i % period < 2)).collect();
                check(&periodic, 2);
                let last: Vec<u8> = (0..len).map(|i| u8::from(i + 1 == len)).collect();
                check(&last, 2);
            }
        }
    }

    #[test]
    fn a_long_period_is_ordered_in_a_few_rounds() {
        let samples: Vec<u8> = (0..200_000_u32).map(|i| u8::from(i % 7 < 4)).collect();
        let common = common_prefixes(&samples, 2);
        assert_eq!(common.iter().max(), Some(&(200_000 - 7)));
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_sorted_slices(
            (alphabet, samples) in (1_usize..=256).prop_flat_map(|k| {
                let largest = u8::try_from(k - 1).unwrap();
                (Just(k), proptest::collection::vec(0..=largest, 1..400))
            }),
        ) {
            prop_assert_eq!(common_prefixes(&samples, alphabet), plain(&samples));
        }

        #[test]
        fn repeats_are_found_at_every_depth(
            block in proptest::collection::vec(0_u8..=1, 1..150),
            gap in proptest::collection::vec(0_u8..=1, 0..20),
            times in 1_usize..5,
        ) {
            let samples = [block.as_slice(), &gap].concat().repeat(times);
            prop_assert_eq!(common_prefixes(&samples, 2), plain(&samples));
        }
    }
}
