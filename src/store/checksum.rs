//! Checksums of everything in a model's folder.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::files::{Files, Folder, unreadable};
use crate::error::{Error, Result};

/// The file of checksums; its last line is that of the lines before it.
pub const SUMS: &str = "SHA256SUMS";

/// The SHA-256 of `bytes`, in hexadecimal.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn of_file(files: &dyn Files, path: &Path) -> Result<String> {
    let mut file = files.open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer);
        let n = n.map_err(|e| unreadable(&files.shown(path), e))?;
        if n == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..n]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The error for a file whose bytes are not those that were written.
pub fn damaged(shown: &str) -> Error {
    Error::execution(format!("{shown} is damaged: its checksum does not match"))
}

/// The checksums of a version's files, by name.
#[derive(Clone, Debug)]
pub struct Sums {
    lines: Vec<(String, String)>,
    /// The checksum of all of them: what tells one version's content from another's.
    pub digest: String,
}

impl Sums {
    /// Computes the checksums of `files` in a folder of this machine and writes them beside them.
    ///
    /// # Errors
    /// `Io` when a file can't be read or written.
    pub fn write(folder: &Path, files: &[&str]) -> Result<()> {
        let mut text = String::new();
        let written = Folder(folder.to_path_buf());
        for file in files {
            text += &line(&of_file(&written, Path::new(file))?, file);
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
    pub fn read(files: &dyn Files, folder: &Path) -> Result<Self> {
        let path = folder.join(SUMS);
        let damaged = || damaged(&files.shown(&path));
        let text = String::from_utf8(files.read(&path)?).map_err(|_| damaged())?;
        let mut lines: Vec<(String, String)> = text
            .lines()
            .map(|l| l.split_once("  ").map(|(s, f)| (f.into(), s.into())))
            .collect::<Option<_>>()
            .ok_or_else(damaged)?;
        let (_, digest) = lines.pop().ok_or_else(damaged)?;
        let body: String = lines.iter().map(|(file, sum)| line(sum, file)).collect();
        let sums = Self {
            digest: of_bytes(body.as_bytes()),
            lines,
        };
        // The text must be to the letter what would be written now.
        if digest != sums.digest || text != body + &line(&sums.digest, SUMS) {
            return Err(damaged());
        }
        Ok(sums)
    }

    /// The bytes of a small file of `folder`, verified.
    ///
    /// # Errors
    /// `Execution` when it is missing or damaged.
    pub fn read_file(&self, files: &dyn Files, folder: &Path, file: &str) -> Result<Vec<u8>> {
        let path = folder.join(file);
        let bytes = files.read(&path)?;
        match self.expected(file) {
            Some(sum) if sum == of_bytes(&bytes) => Ok(bytes),
            _ => Err(damaged(&files.shown(&path))),
        }
    }

    /// Verifies every file of `folder`.
    ///
    /// # Errors
    /// `Execution` for the first that is missing or damaged.
    pub fn verify(&self, files: &dyn Files, folder: &Path) -> Result<()> {
        for (file, sum) in &self.lines {
            let path = folder.join(file);
            if &of_file(files, &path)? != sum {
                return Err(damaged(&files.shown(&path)));
            }
        }
        Ok(())
    }

    /// The names of the files, in the order in which they were written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(file, _)| file.as_str())
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
        let (files, root) = (Folder(folder.path().to_path_buf()), Path::new(""));
        let check = || Sums::read(&files, root).and_then(|s| s.verify(&files, root));
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
