//! The names of our calls, and how a call is recognised among the tokens of a statement.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Word};

use super::ALL;

/// What FROM can call. Each answers to `NAME`, `ML.NAME` and `ML_NAME`, in any case; `predict` is
/// a function for SELECT too.
pub const RELATIONS: &[&str] = &[
    "predict",
    "evaluate",
    "training_info",
    "feature_info",
    "roc_curve",
    "confusion_matrix",
    "calibration",
    "generate",
    "evaluate_synthetic",
];

/// The name of the relation that this one word calls, `predict` for `PREDICT` and for `ml_predict`.
fn relation(word: &str) -> Option<&'static str> {
    let exact = |name: &str| RELATIONS.iter().find(|r| r.eq_ignore_ascii_case(name));
    let prefixed = || {
        let (prefix, rest) = word.split_at_checked(3)?;
        prefix
            .eq_ignore_ascii_case("ml_")
            .then(|| exact(rest))
            .flatten()
    };
    exact(word).or_else(prefixed).copied()
}

/// Whether `word` can name a call at all: a quoted name stands for itself, and those are lower-case.
fn folds(word: &Word) -> bool {
    word.quote_style.is_none() || !word.value.contains(|c: char| c.is_ascii_uppercase())
}

/// The name to call for `word`, our own spelling of it where it has several.
pub(super) fn called_by(word: &Word) -> Option<&'static str> {
    if !folds(word) {
        return None;
    }
    relation(&word.value).or_else(|| {
        let mut calls = ALL.iter().map(|statement| statement.call);
        calls.find(|call| call.eq_ignore_ascii_case(&word.value))
    })
}

/// The name to call for `ML.word`.
pub(super) fn called_in_ml(schema: &Word, word: &Word) -> Option<&'static str> {
    let ours = folds(schema) && folds(word) && schema.value.eq_ignore_ascii_case("ml");
    ours.then(|| {
        let mut names = RELATIONS.iter();
        names.find(|name| name.eq_ignore_ascii_case(&word.value))
    })
    .flatten()
    .copied()
}

/// Whether a name followed by `(` can be a call after this token. It is none where a table, an
/// alias or an object is being named: `CREATE TABLE predict (model INT)`, `FROM t AS predict (a)`.
pub(super) fn may_call_after(previous: Option<&Token>) -> bool {
    match previous {
        None => true,
        Some(Token::Word(word)) => !matches!(
            word.keyword,
            Keyword::NoKeyword
                | Keyword::AS
                | Keyword::EXISTS
                | Keyword::FUNCTION
                | Keyword::INDEX
                | Keyword::INTO
                | Keyword::OVERWRITE
                | Keyword::RECURSIVE
                | Keyword::REFERENCES
                | Keyword::TABLE
                | Keyword::UPDATE
                | Keyword::VIEW
        ),
        Some(token) => !matches!(
            token,
            Token::Period
                | Token::RParen
                | Token::RBracket
                | Token::RBrace
                | Token::Number(..)
                | Token::SingleQuotedString(_)
                | Token::DoubleQuotedString(_)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(value: &str, quote_style: Option<char>) -> Word {
        Word {
            value: value.into(),
            quote_style,
            keyword: Keyword::NoKeyword,
        }
    }

    #[test]
    fn knows_each_relation_by_its_three_names() {
        for name in RELATIONS {
            let upper = name.to_uppercase();
            assert_eq!(called_by(&word(name, None)), Some(*name));
            assert_eq!(called_by(&word(&upper, None)), Some(*name));
            assert_eq!(called_by(&word(&format!("Ml_{upper}"), None)), Some(*name));
            assert_eq!(
                called_in_ml(&word("ML", None), &word(&upper, None)),
                Some(*name)
            );
        }
        assert_eq!(called_by(&word("ML_TRAIN", None)), Some("ml_train"));
    }

    #[test]
    fn leaves_other_names_alone() {
        for name in [
            "predictor",
            "ml_",
            "ml",
            "ml_ml_predict",
            "",
            "é",
            "aé_predict",
        ] {
            assert_eq!(called_by(&word(name, None)), None, "{name}");
        }
        assert_eq!(called_by(&word("PREDICT", Some('"'))), None);
        assert_eq!(called_by(&word("predict", Some('"'))), Some("predict"));
        assert_eq!(called_in_ml(&word("s", None), &word("predict", None)), None);
        assert_eq!(called_in_ml(&word("ml", None), &word("train", None)), None);
    }
}
