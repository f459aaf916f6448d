//! Gives our binaries and tests an rpath to libtorch, so that they run without LD_LIBRARY_PATH, and
//! tells crates that depend on this one where libtorch is: `DEP_SQLTORCH_LIBTORCH_LIB`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // torch-sys tells every direct dependant where it found libtorch, whichever way that was.
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
        println!("cargo::metadata=libtorch_lib={folder}");
    }
}
