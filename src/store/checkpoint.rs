//! The checkpoint of a training in a file beside the models, which no model's name begins like:
//! `.checkpoint-NAME`, safetensors with two tensors more, the text of what is no tensor and a checksum of
//! all others.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tch::Tensor;

use super::checksum;
use super::draft::{Draft, sync};
use crate::error::{Error, Result};
use crate::train::checkpoint::{Checkpoint, Checkpoints, Progress};

/// How the names of checkpoints begin.
const PREFIX: &str = ".checkpoint-";

/// The tensor of what is none.
const ABOUT: &str = "about";

/// The tensor of the checksum.
const SUM: &str = "sha256";

/// The checkpoint of one statement's training.
pub struct CheckpointFile {
    path: PathBuf,
    /// A folder on the same disk that vanishes with the training.
    scratch: PathBuf,
    statement: Map<String, Value>,
    resume: bool,
}

/// What is no tensor.
#[derive(Serialize, Deserialize)]
struct About {
    /// What the training was asked for.
    statement: Map<String, Value>,
    progress: Progress,
}

impl CheckpointFile {
    /// That of a training of model `name` in `root` which is what `statement` says and makes `draft`; `resume`
    /// is whether it is to go on from the one that is there.
    pub(super) fn new(
        root: &Path,
        name: &str,
        draft: &Draft,
        statement: Map<String, Value>,
        resume: bool,
    ) -> Self {
        Self {
            path: path(root, name),
            scratch: draft.scratch(),
            statement,
            resume,
        }
    }
}

impl Checkpoints for CheckpointFile {
    fn load(&self) -> Result<Option<Checkpoint>> {
        if !self.resume {
            return Ok(None);
        }
        let Some(Kept { about, tensors }) = read(&self.path)? else {
            return Ok(None);
        };
        let names = about.statement.keys().chain(self.statement.keys());
        let mut other =
            names.filter(|name| about.statement.get(*name) != self.statement.get(*name));
        if let Some(name) = other.next() {
            let show = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
            return Err(Error::plan(format!(
                "option resume: the training that was interrupted had another {name}, {}, not {}; leave resume \
                 out, and the training begins anew",
                show(about.statement.get(name)),
                show(self.statement.get(name))
            )));
        }
        Ok(Some(Checkpoint {
            progress: about.progress,
            tensors,
        }))
    }

    fn save(&self, checkpoint: &Checkpoint) -> Result<()> {
        let mut tensors = Vec::with_capacity(checkpoint.tensors.len() + 1);
        for (name, tensor) in &checkpoint.tensors {
            tensors.push((
                name.clone(),
                tensor.f_to_device(tch::Device::Cpu)?.f_contiguous()?,
            ));
        }
        tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
        let about = About {
            statement: self.statement.clone(),
            progress: checkpoint.progress.clone(),
        };
        let about = serde_json::to_vec(&about)
            .map_err(|e| Error::internal(format!("a checkpoint can't be written as JSON: {e}")))?;
        let sum = sum(&tensors, &about)?;
        tensors.push((ABOUT.into(), Tensor::f_from_slice(&about)?));
        tensors.push((SUM.into(), Tensor::f_from_slice(sum.as_bytes())?));
        let fail = |e| Error::io(format!("can't write {}", self.path.display()), e);
        let new = self.scratch.join("checkpoint");
        Tensor::write_safetensors(&tensors, &new)
            .map_err(|e| Error::execution(format!("can't write {}: {e}", new.display())))?;
        sync(&new)?;
        std::fs::rename(&new, &self.path).map_err(fail)?;
        Ok(())
    }
}

/// What the training of model `name` in `root` was asked for, if it has a checkpoint.
///
/// # Errors
/// `Execution` when the checkpoint is damaged.
pub(super) fn statement(root: &Path, name: &str) -> Result<Option<Map<String, Value>>> {
    Ok(read(&path(root, name))?.map(|kept| kept.about.statement))
}

/// What a file holds.
struct Kept {
    about: About,
    tensors: Vec<(String, Tensor)>,
}

