//! The laboratory and the gate.
