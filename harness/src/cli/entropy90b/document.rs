//! The findings as JSON.

use serde_json::{Map, Value, json};

use super::{Arguments, Findings, Shape};
use crate::cli::session::{inputs, shown};
use crate::report::json::Document;
use crate::sp80090b::iid::Iid;
use crate::sp80090b::iid::chi_square::ChiSquare;
use crate::sp80090b::order::Order;
use crate::sp80090b::restart::Restart;
use crate::sp80090b::{Assessment, Estimator, Figure, RECOMMENDED_SAMPLES, Sequence};

pub(super) fn document(found: &Findings, arguments: &Arguments) -> Document {
    let main = found.main();
    let matrix = &found.source.matrix;
    let shape = |Shape { rows, columns }| json!([rows, columns]);
    let inputs = inputs([
        ("file", shown(&arguments.file)),
        ("bits_per_symbol", json!(main.bits_per_symbol)),
        ("symbols", json!(arguments.symbols)),
        ("bit_order", json!(format!("{:?}", arguments.bit_order).to_lowercase())),
        ("record_bytes", json!(arguments.record_bytes)),
        ("order", json!(arguments.order.map(|order| order.order().name()))),
        ("iid", json!(arguments.iid)),
        ("restart", arguments.restart.map_or(Value::Null, shape)),
        ("initial", json!(arguments.initial)),
        ("require", json!(arguments.require)),
        ("estimators", json!(asked(arguments))),
        ("samples", json!(arguments.samples)),
    ]);
    let mut results = assessed(main);
    results.insert("order".into(), json!(found.orders[0].0.name()));
    results.insert("rows".into(), json!(matrix.rows()));
    results.insert("columns".into(), json!(matrix.columns()));
    results.insert("enough_samples".into(), json!(main.original.samples >= RECOMMENDED_SAMPLES));
    results.insert("orders".into(), orders(&found.orders, found.has_rows));
    results.insert("min_entropy_of_all_orders".into(), json!(found.least()));
    results.extend(found.iid.as_ref().map(|found| ("iid".into(), iid(found))));
    results.extend(found.restart.as_ref().map(|found| ("restart".into(), restart(found))));
    results.extend(found.required.map(|required| {
        ("required".into(), json!({ "min_entropy": required, "met": found.least() >= required }))
    }));
    Document::new("entropy90b", found.seed, inputs, Value::Object(results))
}

fn asked(arguments: &Arguments) -> Option<Vec<&'static str>> {
    let names: Vec<_> = arguments.estimator.iter().map(|name| name.0.name()).collect();
    (!names.is_empty()).then_some(names)
}

/// The orders beside each other; `null` where the file has no rows and they are one.
fn orders(orders: &[(Order, Assessment)], has_rows: bool) -> Value {
    if !has_rows {
        return Value::Null;
    }
    let order = |(order, assessment): &(Order, Assessment)| {
        (order.name().to_owned(), Value::Object(assessed(assessment)))
    };
    Value::Object(orders.iter().map(order).collect())
}

fn assessed(assessment: &Assessment) -> Map<String, Value> {
    let Assessment { bits_per_symbol, alphabet, original, bitstring, min_entropy } = assessment;
    let mut results = Map::new();
    results.insert("min_entropy".into(), json!(min_entropy));
    results.insert("h_original".into(), json!(original.min_entropy));
    let h_bitstring = bitstring.as_ref().map(|bitstring| bitstring.min_entropy);
    results.insert("h_bitstring".into(), json!(h_bitstring));
    results.insert("bits_per_symbol".into(), json!(bits_per_symbol));
    results.insert("alphabet".into(), json!(alphabet));
    results.extend(sequence(original));
    results.extend(
        bitstring.as_ref().map(|bitstring| {
            ("bitstring".to_owned(), Value::Object(sequence(bitstring).collect()))
        }),
    );
    results
}

fn sequence(sequence: &Sequence) -> impl Iterator<Item = (String, Value)> + use<> {
    let (mut estimators, mut details, mut left_out) = (Map::new(), Map::new(), Map::new());
    for (estimator, found) in &sequence.estimates {
        let name = estimator.name().to_owned();
        match found {
            Ok(found) => {
                let figures = found.figures.iter().map(|&(name, figure)| {
                    let value = match figure {
                        Figure::Count(count) => json!(count),
                        Figure::Real(real) => json!(real),
                    };
                    (name.to_owned(), value)
                });
                estimators.insert(name.clone(), json!(found.min_entropy));
                details.insert(name, Value::Object(figures.collect()));
            }
            Err(why) => {
                left_out.insert(name, json!(why.to_string()));
            }
        }
    }
    [
        ("samples".to_owned(), json!(sequence.samples)),
        (
            "decided_by".to_owned(),
            json!(sequence.least().map(|(who, _): (Estimator, _)| who.name())),
        ),
        ("estimators".to_owned(), Value::Object(estimators)),
        ("details".to_owned(), Value::Object(details)),
        ("left_out".to_owned(), Value::Object(left_out)),
    ]
    .into_iter()
}

fn iid(found: &Iid) -> Value {
    let chi_square = |found: ChiSquare| {
        json!({
            "t": found.t, "degrees_of_freedom": found.degrees, "p_value": found.p_value,
            "passed": found.passed(),
        })
    };
    let statistics = found.permutation.ranks.iter().map(|rank| {
        let [larger, same, smaller] = rank.counts;
        let value = json!({
            "value": rank.value, "larger": larger, "same": same, "smaller": smaller,
            "passed": rank.passed(),
        });
        (rank.name.to_owned(), value)
    });
    json!({
        "passed": found.passed(),
        "min_entropy_if_iid": found.min_entropy_if_iid,
        "chi_square_independence": chi_square(found.independence),
        "chi_square_goodness_of_fit": chi_square(found.goodness_of_fit),
        "longest_repeated_substring": {
            "p_col": found.longest_repeat.p_col, "w": found.longest_repeat.w,
            "p_value": found.longest_repeat.p_value, "passed": found.longest_repeat.passed(),
        },
        "permutation": {
            "passed": found.permutation.passed(),
            "permutations": found.permutation.permutations,
            "statistics": Value::Object(statistics.collect()),
        },
    })
}

fn restart(found: &Restart) -> Value {
    let sanity = found.sanity;
    json!({
        "passed": found.passed(),
        "min_entropy": found.min_entropy,
        "h_initial": found.initial,
        "h_row": found.rows.min_entropy,
        "h_column": found.columns.min_entropy,
        "validated": found.validated,
        "sanity": {
            "passed": sanity.passed, "alpha": sanity.alpha, "cutoff_in_row": sanity.cutoff_in_row,
            "cutoff_in_column": sanity.cutoff_in_column,
            "most_in_row": sanity.most_in_row, "most_in_column": sanity.most_in_column,
        },
        "rows": Value::Object(sequence(&found.rows).collect()),
        "columns": Value::Object(sequence(&found.columns).collect()),
    })
}
