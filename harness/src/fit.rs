//! Fits: the numbers of the noise model that measured readouts are drawn from.
//!
//! The model is that of [`puf_emulator::silicon::process`]. A cell powers up as 1 with probability
//! `p = Phi(u)`, `u = (z - lambda2) / lambda1`, `z ~ N(0,1)` fixed per cell (R. Maes, CHES 2013), so
//! that its count of ones in `T` readouts is a mixture of binomials. Each function here takes a small
//! summary of readouts and returns estimates with intervals:
//!
//! | question | from | function |
//! |---|---|---|
//! | noise and bias of a device | [`OneCounts`] | [`two_parameter`] |
//! | cells that will ever flip, bit error rates | a [`TwoParameterFit`] | [`prediction`] |
//! | what a second condition or session changes | [`JointCounts`] | [`two_conditions`] |
//! | classes of cells with opposite bias | the values that cells prefer | [`polarity`], [`classes`] |
//! | readouts with a noise or an offset of their own | [`ReadoutOnes`] | [`readout_effects`] |
//! | whether a readout feels the one before | [`Distances`] | [`history`] |
//! | all of this as silicon to simulate | a list of [`DeviceFit`] | [`profile`] |
//!
//! All lengths on the axis of the skew are in standard deviations of the skew. Intervals are of 95 %
//! and hold if the model does: a poor [`Agreement`] says that they are too narrow.
//!
//! A good fit of the counts says nothing about entropy. Two classes of cells with opposite bias make a
//! histogram that no one can tell from that of unbiased cells with less noise; hence [`polarity`].

mod agreement;
mod classes;
mod counts;
mod error;
mod history;
mod joint;
mod mixture;
mod moments;
mod polarity;
pub mod prediction;
mod profile;
mod quadrature;
mod readout_effects;
mod scoring;
mod two_conditions;
mod two_parameter;
pub(crate) mod walsh;

pub use crate::metric::estimate::Estimate;
pub use agreement::Agreement;
pub use classes::{ClassFit, classes};
pub use counts::{MAX_READOUTS, OneCounts};
pub use error::FitError;
pub use history::{Distances, HistoryFit, history};
pub use joint::JointCounts;
pub use mixture::count_probabilities;
pub use moments::{Moments, moments};
pub use polarity::{PolarityFit, SHOWN, Split, polarity};
pub use prediction::TwoParameter;
pub use profile::{DeviceFit, common_mask, profile, profile_name};
pub use readout_effects::{
    Outlier, ReadoutEffect, ReadoutEffects, ReadoutOnes, Spread, readout_effects,
};
pub use two_conditions::{Compared, Condition, Drift, TwoConditionFit, two_conditions};
pub use two_parameter::{METHOD, TwoParameterFit, two_parameter};
