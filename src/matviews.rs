//! Materialized views that are kept fresh: when, how, in which order, and when not at all.
//!
//! *Observe*: what a view reads comes from its rewritten query, and whether that changed from the
//! server's own counters. *Decide*: pure files say whether the counters can tell (`trust`), what
//! differs (`fingerprint`), how (`method`) and in which order (`order`) views are refreshed.
//! *Apply*: a job per view runs `pgopt.refresh_scheduled`; the worker asks [`precheck()`] first.

mod all;
mod api;
mod builtin;
mod facts;
mod fingerprint;
mod method;
mod observe;
mod order;
mod precheck;
mod refresh;
mod scheduled;
mod scheduling;
mod store;
mod trust;
mod unique;
mod views;

pub(crate) use precheck::precheck;
