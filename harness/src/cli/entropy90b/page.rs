//! The findings as a page.

use anstyle::Style;

use super::Findings;
use crate::cli::session::{count, plain};
use crate::cli::words::{BAD, BOLD, GOOD, line, thousands};
use crate::sp80090b::iid::Iid;
use crate::sp80090b::iid::statistics::COUNT;
use crate::sp80090b::order::Order;
use crate::sp80090b::restart::Restart;
use crate::sp80090b::{Assessment, Estimate, Estimator, Figure, LeftOut, RECOMMENDED_SAMPLES};

const DIM: Style = Style::new().dimmed();

pub(super) fn page(found: &Findings) -> String {
    let mut page = String::new();
    title(&mut page, found);
    match found.orders.as_slice() {
        [(_, assessment)] => estimators(&mut page, assessment),
        orders => beside_each_other(&mut page, orders),
    }
    if let Some(iid) = &found.iid {
        iid_tests(&mut page, iid);
    }
    if let Some(restart) = &found.restart {
        restart_tests(&mut page, restart);
    }
    meaning(&mut page, found);
    if let Some(required) = found.required {
        let least = found.least();
        let (style, word) = if least >= required { (GOOD, "met") } else { (BAD, "NOT MET") };
        line(
            &mut page,
            format_args!(
                "\n{style}{word}{style:#}: {required} was required, {least:.6} is assessed"
            ),
        );
    }
    page
}

fn title(page: &mut String, found: &Findings) {
    let main = found.main();
    let samples = thousands(main.original.samples);
    let what = match main.bits_per_symbol {
        1 => "bits".to_owned(),
        bits => format!("symbols of {bits} bits, {} different ones,", main.alphabet),
    };
    let matrix = &found.source.matrix;
    let rows = if found.has_rows {
        format!(", {} of {}", count(matrix.rows(), "row"), thousands(matrix.columns()))
    } else {
        String::new()
    };
    let name = plain(&found.source.name);
    line(
        page,
        format_args!(
            "{BOLD}{samples} {what} of {name}{BOLD:#}{rows}: NIST SP 800-90B, section 6.3"
        ),
    );
    if let [(order, _)] = found.orders.as_slice()
        && *order != Order::Row
    {
        line(page, format_args!("in {} order", order.name()));
    }
    page.push('\n');
}

/// Width of the estimators' names.
const NAME: usize = 26;

fn estimators(page: &mut String, assessment: &Assessment) {
    let original = &assessment.original;
    let Some(bitstring) = &assessment.bitstring else {
        line(page, format_args!("  {:<NAME$}  min-entropy  from", "estimator"));
        let least = original.least().map(|(who, _)| who);
        for (estimator, found) in &original.estimates {
            let row = match found {
                Ok(found) => {
                    let figures = figures(*estimator, found);
                    format!("{:>11.6}  {DIM}{figures}{DIM:#}", found.min_entropy)
                }
                Err(why) => format!("{:>11}  {DIM}{why}{DIM:#}", "-"),
            };
            name(page, *estimator, least == Some(*estimator), &row);
        }
        return verdict(page, assessment);
    };
    line(page, format_args!("  {:<NAME$}   per symbol      per bit", "estimator"));
    let least = decisive(assessment);
    for ((estimator, symbols), (_, bits)) in original.estimates.iter().zip(&bitstring.estimates) {
        let row = format!("{:>11}  {:>11}", cell(symbols), cell(bits));
        name(page, *estimator, least == Some(*estimator), &row);
    }
    let (h_original, h_bitstring) = (original.min_entropy, bitstring.min_entropy);
    line(page, format_args!("  {:<NAME$}  {h_original:>11.6}  {h_bitstring:>11.6}", "least"));
    for (estimator, found) in &original.estimates {
        if let Err(why) = found
            && !matches!(why, LeftOut::BitsOnly | LeftOut::NotAsked)
        {
            line(page, format_args!("  {}: {why}", estimator.title()));
        }
    }
    verdict(page, assessment);
}

/// The estimator that decides, of symbols or of their bits.
fn decisive(assessment: &Assessment) -> Option<Estimator> {
    let bits = f64::from(assessment.bits_per_symbol);
    let by_bits = assessment.bitstring.as_ref().and_then(|bitstring| bitstring.least());
    let by_bits = by_bits.map(|(who, h)| (who, bits * h));
    let both = assessment.original.least().into_iter().chain(by_bits);
    both.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(who, _)| who)
}