/// Reads a checkpoint, if there is one.
fn read(path: &Path) -> Result<Option<Kept>> {
    if !path.exists() {
        return Ok(None);
    }
    let damaged = || {
        Error::execution(format!(
            "the checkpoint {} is damaged: leave resume out, and the training begins anew",
            path.display()
        ))
    };
    let mut tensors = Tensor::read_safetensors(path).map_err(|_| damaged())?;
    let mut take = |name: &str| {
        let at = tensors.iter().position(|(known, _)| known == name);
        let (_, tensor) = tensors.swap_remove(at.ok_or_else(damaged)?);
        Vec::<u8>::try_from(&tensor).map_err(|_| damaged())
    };
    let (about, written) = (take(ABOUT)?, take(SUM)?);
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    if written != sum(&tensors, &about)?.as_bytes() {
        return Err(damaged());
    }
    let about = serde_json::from_slice(&about).map_err(|_| damaged())?;
    Ok(Some(Kept { about, tensors }))
}

/// Removes the checkpoint of model `name`; whether there was one.
pub(super) fn remove(root: &Path, name: &str) -> bool {
    // One that can't be removed is asked about when somebody resumes.
    std::fs::remove_file(path(root, name)).is_ok()
}

fn path(root: &Path, name: &str) -> PathBuf {
    root.join(format!("{PREFIX}{name}"))
}

/// A checksum of tensors, their names, and a text.
fn sum(tensors: &[(String, Tensor)], about: &[u8]) -> Result<String> {
    let mut all = about.to_vec();
    for (name, tensor) in tensors {
        let bytes = tensor
            .f_contiguous()?
            .f_flatten(0, -1)?
            .f_view_dtype(tch::Kind::Uint8)?;
        all.extend(name.bytes());
        all.extend(Vec::<u8>::try_from(&bytes)?);
    }
    Ok(checksum::of_bytes(&all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(epochs: u64) -> Map<String, Value> {
        let mut statement = Map::new();
        statement.insert("epochs".into(), epochs.into());
        statement
    }

    fn checkpoint() -> Checkpoint {
        let mut checkpoint = Checkpoint::default();
        checkpoint.progress.epoch = 3;
        // No decimal fraction of few digits.
        checkpoint.progress.best = Some((2, 1.0006 / 7.));
        checkpoint.add("weights", &Tensor::from_slice(&[1f32, 2.]));
        checkpoint.count("step", 7);
        checkpoint
    }

    #[test]
    fn a_checkpoint_comes_back_to_who_asks_for_it() {
        let root = tempfile::tempdir().unwrap();
        let draft = Draft::new(root.path(), "m", 1).unwrap();
        let file = |resume| CheckpointFile::new(root.path(), "m", &draft, statement(5), resume);
        assert!(file(true).load().unwrap().is_none());
        file(false).save(&checkpoint()).unwrap();
        assert!(file(false).load().unwrap().is_none());
        let found = file(true).load().unwrap().unwrap();
        assert_eq!(found.progress, checkpoint().progress);
        assert_eq!(found.counted("step").unwrap(), 7);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 2);
        assert!(remove(root.path(), "m"));
        assert!(!remove(root.path(), "m"));
        assert!(file(true).load().unwrap().is_none());
    }

    #[test]
    fn that_of_another_training_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let draft = Draft::new(root.path(), "m", 1).unwrap();
        let file = |epochs| CheckpointFile::new(root.path(), "m", &draft, statement(epochs), true);
        file(5).save(&checkpoint()).unwrap();
        let error = file(6).load().unwrap_err().to_string();
        assert!(error.contains("another epochs, 5, not 6"), "{error}");
    }

    #[test]
    fn a_damaged_one_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let draft = Draft::new(root.path(), "m", 1).unwrap();
        let file = CheckpointFile::new(root.path(), "m", &draft, statement(5), true);
        file.save(&checkpoint()).unwrap();
        let good = std::fs::read(&file.path).unwrap();
        // The first 8 bytes are the header's length, the header ends in blanks.
        let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
        let blanks = good[..header]
            .iter()
            .rev()
            .take_while(|b| **b == b' ')
            .count();
        for at in (0..header - blanks).chain(header..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&file.path, bad).unwrap();
            assert!(file.load().is_err(), "byte {at}");
        }
    }
}
