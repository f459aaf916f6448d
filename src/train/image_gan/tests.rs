use super::*;
use crate::feature::{Limited, Unlimited};
use crate::gan::image::Statistics;
use crate::random::Words;
use crate::train::checkpoint::tests::InMemory;

/// Bright left or right halves at 60 shades, 4 x 4.
fn rows(count: usize) -> RowSet {
    let row = |i: usize| {
        let bright = move |x: usize| (x >= 2) == (i % 2 == 1);
        let shade = (i % 60) as f32 / 120.;
        let pixels = (0..16).map(move |p| if bright(p % 4) { 0.5 + shade } else { -0.9 });
        pixels.chain([(i % 2) as f32])
    };
    let values: Vec<_> = (0..count).flat_map(row).collect();
    RowSet::of_numbers_and_label(count as u64, 16, &values)
}

fn train<'a>(
    design: &str,
    threads: usize,
    change: impl FnOnce(&mut ImageFit<'a>),
) -> Result<TrainedImages> {
    let train: &'static RowSet = Box::leak(Box::new(rows(256)));
    let mut fit = ImageFit {
        design: crate::gan::image::find(design)?,
        spec: ImageSpec {
            size: [4, 4],
            classes: 2,
        },
        classes: Box::leak(Box::new(["0", "1"].map(String::from))),
        train,
        eval: None,
        epochs: 30,
        batch_size: 64,
        learn_rate: 1e-3,
        seed: 5,
        features: None,
        device: Device::Cpu,
        products: Kind::Float,
        threads,
        budget: &Unlimited,
        checkpoints: Box::leak(Box::<InMemory>::default()),
    };
    change(&mut fit);
    fit_images(&fit, &|_| true, &mut |_| ())
}

/// The mean of the left and of the right half of images of both classes.
fn halves(design: &str, trained: &TrainedImages) -> [[f64; 2]; 2] {
    let design = crate::gan::image::find(design).unwrap();
    let spec = ImageSpec {
        size: [4, 4],
        classes: 2,
    };
    let generator = (design.generator)(&spec, &trained.params.share().unwrap().root()).unwrap();
    [0i64, 1].map(|class| {
        let noise = Words::new(&[7]).normals(50 * design.noise as usize);
        let noise = Tensor::from_slice(&noise).view([50, design.noise]);
        let labels = Tensor::full([50], class, (Kind::Int64, Device::Cpu));
        let images = generator
            .images(&noise, Some(&labels), Statistics::Stored, Kind::Float)
            .unwrap()
            .view([50, 4, 4]);
        [0, 2].map(|from| {
            images
                .narrow(2, from, 2)
                .mean(Kind::Float)
                .double_value(&[])
        })
    })
}

/// Most of what was shown has no label; the few that have one in a step are learnt from, however many threads
/// there are.
#[test]
fn few_labels_are_learnt_from_by_any_number_of_threads() {
    let row = |i: usize| {
        let pixels = std::iter::repeat_n(0.5 - (i % 2) as f32, 16);
        let class = if i % 40 < 3 { (i % 2) as f32 } else { f32::NAN };
        pixels.chain([class])
    };
    let values: Vec<_> = (0..240).flat_map(row).collect();
    let few: &'static RowSet = Box::leak(Box::new(RowSet::of_numbers_and_label(240, 16, &values)));
    let history = |threads| {
        let trained = train("dense", threads, |fit| {
            fit.train = few;
            fit.batch_size = 120;
            fit.epochs = 2;
        });
        let rows = trained.unwrap().history.into_iter();
        let losses = rows.filter(|row| row.task == "discriminator");
        losses.map(|row| row.loss.unwrap()).collect::<Vec<_>>()
    };
    // About ten in a step: on four threads as on one.
    for (one, four) in history(1).iter().zip(history(4)) {
        assert!((one - four).abs() < 0.2, "{one} {four}");
    }
}

#[test]
fn learns_what_images_of_a_class_are_like() {
    for design in ["dense", "conv"] {
        let trained = train(design, 1, |_| ()).unwrap();
        let [[a_left, a_right], [b_left, b_right]] = halves(design, &trained);
        assert!(
            a_left > 0.3 && a_right < -0.5,
            "{design}: {a_left} {a_right}"
        );
        assert!(
            b_left < -0.5 && b_right > 0.3,
            "{design}: {b_left} {b_right}"
        );
        let last = &trained.history[trained.history.len() - 3..];
        let tasks: Vec<_> = last.iter().map(|row| row.task.as_str()).collect();
        assert_eq!(tasks, ["generator", "discriminator", "gradient_penalty"]);
        assert!(
            last[..2]
                .iter()
                .all(|row| row.loss.unwrap() > 0. && row.rows == 256)
        );
    }
}

