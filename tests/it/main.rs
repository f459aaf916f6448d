//! Tests of the program and of the library from outside: one binary, a module each.

mod layering;
mod store;
