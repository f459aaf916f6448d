//! Reads the parts that our statements share, and says what it found where it expected another.

use datafusion::error::{DataFusionError, Result};
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::Error;

use super::call::Call;
use super::rewrite::{name_of, version_of};

/// How much of an unexpected token a message repeats.
const SHOWN_CHARACTERS: usize = 40;

/// A place in the tokens of a statement.
pub(super) struct Cursor<'p, 'a> {
    /// DataFusion's parser underneath.
    pub(super) parser: &'p mut Parser<'a>,
    /// The dialect that the session has chosen.
    pub(super) dialect: &'a dyn Dialect,
    /// How deep expressions and queries may nest.
    pub(super) recursion_limit: usize,
}

impl<'a> Cursor<'_, 'a> {
    /// A call that speaks the session's dialect.
    pub(super) fn call(&self, name: &'static str) -> Call<'a> {
        Call::new(self.dialect, name)
    }

    /// Whether these unquoted words stand `ahead` places from here, in any case.
    pub(super) fn sees(&self, ahead: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(i, word)| {
            let token = &self.parser.peek_nth_token_ref(ahead + i).token;
            matches!(token, Token::Word(w)
                if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
        })
    }

    /// Passes over these words if they stand here.
    pub(super) fn takes(&mut self, words: &[&str]) -> bool {
        let here = self.sees(0, words);
        if here {
            self.pass(words.len());
        }
        here
    }

    /// Passes over the first words of the statement, which were seen before.
    pub(super) fn pass(&mut self, tokens: usize) {
        for _ in 0..tokens {
            self.parser.advance_token();
        }
    }

    /// Passes over `token`.
    ///
    /// # Errors
    /// Plan, if another one stands here; `expected` says what was allowed.
    pub(super) fn expect(&mut self, token: &Token, expected: &str) -> Result<()> {
        if self.parser.consume_token(token) {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    /// `expected ..., found "x" at line 1, column 7`, about the token that stands here.
    pub(super) fn unexpected(&self, expected: &str) -> DataFusionError {
        let found = found(self.parser.peek_token_ref());
        Error::plan(format!("expected {expected}, found {found}")).into()
    }

    /// Whether the statement ends here.
    pub(super) fn at_end(&self) -> bool {
        matches!(
            self.parser.peek_token_ref().token,
            Token::EOF | Token::SemiColon
        )
    }

    /// Reads a model's name, with its version if it has one: `m` or `m.3`.
    pub(super) fn model(&mut self) -> Result<String> {
        let name = self.new_model()?;
        let period = self.parser.consume_token(&Token::Period);
        let version = version_of(Some(&self.parser.peek_token_ref().token), period);
        let version = version.map(str::to_string);
        match version {
            Some(version) => {
                self.pass(1);
                Ok(format!("{name}.{version}"))
            }
            None if period => Err(self.unexpected("a version number after the model name")),
            None => Ok(name),
        }
    }

    /// Reads the name of a model as a whole, where no version can stand.
    pub(super) fn new_model(&mut self) -> Result<String> {
        let name = name_of(&self.parser.peek_token_ref().token)
            .ok_or_else(|| self.unexpected("a model name"))?;
        self.pass(1);
        Ok(name)
    }

    /// Reads `LIKE 'pattern'` if it stands here.
    pub(super) fn like(&mut self) -> Result<Option<String>> {
        if !self.takes(&["LIKE"]) {
            return Ok(None);
        }
        match self.parser.peek_token_ref().token.clone() {
            Token::SingleQuotedString(pattern) => {
                self.pass(1);
                Ok(Some(pattern))
            }
            _ => Err(self.unexpected("a pattern in single quotes after LIKE")),
        }
    }

    /// Reads a query.
    pub(super) fn query(&mut self) -> Result<Box<Query>> {
        let query = self.parser.parse_query();
        query.map_err(|e| self.refused(e))
    }

    /// What DataFusion's parser said, in DataFusion's words.
    pub(super) fn refused(&self, error: ParserError) -> DataFusionError {
        refused(error, self.recursion_limit)
    }
}

/// An error of the SQL parser, as DataFusion's own parser passes it on.
pub(super) fn refused(error: ParserError, recursion_limit: usize) -> DataFusionError {
    let limit = matches!(error, ParserError::RecursionLimitExceeded)
        .then(|| format!(" (current limit: {recursion_limit})"));
    DataFusionError::SQL(Box::new(error), limit)
}

/// A token and its place, for a message.
fn found(token: &TokenWithSpan) -> String {
    let mut text: String = token.token.to_string();
    if token.token == Token::EOF {
        return "the end".into();
    }
    if text.chars().count() > SHOWN_CHARACTERS {
        text = text.chars().take(SHOWN_CHARACTERS).collect::<String>() + "...";
    }
    let quoted = text.starts_with(['\'', '"', '`']);
    let text = if quoted { text } else { format!("\"{text}\"") };
    let start = token.span.start;
    format!("{text} at line {}, column {}", start.line, start.column)
}
