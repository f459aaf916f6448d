use super::*;

fn parse(json: &str) -> Result<ModelOptions> {
    ModelOptions::parse(&serde_json::from_str(json).unwrap())
}

#[test]
fn written_options_read_back_the_same() {
    let options = parse(
        r#"{"input_label_cols": ["a", "b"], "loss_weights": {"b": 2}, "epochs": 3,
            "optimizer": "adagrad", "data_split_method": "seq", "data_split_col": "t",
            "funnel": ["b", "a"], "tower_units": []}"#,
    )
    .unwrap();
    assert_eq!(options.train.loss_weights, [1., 2.]);
    assert_eq!(options.config.funnel, [1, 0]);
    let again = ModelOptions::parse(&options.to_map()).unwrap();
    assert_eq!(options.to_map(), again.to_map());
    assert_eq!(again.config.tower_units, [0i64; 0]);
}

#[test]
fn errors_name_the_option_and_what_it_takes() {
    let error = |json| parse(json).unwrap_err().to_string();
    let text = error(r#"{"input_label_cols": ["a"], "epoch": 3}"#);
    assert!(text.contains(r#"unknown option "epoch""#) && text.contains(r#""epochs""#));
    let text = error(r#"{"input_label_cols": ["a"], "epochs": "x"}"#);
    assert!(
        text.contains("option epochs: expected a whole number from 1, got \"x\""),
        "{text}"
    );
    assert!(error("{}").contains("input_label_cols"));
    let text = error(r#"{"input_label_cols": ["a"], "model_type": "bert"}"#);
    assert!(text.contains("known: shared_bottom, omoe, mmoe"), "{text}");
    let text = error(r#"{"input_label_cols": ["a", "b"], "model_type": "esmm"}"#);
    assert!(text.contains("'esmm' needs option funnel"), "{text}");
    let text = error(r#"{"input_label_cols": ["a"], "model_type": "aitm"}"#);
    assert!(text.contains("'aitm' needs two labels"), "{text}");
    let text = error(r#"{"input_label_cols": ["a"], "model_type": "pepnet"}"#);
    assert!(
        text.contains("'pepnet' needs option scenario_col"),
        "{text}"
    );
    let text = error(r#"{"input_label_cols": ["a", "b"], "funnel": ["b", "c"]}"#);
    assert!(text.contains("unknown task \"c\" in funnel"), "{text}");
    let text = error(r#"{"input_label_cols": ["a", "b"], "funnel": ["b", "b"]}"#);
    assert!(text.contains("twice"), "{text}");
    let text = error(r#"{"input_label_cols": ["a", "b"], "funnel": ["b"]}"#);
    assert!(text.contains("two labels or more"), "{text}");
    let text = error(r#"{"input_label_cols": ["a"], "data_split_method": "seq"}"#);
    assert!(text.contains("data_split_col"), "{text}");
    let text = error(r#"{"input_label_cols": ["a"], "epochs": 1, "max_iterations": 2}"#);
    assert!(text.contains("the same"), "{text}");
}