fn cell(found: &Result<Estimate, LeftOut>) -> String {
    found.as_ref().map_or_else(|_| "-".to_owned(), |found| format!("{:.6}", found.min_entropy))
}

fn name(page: &mut String, estimator: Estimator, is_least: bool, row: &str) {
    let (mark, style) = if is_least { ('>', BOLD) } else { (' ', Style::new()) };
    line(page, format_args!("{style}{mark} {:<NAME$}  {row}{style:#}", estimator.title()));
}

/// The numbers of an estimate that say most; a document has them all.
fn figures(estimator: Estimator, found: &Estimate) -> String {
    let wanted: &[&str] = match estimator {
        Estimator::MostCommonValue => &["mode_count", "p_u"],
        Estimator::Collision => &["v", "x_bar_lower", "p"],
        Estimator::Markov => &["p_1", "p_01", "p_10"],
        Estimator::Compression => &["v", "x_bar_lower", "p"],
        Estimator::TTuple => &["t", "p_u"],
        Estimator::Lrs => &["u", "v", "p_u"],
        Estimator::MultiMcw | Estimator::Lag | Estimator::MultiMmc | Estimator::Lz78y => {
            &["c", "n", "r", "p_global_upper", "p_local"]
        }
    };
    let shown = found.figures.iter().filter(|(name, _)| wanted.contains(name));
    let shown = shown.map(|(name, figure)| match figure {
        Figure::Count(count) => format!("{name} {}", thousands(*count)),
        Figure::Real(real) => format!("{name} {real:.5}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn verdict(page: &mut String, assessment: &Assessment) {
    let h = assessment.min_entropy;
    let by = decisive(assessment).map_or(String::new(), |who| format!(", by {}", who.title()));
    let of = match assessment.bits_per_symbol {
        1 => "bit per bit".to_owned(),
        bits => format!("bits per symbol of {bits} bits"),
    };
    line(page, format_args!("\n  {BOLD}min-entropy {h:.6} {of}{BOLD:#}{by}"));
}

fn beside_each_other(page: &mut String, orders: &[(Order, Assessment)]) {
    let heads = orders.iter().map(|(order, _)| format!("{:>11}", order.name()));
    let heads = heads.collect::<Vec<_>>().join("  ");
    line(page, format_args!("  {:<NAME$}  {heads}", "estimator, by order"));
    let symbols = |a: &Assessment, estimator| {
        a.original.estimate(estimator).map(|found| found.min_entropy).or_else(|| {
            // What is defined for bits only is shown as it counts: times the bits of a symbol.
            let found = a.bitstring.as_ref()?.estimate(estimator)?;
            Some(f64::from(a.bits_per_symbol) * found.min_entropy)
        })
    };
    for estimator in Estimator::ALL {
        let cells = orders.iter().map(|(_, a)| {
            let value = symbols(a, estimator);
            format!("{:>11}", value.map_or("-".to_owned(), |value| format!("{value:.6}")))
        });
        let row = cells.collect::<Vec<_>>().join("  ");
        line(page, format_args!("  {:<NAME$}  {row}", estimator.title()));
    }
    let least = orders.iter().map(|(_, a)| format!("{:>11.6}", a.min_entropy));
    let least = least.collect::<Vec<_>>().join("  ");
    line(page, format_args!("  {BOLD}{:<NAME$}  {least}{BOLD:#}", "min-entropy"));
    if orders.iter().any(|(_, a)| a.bitstring.is_some()) {
        line(
            page,
            format_args!("  (bits per symbol; the last line also counts the symbols' bits)"),
        );
    }
}

fn passed(passed: bool) -> String {
    let (style, word) = if passed { (GOOD, "passed") } else { (BAD, "FAILED") };
    format!("{style}{word}{style:#}")
}

fn iid_tests(page: &mut String, found: &Iid) {
    line(
        page,
        format_args!("\n{BOLD}Independent and identically distributed?{BOLD:#} (section 5)"),
    );
    for (name, test) in [
        ("chi-square, independence", found.independence),
        ("chi-square, goodness of fit", found.goodness_of_fit),
    ] {
        let (verdict, t, degrees) = (passed(test.passed()), test.t, test.degrees);
        let p = test.p_value;
        line(
            page,
            format_args!(
                "  {name:<27}  {verdict}  p {p:.4}, T {t:.2}, {degrees} degrees of freedom"
            ),
        );
    }
    let (verdict, w) = (passed(found.longest_repeat.passed()), found.longest_repeat.w);
    let p = found.longest_repeat.p_value;
    line(
        page,
        format_args!(
            "  {:<27}  {verdict}  p {p:.4}, longest repeat {w}",
            "longest repeated substring"
        ),
    );
    let failed: Vec<&str> =
        found.permutation.ranks.iter().filter(|r| !r.passed()).map(|r| r.name).collect();
    let made = thousands(found.permutation.permutations);
    let what = if failed.is_empty() {
        format!("all {COUNT} statistics after {made} permutations")
    } else {
        format!("{} in {made} permutations", failed.join(", "))
    };
    let verdict = passed(found.permutation.passed());
    line(page, format_args!("  {:<27}  {verdict}  {what}", "permutation test"));
    if found.passed() {
        let h = found.min_entropy_if_iid;
        line(
            page,
            format_args!(
                "  No test objects. If the source is known to be IID, it is assessed at {h:.6}."
            ),
        );
    } else {
        line(page, format_args!("  Not IID: the estimators above decide."));
    }
}

fn restart_tests(page: &mut String, found: &Restart) {
    let sanity = found.sanity;
    line(page, format_args!("\n{BOLD}Restarts{BOLD:#} (section 3.1.4)"));
    let verdict = passed(sanity.passed);
    let in_row =
        format!("{} times in a row of at most {}", sanity.most_in_row, sanity.cutoff_in_row);
    let in_column = format!("{} in a column of {}", sanity.most_in_column, sanity.cutoff_in_column);
    line(
        page,
        format_args!("  {:<18}  {verdict}  the same value {in_row}, {in_column}", "sanity check"),
    );
    let (verdict, initial) = (passed(found.validated), found.initial);
    let (h_r, h_c) = (found.rows.min_entropy, found.columns.min_entropy);
    line(
        page,
        format_args!(
            "  {:<18}  {verdict}  {h_r:.6} by rows, {h_c:.6} by columns; half of the initial {initial:.6} is asked",
            "validation"
        ),
    );
    if found.passed() {
        line(
            page,
            format_args!(
                "  {BOLD}min-entropy {:.6}{BOLD:#}: the least of the three",
                found.min_entropy
            ),
        );
    } else {
        line(page, format_args!("  No entropy is awarded: the source starts too much alike."));
    }
}

fn meaning(page: &mut String, found: &Findings) {
    line(page, format_args!("\n{BOLD}What it means{BOLD:#}"));
    let mut say = |text: &str| line(page, format_args!("  {text}"));
    if found.some_only {
        say("Some of the estimators only: this is no assessment by the standard.");
    }
    if found.main().original.samples < RECOMMENDED_SAMPLES {
        say("Fewer than the 1,000,000 samples that the standard asks for: an indication only.");
    }
    say("A lower bound, the least of ten views of one sequence, and no proof of randomness.");
    if found.main().bits_per_symbol == 1 {
        say(
            "Its scale ends below 1: perfect coins of a million bits are assessed at 0.81 to 0.92.",
        );
    }
    match found.orders.as_slice() {
        [(Order::Row, _)] if !found.has_rows => {
            say(
                "Only the order of the file was looked at. Cells that are alike in every chip or along",
            );
            say(
                "every column look like a perfect coin in it: give --record-bytes N, and the columns",
            );
            say("are assessed as well.");
        }
        [_] if found.restart.is_some() => {}
        [_] => {
            say("One order of the cells only: without --order all three stand beside each other.");
        }
        orders => {
            let of = |wanted| orders.iter().find(|(order, _)| *order == wanted);
            if let (Some((_, row)), Some((_, column))) = (of(Order::Row), of(Order::Column)) {
                let (row, column) = (row.min_entropy, column.min_entropy);
                if column < 0.75 * row {
                    say(&format!(
                        "Along rows {row:.4}, along columns {column:.4}: the rows are much alike. Who knows one"
                    ));
                    say(
                        "knows most of another. If rows are readouts of one chip, so they should be: give a row",
                    );
                    say(
                        "of each chip to see what chips share. If they are chips, the lower figure is the one.",
                    );
                } else if row < 0.75 * column {
                    say(&format!(
                        "Along rows {row:.4}, along columns {column:.4}: neighbours in a row depend on each other."
                    ));
                } else {
                    say(
                        "By rows, by columns and shuffled is much the same: no order hides a pattern that these",
                    );
                    say("estimators see.");
                }
            }
            say("Shuffled, only the proportions are left: what is lower than that is structure.");
        }
    }
    if let Some(seed) = found.seed {
        say(&format!("seed {seed}"));
    }
}
