//! Fills the gaps between named arguments of metrics.
//!
//! DataFusion takes arguments by name only where none is left out before the last one that is given. In a call like
//! `ndcg_at(5, y, p, u, weight => w)` the argument `gain`, which stands before `weight` and may be left out, becomes
//! `gain => NULL`, which means its default.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::metric::{self, Metric};

/// The tokens with arguments of metrics that may be left out as NULL before others that are given. What is added stands
/// before the first named argument and carries its place.
pub(super) fn fill_gaps(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut gaps = gaps(&tokens);
    if gaps.is_empty() {
        return tokens;
    }
    gaps.sort_by_key(|gap| gap.at);
    let mut gaps = gaps.into_iter().peekable();
    let mut filled = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.into_iter().enumerate() {
        while let Some(gap) = gaps.next_if(|gap| gap.at == at) {
            let added = [
                Token::make_word(gap.argument, None),
                Token::RArrow,
                Token::make_keyword("NULL"),
                Token::Comma,
            ];
            let span = token.span;
            filled.extend(added.map(|token| TokenWithSpan { token, span }));
        }
        filled.push(token);
    }
    filled
}

/// An argument that is left out.
struct Gap {
    /// The place of the first named argument of the call.
    at: usize,
    argument: &'static str,
}

/// An open bracket.
struct Bracket {
    /// The metric whose arguments stand in it.
    metric: Option<&'static Metric>,
    /// How many commas there were: the number of the argument.
    commas: usize,
    /// The arguments that are given by name.
    names: Vec<Word>,
    /// The place of the first of them, and how many arguments stand before it.
    first: Option<(usize, usize)>,
}

impl Bracket {
    /// The arguments that are left out, once all have been seen.
    fn gaps(&self) -> impl Iterator<Item = Gap> {
        let parameters = self.metric.map_or(&[][..], |metric| metric.parameters);
        let (at, positional) = self.first.unwrap_or_default();
        let is_given = move |name: &str| self.names.iter().any(|word| calls(word, name));
        let last = parameters.iter().rposition(|p| is_given(p.name()));
        let before = parameters.iter().take(last.unwrap_or(0)).skip(positional);
        let missing = before.filter(move |p| p.is_optional() && !is_given(p.name()));
        missing.map(move |p| Gap {
            at,
            argument: p.name(),
        })
    }
}

/// Whether the word is that name for DataFusion.
fn calls(word: &Word, name: &str) -> bool {
    match word.quote_style {
        Some(_) => word.value == name,
        None => word.value.eq_ignore_ascii_case(name),
    }
}

/// Everything that is left out in any call.
fn gaps(tokens: &[TokenWithSpan]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut brackets: Vec<Bracket> = Vec::new();
    // The last two tokens that were no white space.
    let mut previous: [Option<(usize, &Token)>; 2] = [None; 2];
    for (at, token) in tokens.iter().enumerate() {
        let token = &token.token;
        match token {
            Token::Whitespace(_) => continue,
            Token::LParen | Token::LBracket | Token::LBrace => brackets.push(Bracket {
                metric: previous[0]
                    .filter(|_| *token == Token::LParen)
                    .and_then(called),
                commas: 0,
                names: Vec::new(),
                first: None,
            }),
            Token::RParen | Token::RBracket | Token::RBrace => {
                let closed = brackets.pop();
                gaps.extend(closed.iter().flat_map(Bracket::gaps));
            }
            Token::SemiColon => brackets.clear(),
            Token::Comma => {
                if let Some(bracket) = brackets.last_mut() {
                    bracket.commas += 1;
                }
            }
            Token::RArrow => {
                if let ([Some((at, Token::Word(name))), Some((_, before))], Some(bracket)) =
                    (previous, brackets.last_mut())
                    && matches!(before, Token::Comma | Token::LParen)
                {
                    bracket.first.get_or_insert((at, bracket.commas));
                    bracket.names.push(name.clone());
                }
            }
            _ => {}
        }
        previous = [Some((at, token)), previous[0]];
    }
    gaps
}

/// The metric that the word before a parenthesis calls.
fn called((_, token): (usize, &Token)) -> Option<&'static Metric> {
    let Token::Word(word) = token else {
        return None;
    };
    let mut all = metric::ALL.iter().copied();
    all.find(|metric| calls(word, metric.name))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{becomes, passes};

    #[test]
    fn what_is_left_out_before_a_named_argument_becomes_null() {
        for (ours, stock) in [
            (
                "ndcg_at(5, y, p, u, weight => w)",
                "ndcg_at(5, y, p, u, gain => NULL, weight => w)",
            ),
            (
                "NDCG_AT(5, y, score => p, \"weight\" => w + f(1, x => 2), \"group\" => u)",
                "NDCG_AT(5, y, gain => NULL, score => p, \"weight\" => w + f(1, x => 2), \"group\" => u)",
            ),
            (
                "ndcg_at(5, y, p, u, weight => w ORDER BY a, b) FILTER (WHERE c) OVER (ORDER BY d)",
                "ndcg_at(5, y, p, u, gain => NULL, weight => w ORDER BY a, b) FILTER (WHERE c) OVER (ORDER BY d)",
            ),
            (
                "ndcg_at(weight => (SELECT ndcg_at(5, y, p, u, weight => [w, 1]) FROM t), k => 5, label => y, score => p, \"group\" => u)",
                "ndcg_at(gain => NULL, weight => (SELECT ndcg_at(5, y, p, u, gain => NULL, weight => [w, 1]) FROM t), k => 5, label => y, score => p, \"group\" => u)",
            ),
        ] {
            becomes(
                &format!("SELECT {ours} FROM t; SELECT {ours}, 1 FROM t"),
                &format!("SELECT {stock} FROM t; SELECT {stock}, 1 FROM t"),
            );
        }
    }

    #[test]
    fn other_calls_stay_what_they_are() {
        for call in [
            "ndcg_at(5, y, p, u)",
            "ndcg_at(5, y, p, u, NULL, w)",
            "ndcg_at(5, y, p, u, gain => 'linear', weight => w)",
            "ndcg_at(5, y, p, u, gain => 'linear')",
            "auc(y, p, weight => w)",
            // What must be given is missed by DataFusion.
            "auc(y, weight => w)",
            "ndcg_at(5, y, weights => w)",
            "other(1, weight => w)",
            "\"NDCG_AT\"(5, y, p, u, weight => w)",
            "ndcg_at[1]",
            "ndcg_at",
        ] {
            passes(&format!("SELECT {call} FROM t"));
        }
    }
}
