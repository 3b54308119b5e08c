//! The fold: journal messages into state, one at a time, in journal order. Deterministic and total; an event id counts
//! once; a late event counts at its own time.
