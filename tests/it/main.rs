//! Tests of the program and of the library from outside: one binary, a module each.

mod cli;
mod differential;
mod generate;
mod layering;
mod models;
mod planner;
mod predict;
mod quality;
mod readme;
mod source;
mod store;
mod time;
