use tch::Device;

use super::*;
use crate::layer::Params;
use crate::random::Words;

const SPEC: ImageSpec = ImageSpec {
    size: [28, 28],
    classes: 0,
};

fn numel(tensors: &[(String, Tensor)]) -> usize {
    tensors.iter().map(|(_, tensor)| tensor.numel()).sum()
}

#[test]
fn the_dense_pair_has_the_weights_of_its_design() {
    let count = |spec: &ImageSpec, generator: bool| {
        let params = Params::shapes();
        match generator {
            true => drop((dense::DESIGN.generator)(spec, &params.root()).unwrap()),
            false => drop((dense::DESIGN.discriminator)(spec, &params.root()).unwrap()),
        }
        numel(&params.tensors())
    };
    // Layers of inputs * outputs + outputs; scale, shift, mean and variance of 256, 512 and 1024 units.
    let layers = |sizes: &[usize]| -> usize {
        let pairs = sizes.windows(2);
        pairs.map(|pair| (pair[0] + 1) * pair[1]).sum()
    };
    let generator = layers(&[100, 128, 256, 512, 1024, 784]) + 4 * (256 + 512 + 1024);
    let discriminator = layers(&[784, 1024, 512, 256, 128, 1]);
    assert_eq!((generator, discriminator), (1_513_616, 1_492_993));
    assert_eq!(count(&SPEC, true), generator);
    assert_eq!(count(&SPEC, false), discriminator);
    // With ten classes an embedding of ten values each, and ten more inputs.
    let classes = ImageSpec {
        classes: 10,
        ..SPEC
    };
    assert_eq!(count(&classes, true), generator + 100 + 10 * 128);
    assert_eq!(count(&classes, false), discriminator + 100 + 10 * 1024);
}

#[test]
fn every_pair_makes_and_scores_images_of_any_size_it_takes() {
    for design in ALL {
        let name = design.name;
        let side = 2 * design.multiple;
        for spec in [
            ImageSpec {
                size: [side, 2 * side],
                classes: 3,
            },
            ImageSpec {
                size: [side, side],
                classes: 0,
            },
        ] {
            assert!(design.check(spec.size).is_ok());
            let (made, judged) = (Params::fresh(1, Device::Cpu), Params::fresh(2, Device::Cpu));
            let generator = (design.generator)(&spec, &made.root()).unwrap();
            let discriminator = (design.discriminator)(&spec, &judged.root()).unwrap();
            let noise = Tensor::from_slice(&Words::new(&[1]).normals(6 * design.noise as usize));
            let noise = noise.view([6, design.noise]);
            let labels = Tensor::from_slice(&[0i64, 1, 2, 0, 1, 2]);
            let labels = (spec.classes > 0).then_some(&labels);
            let make =
                |statistics, kind| generator.images(&noise, labels, statistics, kind).unwrap();
            let images = make(Statistics::Batch, Kind::Float);
            assert_eq!(images.size(), [6, spec.pixels()], "{name}");
            assert!(images.abs().max().double_value(&[]) <= 1., "{name}");
            let rough = make(Statistics::Batch, Kind::BFloat16);
            assert!(
                rough.kind() == Kind::Float && rough.allclose(&images, 0., 0.1, false),
                "{name}"
            );
            let scores = discriminator.scores(&images, labels, Kind::Float).unwrap();
            assert_eq!(
                (scores.size(), scores.kind()),
                (vec![6], Kind::Float),
                "{name}"
            );

            // What was measured over one batch is what that batch had.
            let measured = make(Statistics::Measure(1), Kind::Float);
            assert!(measured.allclose(&images, 1e-5, 1e-5, false), "{name}");
            let stored = make(Statistics::Stored, Kind::Float);
            assert!(stored.allclose(&images, 0.1, 0.1, false), "{name}");
            // Then a row does not depend on the others.
            let first = labels.map(|labels| labels.narrow(0, 0, 1));
            let alone = generator.images(
                &noise.narrow(0, 0, 1),
                first.as_ref(),
                Statistics::Stored,
                Kind::Float,
            );
            assert!(
                alone
                    .unwrap()
                    .allclose(&stored.narrow(0, 0, 1), 1e-4, 1e-4, false),
                "{name}"
            );
        }
    }
}

#[test]
fn classes_reach_generator_and_discriminator() {
    let spec = ImageSpec {
        size: [8, 8],
        classes: 2,
    };
    for design in ALL {
        let params = Params::fresh(1, Device::Cpu);
        let root = params.root();
        let generator = (design.generator)(&spec, &(&root / "g")).unwrap();
        let discriminator = (design.discriminator)(&spec, &(&root / "d")).unwrap();
        let noise = Tensor::zeros([1, design.noise], (Kind::Float, Device::Cpu));
        let [a, b] = [0i64, 1].map(|class| {
            let label = Tensor::from_slice(&[class]);
            let images = generator.images(&noise, Some(&label), Statistics::Stored, Kind::Float);
            let flat = Tensor::full([1, 64], 0.5, (Kind::Float, Device::Cpu));
            let score = discriminator
                .scores(&flat, Some(&label), Kind::Float)
                .unwrap();
            (images.unwrap(), score.double_value(&[0]))
        });
        assert!(!a.0.allclose(&b.0, 1e-3, 1e-3, false), "{}", design.name);
        assert_ne!(a.1, b.1, "{}", design.name);
    }
}

#[test]
fn sizes_that_can_not_be_halved_twice_are_refused() {
    let error = find("conv")
        .unwrap()
        .check([28, 30])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("sides divisible by 4, got images of 28 x 30"),
        "{error}"
    );
    assert!(find("dense").unwrap().check([1, 7]).is_ok());
    assert!(
        find("cnn")
            .err()
            .unwrap()
            .to_string()
            .contains("known: dense, conv")
    );
}
