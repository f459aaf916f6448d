use super::*;

fn unused() -> Result<usize, String> {
    panic!("the GPU must not be asked for")
}

#[test]
fn reads_the_names_of_devices() {
    for (text, choice) in [
        ("auto", Choice::Auto),
        ("CPU", Choice::Cpu),
        ("cuda", Choice::Cuda(0)),
        (" cuda:3 ", Choice::Cuda(3)),
    ] {
        assert_eq!(text.parse::<Choice>().unwrap(), choice);
        assert_eq!(choice.to_string().parse::<Choice>().unwrap(), choice);
    }
}

#[test]
fn names_an_unknown_device() {
    for text in ["gpu", "cuda:", "cuda:-1", "cuda:x", "cuda0", ""] {
        let error = text.parse::<Choice>().unwrap_err();
        assert!(matches!(error, Error::Plan(_)));
        assert!(error.to_string().contains(&format!("\"{text}\"")));
    }
}

#[test]
fn auto_takes_the_first_gpu_or_the_cpu_with_a_reason() {
    let mut with = Selector::default();
    assert_eq!(
        with.select(Choice::Auto, || Ok(2)).unwrap(),
        Device::Cuda(0)
    );
    assert_eq!(with.note, None);

    let mut without = Selector::default();
    let none = || Err("no driver".to_string());
    assert_eq!(without.select(Choice::Auto, none).unwrap(), Device::Cpu);
    assert_eq!(without.note.as_deref(), Some("no driver"));
    assert_eq!(without.select(Choice::Auto, unused).unwrap(), Device::Cpu);
}

#[test]
fn the_cpu_never_asks_for_a_gpu() {
    let mut selector = Selector::default();
    assert_eq!(selector.select(Choice::Cpu, unused).unwrap(), Device::Cpu);
}

#[test]
fn a_gpu_after_a_start_on_the_cpu_is_refused() {
    let mut selector = Selector::default();
    selector.select(Choice::Cpu, unused).unwrap();
    let error = selector.select(Choice::Cuda(1), unused).unwrap_err();
    assert!(matches!(error, Error::Plan(_)));
    let text = error.to_string();
    assert!(
        text.contains("has started on the CPU") && text.contains("cuda:1"),
        "{text}"
    );
}

#[test]
fn a_gpu_that_can_not_be_used_is_an_error_with_the_reason() {
    let mut selector = Selector::default();
    let none = || Err("no driver".to_string());
    let error = selector.select(Choice::Cuda(0), none).unwrap_err();
    assert!(matches!(error, Error::Resources(_)));
    assert_eq!(error.to_string(), "device cuda:0 can't be used: no driver");
    // Nothing has started: another attempt asks again.
    assert_eq!(
        selector.select(Choice::Cuda(0), || Ok(1)).unwrap(),
        Device::Cuda(0)
    );
}

#[test]
fn libtorch_without_a_gpu_has_started_on_the_cpu() {
    let mut selector = Selector::default();
    assert!(selector.select(Choice::Cuda(0), || Ok(0)).is_err());
    assert!(selector.select(Choice::Cuda(0), unused).is_err());
    assert_eq!(selector.select(Choice::Auto, unused).unwrap(), Device::Cpu);
}

#[test]
fn names_the_gpus_that_there_are() {
    let mut selector = Selector::default();
    let error = selector.select(Choice::Cuda(2), || Ok(2)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no device cuda:2; this machine has cuda:0 to cuda:1"
    );
    assert_eq!(
        selector.select(Choice::Cuda(1), unused).unwrap(),
        Device::Cuda(1)
    );
    assert_eq!(selector.select(Choice::Cpu, unused).unwrap(), Device::Cpu);
}

#[test]
fn tells_the_version_threads_and_instructions() {
    let info = torch_info(Choice::Cpu);
    assert_eq!(info.version, "2.11.0");
    assert_eq!(info.device, "cpu");
    assert_eq!(info.cuda, None);
    assert!(info.threads >= 1);
    assert!(!info.cpu_capability.is_empty());
}

#[test]
fn the_note_says_why_an_impossible_device_is_not_used() {
    let info = torch_info(Choice::Cuda(1 << 20));
    assert_eq!(info.device, "cpu");
    assert!(info.note.is_some_and(|note| note.contains("cuda:1048576")));
}
