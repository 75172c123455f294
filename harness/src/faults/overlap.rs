//! To come.
use super::finding::{Finding, Kind};
use super::{Detector, Examined};

pub(super) const DETECTOR: Detector = Detector { kinds: &[Kind::RepeatedWords], find };

fn find(_: &Examined<'_>) -> Vec<Finding> {
    Vec::new()
}
