//! The standard normal distribution.

/// The share below `x`, to 1e-7 of the smaller side. By the complementary error function as W. Press et
/// al., "Numerical Recipes", second edition, section 6.2, fit it.
pub fn share_below(x: f64) -> f64 {
    let half = 0.5 * erfc(x.abs() / std::f64::consts::SQRT_2);
    if x < 0. { half } else { 1. - half }
}

fn erfc(x: f64) -> f64 {
    const FIT: [f64; 10] = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ];
    let t = 1. / (1. + 0.5 * x);
    let fit = FIT.iter().fold(0., |sum, factor| sum * t + factor);
    t * (fit - x * x).exp()
}

/// The number below which the share `p` is, above 0 and below 1. P. Acklam's rational approximation, to
/// 1.2e-9 of the result.
pub fn quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.,
    ];
    let polynomial = |factors: &[f64], x: f64| factors.iter().fold(0., |sum, f| sum * x + f);
    let tail = |p: f64| {
        let q = (-2. * p.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    let p = p.clamp(f64::MIN_POSITIVE, 1. - f64::EPSILON);
    if p < 0.024_25 {
        tail(p)
    } else if p > 1. - 0.024_25 {
        -tail(1. - p)
    } else {
        let q = p - 0.5;
        q * polynomial(&A, q * q) / polynomial(&B, q * q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From tables.
    #[test]
    fn agrees_with_known_values() {
        for (p, x) in [
            (0.5, 0.),
            (0.975, 1.959_964),
            (0.01, -2.326_348),
            (0.999, 3.090_232),
        ] {
            assert!((quantile(p) - x).abs() < 1e-6, "{p}");
            assert!((share_below(x) - p).abs() < 1e-6, "{x}");
        }
    }
}
