//! DataFusion's parser, with our statements in front of it.

use std::collections::VecDeque;
use std::str::FromStr;

use datafusion::common::format::{ExplainFormat, ExplainStatementOptions};
use datafusion::error::Result;
use datafusion::sql::parser::{
    DFParser, DFParserBuilder, ExplainStatement, Statement as DfStatement,
};
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::Error;
use crate::plan::upstream::join_distinct_from;

use super::cursor::{Cursor, refused};
use super::gaps::fill_gaps;
use super::rewrite::rewrite;
use super::{ALL, Statement};

/// The most tokens that the parenthesised options of an EXPLAIN are looked through for.
const EXPLAIN_OPTION_TOKENS: usize = 64;

/// Reads statements with `;` between them. What comes back are DataFusion's own: a statement of
/// ours is a query over a call, a query with our calls has them in their stock form, and anything
/// else is what DataFusion's parser makes of it.
///
/// # Errors
/// SQL, in DataFusion's words, for whatever its parser refuses; Plan for statements of ours.
pub fn parse(
    sql: &str,
    dialect: &dyn Dialect,
    recursion_limit: usize,
) -> Result<VecDeque<DfStatement>> {
    let tokens = Tokenizer::new(dialect, sql)
        .tokenize_with_location()
        .map_err(ParserError::from)?;
    let parser = DFParserBuilder::new(fill_gaps(rewrite(join_distinct_from(tokens))))
        .with_dialect(dialect)
        .with_recursion_limit(recursion_limit)
        .build()?;
    let mut statements = Statements {
        parser,
        dialect,
        recursion_limit,
    };
    statements.all()
}

struct Statements<'a> {
    parser: DFParser<'a>,
    dialect: &'a dyn Dialect,
    recursion_limit: usize,
}

impl<'a> Statements<'a> {
    fn all(&mut self) -> Result<VecDeque<DfStatement>> {
        let mut statements = VecDeque::new();
        loop {
            while self.parser.parser.consume_token(&Token::SemiColon) {}
            if self.cursor().at_end() {
                return Ok(statements);
            }
            statements.push_back(self.statement()?);
        }
    }

    /// One statement, up to its end.
    fn statement(&mut self) -> Result<DfStatement> {
        let explained = self.explained();
        if explained > 0 && self.keyword(explained) == Some(Keyword::EXPLAIN) {
            return Err(Error::plan("Nested EXPLAINs are not supported").into());
        }
        let cursor = self.cursor();
        let Some(ours) = ALL.iter().find(|s| (s.opens)(&cursor, explained)) else {
            let statement = self.parser.parse_statement()?;
            let cursor = self.cursor();
            if !cursor.at_end() {
                let found = cursor.parser.peek_token();
                let refusal = cursor.parser.expected("end of statement", found);
                return refusal.map_err(|e| refused(e, self.recursion_limit));
            }
            return Ok(statement);
        };
        let statement = if explained > 0 {
            self.parser.parser.advance_token();
            let options = self.explain_options()?;
            DfStatement::Explain(ExplainStatement {
                options,
                statement: Box::new(self.ours(ours)?),
            })
        } else {
            self.ours(ours)?
        };
        Ok(statement)
    }

    fn ours(&mut self, statement: &Statement) -> Result<DfStatement> {
        let mut cursor = self.cursor();
        let parsed = (statement.parse)(&mut cursor)?;
        if !cursor.at_end() {
            return Err(cursor.unexpected("the end of the statement"));
        }
        Ok(parsed)
    }

    /// How many tokens an EXPLAIN with its options takes here; 0 if there is none.
    fn explained(&self) -> usize {
        if self.keyword(0) != Some(Keyword::EXPLAIN) {
            return 0;
        }
        if self.has_explain_list() {
            let close = (2..EXPLAIN_OPTION_TOKENS)
                .find(|n| self.parser.parser.peek_nth_token_ref(*n).token == Token::RParen);
            return close.map_or(1, |close| close + 1);
        }
        let mut words = 1;
        words += usize::from(self.keyword(words) == Some(Keyword::ANALYZE));
        words += usize::from(self.keyword(words) == Some(Keyword::VERBOSE));
        if self.keyword(words) == Some(Keyword::FORMAT) {
            words += 2;
        }
        words
    }

    /// Whether `EXPLAIN (` opens a list of options, and not a query in parentheses.
    fn has_explain_list(&self) -> bool {
        self.dialect.supports_explain_with_utility_options()
            && self.parser.parser.peek_nth_token_ref(1).token == Token::LParen
            && self
                .keyword(2)
                .is_some_and(|k| !matches!(k, Keyword::SELECT | Keyword::WITH | Keyword::VALUES))
    }

    /// Reads what [`Self::explained`] counted, after the word EXPLAIN itself.
    fn explain_options(&mut self) -> Result<ExplainStatementOptions> {
        if self.parser.parser.peek_token_ref().token == Token::LParen {
            let options = self.parser.parser.parse_utility_options();
            let options = options.map_err(|e| refused(e, self.recursion_limit))?;
            return ExplainStatementOptions::from_utility_options(&options);
        }
        let analyze = self.parser.parser.parse_keyword(Keyword::ANALYZE);
        let verbose = self.parser.parser.parse_keyword(Keyword::VERBOSE);
        let format = self.parser.parse_explain_format()?;
        let format = format
            .map(|name| ExplainFormat::from_str(&name))
            .transpose()?;
        Ok(ExplainStatementOptions {
            analyze,
            verbose,
            format,
            ..Default::default()
        })
    }

    fn keyword(&self, ahead: usize) -> Option<Keyword> {
        match &self.parser.parser.peek_nth_token_ref(ahead).token {
            Token::Word(word) => Some(word.keyword),
            _ => None,
        }
    }

    fn cursor(&mut self) -> Cursor<'_, 'a> {
        Cursor {
            parser: &mut self.parser.parser,
            dialect: self.dialect,
            recursion_limit: self.recursion_limit,
        }
    }
}