#[test]
fn one_seed_gives_one_generator() {
    let weights = |design, seed| {
        let trained = train(design, 2, |fit| (fit.epochs, fit.seed) = (2, seed)).unwrap();
        let tensors = trained.params.tensors();
        let values = tensors
            .iter()
            .map(|(_, t)| Vec::<f32>::try_from(t.flatten(0, -1)).unwrap());
        values.collect::<Vec<_>>()
    };
    for design in ["dense", "conv"] {
        assert_eq!(weights(design, 3), weights(design, 3), "{design}");
        assert_ne!(weights(design, 3), weights(design, 4), "{design}");
    }
}

#[test]
fn the_best_epoch_by_the_score_is_kept() {
    // Two features: how bright an image is, and how bright its left half is.
    let features = |images: &Tensor| {
        let rows = images.size()[0];
        let left =
            images
                .view([rows, 4, 4])
                .narrow(2, 0, 2)
                .mean_dim(&[1i64, 2][..], false, Kind::Float);
        let all = images.mean_dim(&[1i64][..], false, Kind::Float);
        Ok(Tensor::stack(&[all, left], 1))
    };
    let trained = train("dense", 1, |fit| {
        fit.features = Some((&features, 2));
        fit.epochs = 6;
    })
    .unwrap();
    let scores: Vec<_> = trained
        .history
        .iter()
        .filter(|r| r.task == "frechet_distance")
        .collect();
    // The floor, then each epoch's.
    assert_eq!((scores.len(), scores[0].epoch), (7, 0));
    let loss = |row: &Epoch| row.loss.unwrap();
    let best = scores[1..]
        .iter()
        .min_by(|a, b| loss(a).total_cmp(&loss(b)))
        .unwrap();
    assert_eq!(best.epoch, trained.best_epoch as i64);
    assert!(loss(scores[0]) < loss(best));
}

#[test]
fn what_goes_wrong_is_said() {
    let error = train("dense", 1, |fit| fit.learn_rate = 1e4)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("lower learn_rate"), "{error}");
    let error = train("conv", 1, |fit| fit.learn_rate = 1e5)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("diverged in epoch 1"), "{error}");
    let error = check_variety(3, 0.001, 0.5).unwrap_err().to_string();
    assert!(
        error.contains("collapsed in epoch 3: the generated images are all alike"),
        "{error}"
    );
    assert!(check_variety(3, 0.3, 0.5).is_ok());
    assert!(check_variety(3, f64::NAN, 0.5).is_err());
    let budget = Limited::new(1 << 16);
    let error = train("dense", 1, |fit| fit.budget = &*budget)
        .err()
        .unwrap();
    assert!(matches!(error, Error::Resources(_)));
}

#[test]
fn an_interrupted_training_goes_on_as_if_nothing_had_happened() {
    for design in ["dense", "conv"] {
        let whole = train(design, 1, |fit| fit.epochs = 3).unwrap();
        let kept: &'static InMemory = Box::leak(Box::default());
        let stopped = |epoch: usize| {
            let mut fit = None;
            let _ = train(design, 1, |own| {
                own.epochs = 3;
                own.checkpoints = kept;
                fit = Some(ImageFit { ..*own });
                own.epochs = 0;
            });
            let report = move |event: &TrainingEvent| !matches!(event, TrainingEvent::Batch { epoch: now, .. } if *now > epoch);
            fit_images(&fit.unwrap(), &report, &mut |_| ())
        };
        assert!(stopped(2).is_err());
        assert_eq!(kept.0.borrow().as_ref().unwrap().progress.epoch, 2);
        let resumed = stopped(3).unwrap();
        let losses = |trained: &TrainedImages| -> Vec<_> {
            let rows = trained.history.iter();
            rows.map(|row| (row.epoch, row.task.clone(), row.loss))
                .collect()
        };
        assert_eq!(losses(&resumed), losses(&whole), "{design}");
        for ((name, a), (_, b)) in resumed.params.tensors().iter().zip(whole.params.tensors()) {
            assert!(a.equal(&b), "{design}: {name}");
        }
    }
}
