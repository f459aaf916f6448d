//! Checksums of everything in a model's folder.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The file of checksums; its last line is that of the lines before it.
pub const SUMS: &str = "SHA256SUMS";

/// The SHA-256 of `bytes`, in hexadecimal.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn of_file(path: &Path) -> Result<String> {
    let mut file = open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer).map_err(|e| unreadable(path, e))?;
        if n == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..n]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Opens a file of a stored model.
fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => Error::execution(format!("{} is missing", path.display())),
        _ => unreadable(path, e),
    })
}

fn unreadable(path: &Path, e: std::io::Error) -> Error {
    Error::io(format!("can't read {}", path.display()), e)
}

/// The error for a file whose bytes are not those that were written.
pub fn damaged(path: &Path) -> Error {
    Error::execution(format!(
        "{} is damaged: its checksum does not match",
        path.display()
    ))
}

/// The whole of a small file of a stored model.
///
/// # Errors
/// `Execution` when it is missing, `Io` when it can't be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(path, e))?;
    Ok(bytes)
}

/// The checksums of a version's files, by name.
#[derive(Clone, Debug)]
pub struct Sums {
    lines: Vec<(String, String)>,
    /// The checksum of all of them: what tells one version's content from another's.
    pub digest: String,
}

impl Sums {
    /// Computes the checksums of `files` in `folder` and writes them beside them.
    ///
    /// # Errors
    /// `Io` when a file can't be read or written.
    pub fn write(folder: &Path, files: &[&str]) -> Result<()> {
        let mut text = String::new();
        for file in files {
            text += &line(&of_file(&folder.join(file))?, file);
        }
        text += &line(&of_bytes(text.as_bytes()), SUMS);
        let path = folder.join(SUMS);
        std::fs::write(&path, text)
            .map_err(|e| Error::io(format!("can't write {}", path.display()), e))
    }

    /// Reads the checksums of `folder` and verifies their own.
    ///
    /// # Errors
    /// `Execution` when the file is missing or damaged.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(SUMS);
        let text = String::from_utf8(read(&path)?).map_err(|_| damaged(&path))?;
        let mut lines: Vec<(String, String)> = text
            .lines()
            .map(|l| l.split_once("  ").map(|(s, f)| (f.into(), s.into())))
            .collect::<Option<_>>()
            .ok_or_else(|| damaged(&path))?;
        let (_, digest) = lines.pop().ok_or_else(|| damaged(&path))?;
        let body: String = lines.iter().map(|(file, sum)| line(sum, file)).collect();
        let sums = Self {
            digest: of_bytes(body.as_bytes()),
            lines,
        };
        // The text must be to the letter what would be written now.
        if digest != sums.digest || text != body + &line(&sums.digest, SUMS) {
            return Err(damaged(&path));
        }
        Ok(sums)
    }

    /// The bytes of a small file of `folder`, verified.
    ///
    /// # Errors
    /// `Execution` when it is missing or damaged.
    pub fn read_file(&self, folder: &Path, file: &str) -> Result<Vec<u8>> {
        let path = folder.join(file);
        let bytes = read(&path)?;
        match self.expected(file) {
            Some(sum) if sum == of_bytes(&bytes) => Ok(bytes),
            _ => Err(damaged(&path)),
        }
    }

    /// Verifies every file of `folder`.
    ///
    /// # Errors
    /// `Execution` for the first that is missing or damaged.
    pub fn verify(&self, folder: &Path) -> Result<()> {
        for (file, sum) in &self.lines {
            let path = folder.join(file);
            if &of_file(&path)? != sum {
                return Err(damaged(&path));
            }
        }
        Ok(())
    }

    fn expected(&self, file: &str) -> Option<&str> {
        let found = self.lines.iter().find(|(name, _)| name == file);
        found.map(|(_, sum)| sum.as_str())
    }
}

fn line(sum: &str, file: &str) -> String {
    format!("{sum}  {file}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_bit_is_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "alpha").unwrap();
        std::fs::write(folder.path().join("b"), "beta").unwrap();
        Sums::write(folder.path(), &["a", "b"]).unwrap();
        let check = || Sums::read(folder.path()).and_then(|s| s.verify(folder.path()));
        check().unwrap();
        for file in ["a", "b", SUMS] {
            let path = folder.path().join(file);
            let good = std::fs::read(&path).unwrap();
            for at in 0..good.len() {
                for bit in [1u8, 0x20] {
                    let mut bad = good.clone();
                    bad[at] ^= bit;
                    std::fs::write(&path, &bad).unwrap();
                    let text = check().unwrap_err().to_string();
                    assert!(
                        text.contains("damaged") || text.contains("missing"),
                        "{text}"
                    );
                }
            }
            std::fs::write(&path, &good).unwrap();
        }
        std::fs::remove_file(folder.path().join("b")).unwrap();
        assert!(check().unwrap_err().to_string().ends_with("b is missing"));
    }

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn is_sha_256() {
        assert!(of_bytes(b"abc").starts_with("ba7816bf8f01cfea"));
    }
}
