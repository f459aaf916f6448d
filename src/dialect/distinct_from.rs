//! `a IS [NOT] DISTINCT FROM b AND c` is `(a IS [NOT] DISTINCT FROM b) AND c`. sqlparser 0.62 reads all that
//! follows as what `a` is compared with. An operator of one token has the precedence that IS has, and
//! planning knows it by its text.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan};

const DISTINCT: &[Keyword] = &[Keyword::IS, Keyword::DISTINCT, Keyword::FROM];
const NOT_DISTINCT: &[Keyword] = &[Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM];

/// The tokens with each of these operators as one.
pub(super) fn join(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut joined = Vec::with_capacity(tokens.len());
    let mut rest = tokens.as_slice();
    while let [token, others @ ..] = rest {
        let found = [
            (DISTINCT, "IS DISTINCT FROM"),
            (NOT_DISTINCT, "IS NOT DISTINCT FROM"),
        ]
        .into_iter()
        .find_map(|(words, text)| Some((text, length(rest, words)?)));
        let Some((text, length)) = found else {
            joined.push(token.clone());
            rest = others;
            continue;
        };
        let span = Span::new(token.span.start, rest[length - 1].span.end);
        let operator = Token::CustomBinaryOperator(text.into());
        joined.push(TokenWithSpan::new(operator, span));
        rest = &rest[length..];
    }
    joined
}

/// How many tokens `words` take at the start of `tokens`, with what stands between them.
fn length(tokens: &[TokenWithSpan], words: &[Keyword]) -> Option<usize> {
    let mut at = 0;
    for (i, word) in words.iter().enumerate() {
        while i > 0 && matches!(tokens.get(at)?.token, Token::Whitespace(_)) {
            at += 1;
        }
        match &tokens.get(at)?.token {
            Token::Word(found) if found.keyword == *word => at += 1,
            _ => return None,
        }
    }
    Some(at)
}
