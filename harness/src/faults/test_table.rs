//! How often planted faults are found, and how often clean sets are taken for faulty.
//!
//! Every kind is planted at several strengths in simulated sets of 16,384 cells and 15 readouts (text
//! order: 8192 cells and 400 readouts) of several sorts of silicon. Found means: the kind is named,
//! with just the readouts or some of the cells that are at fault. The table is what the test prints.

mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use fuzzy_extractor::bits::BitString;
    use puf_emulator::seed::SeedTree;
    use puf_emulator::silicon::{
        Environment, HistoryLaw, PolarityLaw, Process, ReadoutLaw, SramArray, VariationLaw,
    };
    use rand_core::Rng;
    use rayon::prelude::*;

    use super::super::test_sets::*;
    use super::super::{Finding, Kind, Severity};

    const CELLS: usize = 1 << 14;
    const READOUTS: u64 = 15;

    type Rows = Vec<BitString>;
    /// Plants a fault in clean rows, with random numbers, and says what readouts and cells are at fault.
    type Planter = dyn Fn(&mut Rows, &mut dyn Rng) -> (Vec<usize>, Vec<usize>) + Sync;

    fn of(parameters: &'static [(&'static str, f64)]) -> Process {
        let value_of =
            |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|p| p.1);
        Process::from_parameters(value_of).unwrap()
    }

    /// Sorts of silicon, each with what was measured somewhere.
    fn silicon() -> Vec<(&'static str, Process)> {
        let varying = VariationLaw::new(0.05, 0.05).unwrap();
        let polarity = |mask, amplitude| PolarityLaw::new(mask, amplitude, 0.05).unwrap();
        let readout = |cv, sd, first| ReadoutLaw::new(cv, sd, first).unwrap();
        let plain = typical().with_variation(varying);
        vec![
            ("typical", plain),
            ("74 % ones", of(&[("lambda1", 0.11), ("lambda2", -0.65)])),
            ("polarity", plain.with_polarity(polarity(0b11_0000, 0.65))),
            ("noisy", Process::from_ber(0.15).unwrap().with_variation(varying)),
            ("uneven", plain.with_readout(readout(0.07, 0.02, 0.1))),
        ]
    }

    /// Sorts of silicon that are harder on the detectors, for clean sets only.
    fn odd_silicon() -> Vec<(&'static str, Process)> {
        let polarity = |mask, amplitude| PolarityLaw::new(mask, amplitude, 0.0).unwrap();
        let readout = |cv, sd, first| ReadoutLaw::new(cv, sd, first).unwrap();
        vec![
            ("quiet", of(&[("lambda1", 0.05)])),
            ("very noisy", Process::from_ber(0.25).unwrap()),
            ("polarity of bit 5", typical().with_polarity(polarity(1 << 5, 0.3))),
            ("polarity of bit 12", typical().with_polarity(polarity(1 << 12, -0.65))),
            (
                "74 % ones by bit 3",
                of(&[("lambda1", 0.11), ("lambda2", -0.5)]).with_polarity(polarity(8, 0.3)),
            ),
            ("history", typical().with_history(HistoryLaw::new(0.05).unwrap())),
            ("first readout", typical().with_readout(readout(0.07, 0.0, 0.13))),
            (
                "uneven and noisy",
                Process::from_ber(0.2).unwrap().with_readout(readout(0.07, 0.05, 0.1)),
            ),
        ]
    }

    /// A fault to plant.
    struct Plant {
        kind: Kind,
        strength: String,
        /// Whether it is documented to be found.
        is_sure: bool,
        plant: Box<Planter>,
    }

    fn plant(
        kind: Kind,
        strength: impl Into<String>,
        is_sure: bool,
        plant: impl Fn(&mut Rows, &mut dyn Rng) -> (Vec<usize>, Vec<usize>) + Sync + 'static,
    ) -> Plant {
        Plant { kind, strength: strength.into(), is_sure, plant: Box::new(plant) }
    }

    fn chance(rng: &mut dyn Rng) -> f64 {
        f64::from(rng.next_u32()) / 4_294_967_296.0
    }

    fn choice(len: usize, probability: f64, rng: &mut dyn Rng) -> BitString {
        (0..len).map(|_| chance(rng) < probability).collect()
    }

    /// The part of random flips that takes a readout to `times` the usual distance, or to a third of the cells:
    /// farther away it is taken for that of another die.
    fn flips_for(times: f64, rows: &Rows) -> f64 {
        let usual = rows[3].distance(&rows[4]) as f64 / rows[3].len() as f64;
        ((times * usual).min(0.335) - usual) / (1.0 - 2.0 * usual)
    }

    /// Another die of the same sort.
    fn stranger(rows: &Rows, rng: &mut dyn Rng) -> Rows {
        let ones = rows[0].weight() as f64 / rows[0].len() as f64;
        let die = choice(rows[0].len(), ones, rng);
        let noisy = |rng: &mut dyn Rng| {
            let mut row = die.clone();
            row.xor_assign(&choice(row.len(), 0.03, rng));
            row
        };
        rows.iter().map(|_| noisy(rng)).collect()
    }

    fn all_cells(cells: std::ops::Range<usize>) -> Vec<usize> {
        cells.collect()
    }

    fn readout_plants() -> Vec<Plant> {
        let mut plants = Vec::new();
        for (ones, count, sure) in
            [(0.85, 3, false), (0.95, 1, true), (0.994, 3, true), (0.994, 15, true)]
        {
            let strength = format!("{count} of 15 with {ones} ones");
            plants.push(plant(Kind::DeadReadouts, strength, sure, move |rows, rng| {
                let dead: Vec<usize> = (15 - count..15).collect();
                dead.iter().for_each(|&j| rows[j] = choice(CELLS, ones, rng));
                (dead, vec![])
            }));
        }
        for (times, sure) in [(1.5, false), (2.0, false), (2.2, false), (2.5, true), (4.0, true)] {
            for (kind, readout) in [(Kind::FirstReadout, 0), (Kind::FarReadouts, 7)] {
                plants.push(plant(
                    kind,
                    format!("{times} times as far"),
                    sure,
                    move |rows, rng| {
                        let flips = choice(CELLS, flips_for(times, rows), rng);
                        rows[readout].xor_assign(&flips);
                        (vec![readout], vec![])
                    },
                ));
            }
            plants.push(plant(
                Kind::SeveralModes,
                format!("5 of 15 {times} times as far"),
                sure,
                move |rows, rng| {
                    let flips = choice(CELLS, flips_for(times, rows), rng);
                    let far: Vec<usize> = vec![2, 3, 8, 9, 14];
                    far.iter().for_each(|&j| rows[j].xor_assign(&flips));
                    (far, vec![])
                },
            ));
        }
        for count in [1, 3, 7] {
            plants.push(plant(
                Kind::OtherDevice,
                format!("{count} of 15"),
                true,
                move |rows, rng| {
                    let others = stranger(rows, rng);
                    let far: Vec<usize> = (0..count).map(|j| 2 * j + 1).collect();
                    far.iter().for_each(|&j| rows[j] = others[j].clone());
                    (far, vec![])
                },
            ));
        }
        for count in [1, 5] {
            plants.push(plant(
                Kind::DuplicateReadouts,
                format!("{count} of 15"),
                true,
                move |rows, _| {
                    let copies: Vec<usize> = (15 - count..15).collect();
                    copies.iter().for_each(|&j| rows[j] = rows[j - 8].clone());
                    (copies, vec![])
                },
            ));
        }
        for (held, sure) in [(0.3, false), (0.5, false), (0.7, true), (0.9, true)] {
            let strength = format!("{:.0} % of the cells hold, once", 100.0 * held);
            plants.push(plant(Kind::NoPowerOff, strength, sure, move |rows, rng| {
                let held = choice(CELLS, held, rng);
                let before = rows[7].clone();
                held.ones().for_each(|cell| rows[8].set(cell, before.get(cell)));
                (vec![8], vec![])
            }));
        }
        plants.push(plant(Kind::NoPowerOff, "2 of 15 distinct", true, |rows, _| {
            (1..15)
                .filter(|&j| j != 9)
                .for_each(|j| rows[j] = rows[if j < 9 { 0 } else { 9 }].clone());
            ((1..15).filter(|&j| j != 9).collect(), vec![])
        }));
        plants
    }

    fn cell_plants() -> Vec<Plant> {
        let mut plants = Vec::new();
        let fill =
            |rows: &mut Rows, cells: std::ops::Range<usize>, which: std::ops::Range<usize>| {
                rows[which]
                    .iter_mut()
                    .for_each(|row| cells.clone().for_each(|cell| row.set(cell, false)));
                (vec![], all_cells(cells))
            };
        for (len, sure) in [(16, false), (32, false), (64, true)] {
            plants.push(plant(
                Kind::ConstantRun,
                format!("last {len} cells"),
                sure,
                move |rows, _| fill(rows, CELLS - len..CELLS, 0..15),
            ));
        }
        for (len, sure) in [(32, false), (64, false), (128, true), (CELLS / 2, true)] {
            plants.push(plant(
                Kind::ConstantRun,
                format!("{len} cells amidst"),
                sure,
                move |rows, _| fill(rows, 4096..4096 + len, 0..15),
            ));
        }
        for (len, sure) in [(32, false), (128, true), (512, true)] {
            let strength = format!("last {len} cells of one readout");
            plants.push(plant(Kind::ConstantRun, strength, sure, move |rows, _| {
                fill(rows, CELLS - len..CELLS, 5..6);
                (vec![5], vec![])
            }));
        }
        for (len, sure) in [(128, false), (256, false), (512, true), (2048, true)] {
            plants.push(plant(Kind::StuckCells, format!("{len} cells"), sure, move |rows, rng| {
                let pattern = choice(len, 0.5, rng);
                rows.iter_mut().for_each(|row| row.write(5000, &pattern));
                (vec![], all_cells(5000..5000 + len))
            }));
        }
        for (width, sure) in [(8, true), (32, true), (64, true)] {
            let strength = format!("a position of each {width}");
            plants.push(plant(Kind::DeadDataLine, strength, sure, move |rows, _| {
                let dead: Vec<usize> = (3..CELLS).step_by(width).collect();
                rows.iter_mut().for_each(|row| dead.iter().for_each(|&cell| row.set(cell, false)));
                (vec![], dead)
            }));
        }
        for (bit, part, sure) in [
            (8, 0.4, false),
            (8, 0.8, true),
            (1, 1.0, true),
            (5, 1.0, true),
            (8, 1.0, true),
            (13, 1.0, true),
        ] {
            let strength = format!("bit {bit}, {:.0} % of the cells", 100.0 * part);
            plants.push(plant(Kind::DeadAddressLine, strength, sure, move |rows, rng| {
                let reached = choice(CELLS, part, rng);
                let copies: Vec<usize> =
                    (0..CELLS).filter(|&cell| cell >> bit & 1 == 1 && reached.get(cell)).collect();
                for row in rows.iter_mut() {
                    copies.iter().for_each(|&cell| row.set(cell, row.get(cell ^ 1 << bit)));
                }
                (vec![], copies)
            }));
        }
        for (page, overlap, sure) in [(256, 8, false), (256, 16, true), (256, 128, true)] {
            let strength = format!("pages of {page} bytes, {overlap} too many");
            plants.push(plant(Kind::RepeatedWords, strength, sure, move |rows, _| {
                let (page, step) = (8 * page, 8 * (page - overlap));
                let from = |cell: usize| cell / page * step + cell % page;
                for row in rows.iter_mut() {
                    *row = (0..CELLS).map(|cell| row.get(from(cell))).collect();
                }
                (vec![], (page..CELLS).filter(|cell| cell % page < page - step).collect())
            }));
        }
        for (bytes, sure) in [(16, false), (32, true), (256, true)] {
            let strength = format!("{bytes} bytes, once");
            plants.push(plant(Kind::RepeatedWords, strength, sure, move |rows, _| {
                for row in rows.iter_mut() {
                    let copy = row.slice(1024, 8 * bytes);
                    row.write(9000, &copy);
                }
                (vec![], all_cells(9000..9000 + 8 * bytes))
            }));
        }
        plants
    }

    /// Readouts and cells at fault.
    struct Place(Vec<usize>, Vec<usize>);

    impl Place {
        /// Whether a finding names just the readouts, and half of the cells or more.
        fn is_of(&self, finding: &Finding) -> bool {
            let Self(readouts, cells) = self;
            let is_named = |cell: &&usize| finding.cells.iter().any(|range| range.contains(*cell));
            finding.readouts == *readouts
                && 2 * cells.iter().filter(is_named).count() >= cells.len()
        }
    }

    /// Of so many, how many were found, and how many had another fault named.
    #[derive(Default)]
    struct Score {
        sets: usize,
        found: usize,
        others: BTreeMap<&'static str, usize>,
    }

    impl Score {
        /// Examines sets that have a fault of a kind, at readouts and cells that are known, or of which
        /// nothing is asked.
        fn of(kind: Kind, sets: u64, make: impl Fn(u64) -> (Rows, Option<Place>) + Sync) -> Self {
            let examined = (0..sets).into_par_iter().map(|seed| {
                let (rows, place) = make(seed);
                let findings = examine(&rows);
                let is_found = findings
                    .iter()
                    .any(|f| f.kind == kind && place.as_ref().is_none_or(|p| p.is_of(f)));
                let other = |f: &Finding| f.severity() == Severity::Fault && f.kind != kind;
                (
                    is_found,
                    findings.into_iter().filter(other).map(|f| f.kind.name()).collect::<Vec<_>>(),
                )
            });
            let mut score = Self::default();
            for (is_found, others) in examined.collect::<Vec<_>>() {
                score.sets += 1;
                score.found += usize::from(is_found);
                others.into_iter().for_each(|name| *score.others.entry(name).or_default() += 1);
            }
            score
        }

        fn others(scores: &[Self]) -> String {
            let mut all: BTreeMap<&str, usize> = BTreeMap::new();
            for (name, count) in scores.iter().flat_map(|score| &score.others) {
                *all.entry(name).or_default() += count;
            }
            let said: Vec<String> =
                all.iter().map(|(name, count)| format!("{name} {count}")).collect();
            said.join(", ")
        }
    }

    fn detection(sets: u64) {
        let sorts = silicon();
        let mut table = String::from("| kind | strength | found, of all |");
        sorts.iter().for_each(|(name, _)| write!(table, " {name} |").unwrap());
        table += " another fault named |\n|---|---|---|---|---|---|---|---|---|\n";
        let mut missed = Vec::new();
        for plant in readout_plants().into_iter().chain(cell_plants()) {
            let scores: Vec<Score> = sorts
                .iter()
                .map(|(_, process)| {
                    Score::of(plant.kind, sets, |seed| {
                        let mut rows = rows_of(*process, CELLS, READOUTS, seed);
                        let mut rng = SeedTree::from_seed(seed).child("plant").stream(0);
                        let (readouts, cells) = (plant.plant)(&mut rows, &mut rng);
                        (rows, Some(Place(readouts, cells)))
                    })
                })
                .collect();
            let sum = |what: fn(&Score) -> usize| scores.iter().map(what).sum::<usize>();
            let (found, all, others) = (sum(|s| s.found), sum(|s| s.sets), Score::others(&scores));
            write!(table, "| {} | {} | {found} of {all} |", plant.kind.name(), plant.strength)
                .unwrap();
            scores.iter().for_each(|score| write!(table, " {} |", score.found).unwrap());
            writeln!(table, " {others} |").unwrap();
            // Of 1000 at 99.9 %, fewer than 990 have a chance below 1e-7.
            if plant.is_sure && found * 100 < all * 99 {
                missed.push(format!(
                    "{} at {}: {found} of {all}",
                    plant.kind.name(),
                    plant.strength
                ));
            }
        }
        println!("{table}");
        assert!(missed.is_empty(), "{missed:#?}");
    }

    /// Text order under drift, and ones by address.
    fn detection_by_drift_and_address(sets: u64) {
        let print = |kind: Kind, strength: String, score: Score, is_sure: bool| {
            let Score { sets, found, others } = score;
            println!("| {} | {strength} | {found} of {sets} |", kind.name());
            assert!(!is_sure || found * 100 >= sets * 99, "{strength}: {found} of {sets}");
            assert!(others.is_empty(), "{others:?}");
        };
        println!("| kind | strength | found |\n|---|---|---|");
        for (degrees, is_sure) in
            [(2.5, false), (5.0, false), (10.0, false), (20.0, false), (40.0, true)]
        {
            for as_text in [true, false] {
                let make = |seed| (drifting(400, 1 << 13, degrees, as_text, seed), None);
                let found = Score::of(Kind::TextOrder, sets, make);
                if as_text {
                    print(
                        Kind::TextOrder,
                        format!("{degrees} degrees in 400 readouts"),
                        found,
                        is_sure,
                    );
                } else {
                    assert_eq!(found.found, 0, "{degrees} degrees in their own order");
                }
            }
        }
        for (amplitude, is_sure) in [(0.03, false), (0.06, false), (0.15, true), (0.3, true)] {
            let law = PolarityLaw::new(0b10_0001_0000, amplitude, 0.0).unwrap();
            let make = |seed| (rows_of(typical().with_polarity(law), CELLS, READOUTS, seed), None);
            let strength = format!("amplitude {amplitude}");
            print(Kind::AddressClass, strength, Score::of(Kind::AddressClass, sets, make), is_sure);
        }
    }

    /// Readouts of a die that warms up, in their order or in that of their numbers as text.
    fn drifting(readouts: u64, cells: usize, degrees: f64, as_text: bool, seed: u64) -> Rows {
        let die = SramArray::manufacture(typical(), cells, &SeedTree::from_seed(seed)).unwrap();
        let mut numbers: Vec<u64> = (1..=readouts).collect();
        if as_text {
            numbers.sort_by_key(u64::to_string);
        }
        let at = |number: u64| {
            let celsius = 25.0 + degrees * number as f64 / readouts as f64;
            die.power_up(&Environment::default().at_celsius(celsius).unwrap(), number)
        };
        numbers.into_iter().map(at).collect()
    }

    /// Names and dies: `count` dies at two conditions, one fault at a time.
    fn detection_between(sets: u64) {
        let warm = |die: u64| rows_of(typical(), 4096, 5, die);
        let cold = |die: u64| later(4096, 5, die);
        let score =
            |kind: Kind, make: &(dyn Fn(u64) -> Vec<(&'static str, &'static str, Rows)> + Sync)| {
                let one = |seed| kinds(&compare(&make(10 * seed)));
                let all: Vec<Vec<Kind>> = (0..sets).into_par_iter().map(one).collect();
                let found = all.iter().filter(|kinds| kinds.contains(&kind)).count();
                println!("| {} | {found} of {sets} |", kind.name());
                assert_eq!(found as u64, sets, "{kind:?}");
                let other = |k: &&Kind| **k != kind && k.severity() == Severity::Fault;
                assert_eq!(all.iter().flatten().filter(other).count(), 0, "{kind:?}");
            };
        println!("| kind | found |\n|---|---|");
        score(Kind::SharedReadouts, &|d| {
            let (a, mut b) = (warm(d), warm(d + 1));
            b[2] = a[4].clone();
            vec![("a", "", a), ("b", "", b)]
        });
        score(Kind::SameDie, &|d| {
            vec![("a", "", warm(d)), ("b", "", warm(d + 1)), ("c", "", cold(d))]
        });
        score(Kind::RelabelledDevice, &|d| {
            vec![("a", "warm", warm(d)), ("b", "warm", warm(d + 1)), ("a", "cold", cold(d + 2))]
        });
        score(Kind::PermutedLabels, &|d| {
            let warm = [("a", "warm", warm(d)), ("b", "warm", warm(d + 1))];
            let cold = [("a", "cold", cold(d + 1)), ("b", "cold", cold(d))];
            warm.into_iter().chain(cold).collect()
        });
    }

    /// Clean sets of all sorts and sizes, drifting ones among them: no fault in any.
    fn false_alarms(rounds: u64) {
        let sizes = [
            (64, 2),
            (64, 40),
            (100, 3),
            (128, 200),
            (1000, 1),
            (1001, 7),
            (4096, 85),
            (8192, 5),
            (12_288, 2),
            (16_384, 15),
            (65_536, 4),
            (98_304, 20),
        ];
        let sorts: Vec<_> = silicon().into_iter().chain(odd_silicon()).collect();
        let mut sets = Vec::new();
        for round in 0..rounds {
            for (sort, &(name, process)) in sorts.iter().enumerate() {
                for (size, &(cells, readouts)) in sizes.iter().enumerate() {
                    sets.push((
                        name,
                        process,
                        cells,
                        readouts,
                        round * 10_000 + 100 * sort as u64 + size as u64,
                    ));
                }
            }
        }
        let step = Environment::default().at_celsius(-16.0).unwrap();
        let examine_one =
            |&(name, process, cells, readouts, seed): &(&'static str, Process, usize, u64, u64)| {
                let rows = match seed % 4 {
                    // A step of 41 degrees on the way.
                    0 => {
                        let mut rows = rows_of(process, cells, readouts, seed);
                        rows.extend(rows_at(process, cells, readouts..2 * readouts, seed, &step));
                        rows
                    }
                    _ => rows_of(process, cells, readouts, seed),
                };
                let findings = examine(&rows);
                let faults: Vec<String> = findings
                    .into_iter()
                    .filter(|finding| finding.severity() == Severity::Fault)
                    .map(|finding| format!("{name} {cells} x {readouts}, {seed}: {finding:?}"))
                    .collect();
                faults
            };
        let alarms: Vec<String> = sets.par_iter().flat_map_iter(examine_one).collect();
        println!("{} clean sets, {} false alarms", sets.len(), alarms.len());
        assert!(alarms.is_empty(), "{alarms:#?}");
    }

    #[test]
    fn planted_faults_are_found_and_clean_sets_are_not_taken_for_faulty() {
        detection(2);
        detection_between(2);
        false_alarms(1);
    }

    /// 200 sets a strength: of those documented to be found, two may be missed.
    #[test]
    #[ignore = "long; stage 2"]
    fn table_of_detection() {
        detection(40);
    }

    #[test]
    #[ignore = "long; stage 2"]
    fn table_of_detection_by_drift_address_and_name() {
        detection_between(100);
        detection_by_drift_and_address(20);
    }

    /// By design a clean set has a false alarm with a probability of 1e-6 a detector and set at most: any
    /// of 1560 sets has one with 1.3 % or less. The seeds are fixed.
    #[test]
    #[ignore = "long; stage 2"]
    fn clean_sets_of_all_sorts_have_no_fault() {
        false_alarms(10);
    }
}
