//! `a IS [NOT] DISTINCT FROM b AND c` is `(a IS [NOT] DISTINCT FROM b) AND c`. sqlparser 0.62 reads all that
//! follows as what `a` is compared with. Where we read SQL, the words become an operator of one token, which
//! has the precedence that IS has, and which planning knows by its text. A session with DataFusion's own
//! parser needs brackets around it.

use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Operator, binary_expr};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer};

/// Plans the operators.
#[derive(Debug)]
pub struct DistinctFrom;

impl ExprPlanner for DistinctFrom {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let operator = match &expr.op {
            BinaryOperator::Custom(text) if text == "IS DISTINCT FROM" => Operator::IsDistinctFrom,
            BinaryOperator::Custom(text) if text == "IS NOT DISTINCT FROM" => {
                Operator::IsNotDistinctFrom
            }
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let compared = binary_expr(expr.left, operator, expr.right);
        Ok(PlannerResult::Planned(compared))
    }
}

/// A parser of expressions that are kept as text, which reads them as statements are read.
///
/// # Errors
/// As the text has no tokens.
pub fn expression_parser(sql: &str) -> std::result::Result<Parser<'static>, ParserError> {
    let dialect = &GenericDialect {};
    let tokens = Tokenizer::new(dialect, sql).tokenize_with_location()?;
    Ok(Parser::new(dialect).with_tokens_with_locations(join_distinct_from(tokens)))
}

const DISTINCT: &[Keyword] = &[Keyword::IS, Keyword::DISTINCT, Keyword::FROM];
const NOT_DISTINCT: &[Keyword] = &[Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM];

/// The tokens with each of these operators as one.
pub fn join_distinct_from(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
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
