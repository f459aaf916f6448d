//! The programs of a yardstick script.

use std::path::Path;
use std::process::Command;

use crate::Result;

/// The peers that the script knows.
pub const ALL: [&str; 4] = ["rechub", "torch", "torch-bf16", "onnx"];

/// What a peer printed.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Rows a second in training.
    pub train: f64,
    /// Rows a second in prediction.
    pub predict: f64,
}

/// Runs `script` for one peer.
pub fn run(python: &Path, script: &Path, peer: &str) -> Result<Peer> {
    let output = Command::new(python).arg(script).arg(peer).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    // Whatever else it prints, the line of results begins with the peer's name.
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{peer}: ")));
    let rate = |word: &str| {
        let (_, rest) = line?.split_once(&format!("{word} "))?;
        let (number, _) = rest.split_once(" rows/s")?;
        number.replace(',', "").parse().ok()
    };
    match (output.status.success(), rate("train"), rate("predict")) {
        (true, Some(train), Some(predict)) => Ok(Peer {
            name: peer.into(),
            train,
            predict,
        }),
        _ => Err(format!("{peer}: {text}{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}
