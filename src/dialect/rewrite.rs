//! Rewrites the tokens of our calls into what DataFusion's parser accepts.
//!
//! Inside the argument list of a call of ours, `MODEL name` as the first argument becomes the
//! string `'name'`, `TABLE name` as an argument becomes `(SELECT * FROM name)`, and a query
//! without parentheses of its own gets them as the second argument. Anywhere else the words stay
//! what they are: a table or a column may be called model, table or predict. Each new token
//! carries the place of the text it stands for.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use super::calls::{called_by, called_in_ml, may_call_after};

/// The tokens with our calls in the form that the stock parser accepts.
pub(super) fn rewrite(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut rewrite = Rewrite {
        done: Vec::with_capacity(tokens.len()),
        tokens,
        brackets: Vec::new(),
        previous: None,
        defining: Defining::Unknown,
    };
    let mut at = 0;
    while at < rewrite.tokens.len() {
        at = rewrite.step(at);
    }
    rewrite.done
}

/// What an open bracket belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bracket {
    /// The argument list of one of our calls: which argument it is at, and whether at its start.
    Call { argument: usize, start: Start },
    /// The parenthesis that a query as a bare argument was given.
    Query,
    /// Anything else.
    Other,
}

/// Where in an argument of a call the next token stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Start {
    /// It is the first one of the argument.
    Argument,
    /// It is the first one after `name =>`.
    Value,
    /// It is inside.
    No,
}

/// Whether the statement defines something other than a query: names in it are not calls, as in
/// `CREATE INDEX i ON predict (model DESC)`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Defining {
    Unknown,
    Yes,
    No,
}

struct Rewrite {
    tokens: Vec<TokenWithSpan>,
    done: Vec<TokenWithSpan>,
    brackets: Vec<Bracket>,
    /// The last token that was not white space, as it was written.
    previous: Option<Token>,
    defining: Defining,
}

impl Rewrite {
    /// Handles the token at `at` and returns the place of the next one.
    fn step(&mut self, at: usize) -> usize {
        let Some(token) = self.tokens.get(at).cloned() else {
            return at + 1;
        };
        if matches!(token.token, Token::Whitespace(_)) {
            self.done.push(token);
            return at + 1;
        }
        if let Some(next) = self.argument(at) {
            return next;
        }
        self.close_bare_query(at, &token);
        if let Some(next) = self.call(at) {
            return next;
        }
        self.follow(&token.token);
        self.previous = Some(token.token.clone());
        self.done.push(token);
        at + 1
    }

    /// Keeps account of brackets, arguments and statements.
    fn follow(&mut self, token: &Token) {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => self.brackets.push(Bracket::Other),
            Token::RParen | Token::RBracket | Token::RBrace => {
                self.brackets.pop();
            }
            Token::SemiColon => {
                self.brackets.clear();
                self.defining = Defining::Unknown;
            }
            Token::Comma => {
                if let Some(Bracket::Call { argument, start }) = self.brackets.last_mut() {
                    *argument += 1;
                    *start = Start::Argument;
                }
            }
            Token::RArrow => {
                if let Some(Bracket::Call { start, .. }) = self.brackets.last_mut() {
                    *start = Start::Value;
                }
            }
            Token::Word(word) => match word.keyword {
                Keyword::SELECT | Keyword::FROM | Keyword::VALUES => self.defining = Defining::No,
                Keyword::CREATE | Keyword::ALTER if self.defining == Defining::Unknown => {
                    self.defining = Defining::Yes;
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// Rewrites the name and the opening parenthesis of a call of ours.
    fn call(&mut self, at: usize) -> Option<usize> {
        let first = self.word(at)?;
        if self.defining == Defining::Yes || !may_call_after(self.previous.as_ref()) {
            return None;
        }
        let after = self.skip(at + 1);
        let (name, last, paren) = if self.is(after, &Token::Period) {
            let last = self.skip(after + 1);
            let name = called_in_ml(first, self.word(last)?)?;
            (Some(name), last, self.skip(last + 1))
        } else {
            let name = called_by(first)?;
            let spelled = first.value.eq_ignore_ascii_case(name);
            ((!spelled).then_some(name), at, after)
        };
        if !self.is(paren, &Token::LParen) {
            return None;
        }
        let span = self.span(at, last);
        match name {
            Some(name) => self.put(Token::make_word(name, None), span),
            None => self.done.extend(self.tokens.get(at).cloned()),
        }
        self.done.extend(self.tokens.get(paren).cloned());
        self.previous = Some(Token::LParen);
        self.brackets.push(Bracket::Call {
            argument: 0,
            start: Start::Argument,
        });
        Some(paren + 1)
    }

    /// At the start of an argument: rewrites `MODEL name`, `TABLE name` and opens a bare query.
    fn argument(&mut self, at: usize) -> Option<usize> {
        let Some(Bracket::Call { argument, start }) = self.brackets.last_mut() else {
            return None;
        };
        let (argument, start) = (*argument, std::mem::replace(start, Start::No));
        if start == Start::No {
            return None;
        }
        if argument == 0 && start == Start::Argument && self.says(at, "model") {
            let (name, last) = self.model_name(self.skip(at + 1))?;
            self.ends_argument(last)?;
            self.put(Token::SingleQuotedString(name), self.span(at, last));
            self.previous = Some(Token::SingleQuotedString(String::new()));
            return Some(last + 1);
        }
        if self.says(at, "table") {
            let first = self.skip(at + 1);
            let last = self.table_name(first)?;
            self.ends_argument(last)?;
            let (open, close) = (self.span(at, at), self.span(last, last));
            self.put(Token::LParen, open);
            self.put(Token::make_keyword("SELECT"), open);
            self.put(Token::Mul, open);
            self.put(Token::make_keyword("FROM"), open);
            self.done
                .extend(self.tokens.get(first..=last).into_iter().flatten().cloned());
            self.put(Token::RParen, close);
            self.previous = Some(Token::RParen);
            return Some(last + 1);
        }
        if argument == 1 && start == Start::Argument && self.opens_query(at) {
            self.put(Token::LParen, self.span(at, at));
            self.brackets.push(Bracket::Query);
        }
        None
    }

    /// Ends a query that stood as a bare argument: at the call's own `)` or before `, name =>`.
    fn close_bare_query(&mut self, at: usize, token: &TokenWithSpan) {
        if self.brackets.last() != Some(&Bracket::Query) {
            return;
        }
        let ends = match token.token {
            Token::RParen => true,
            Token::Comma => {
                let name = self.skip(at + 1);
                self.word(name).is_some() && self.is(self.skip(name + 1), &Token::RArrow)
            }
            _ => false,
        };
        if ends {
            self.brackets.pop();
            self.put(Token::RParen, token.span);
        }
    }

    /// The model's name at `at`, with its version, and the place of its last token.
    fn model_name(&self, at: usize) -> Option<(String, usize)> {
        let name = name_of(self.token(at)?)?;
        let mut next = self.skip(at + 1);
        let period = self.is(next, &Token::Period);
        if period {
            next = self.skip(next + 1);
        }
        match version_of(self.token(next), period) {
            Some(version) => Some((format!("{name}.{version}"), next)),
            None if period => None,
            None => Some((name, at)),
        }
    }

    /// The place of the last token of the possibly dotted table name that begins at `first`.
    fn table_name(&self, first: usize) -> Option<usize> {
        name_of(self.token(first)?)?;
        let mut last = first;
        loop {
            let period = self.skip(last + 1);
            if !self.is(period, &Token::Period) {
                return Some(last);
            }
            last = self.skip(period + 1);
            self.word(last)?;
        }
    }

    /// `Some` where an argument ends after the token at `last`.
    fn ends_argument(&self, last: usize) -> Option<()> {
        let next = self.skip(last + 1);
        (self.is(next, &Token::Comma) || self.is(next, &Token::RParen)).then_some(())
    }

    /// Whether a query without parentheses begins here; `WITH` is one before the name of a CTE.
    fn opens_query(&self, at: usize) -> bool {
        match self.word(at).map(|word| word.keyword) {
            Some(Keyword::SELECT) => true,
            Some(Keyword::WITH) => self.word(self.skip(at + 1)).is_some(),
            _ => false,
        }
    }

    fn put(&mut self, token: Token, span: Span) {
        self.done.push(TokenWithSpan { token, span });
    }

    /// The first place from `at` on that holds no white space.
    fn skip(&self, mut at: usize) -> usize {
        while matches!(self.token(at), Some(Token::Whitespace(_))) {
            at += 1;
        }
        at
    }

    fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at).map(|token| &token.token)
    }

    fn is(&self, at: usize, token: &Token) -> bool {
        self.token(at) == Some(token)
    }

    fn word(&self, at: usize) -> Option<&Word> {
        match self.token(at)? {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether the unquoted word `text` stands at `at`.
    fn says(&self, at: usize, text: &str) -> bool {
        self.word(at)
            .is_some_and(|w| w.quote_style.is_none() && w.value.eq_ignore_ascii_case(text))
    }

    /// From the beginning of one token to the end of another.
    fn span(&self, first: usize, last: usize) -> Span {
        match (self.tokens.get(first), self.tokens.get(last)) {
            (Some(first), Some(last)) => first.span.union(&last.span),
            _ => Span::empty(),
        }
    }
}

/// The name that a token spells: an identifier, lower-case where unquoted, or a string.
pub(super) fn name_of(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_lowercase()),
        Token::Word(word) => Some(word.value.clone()),
        Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => Some(text.clone()),
        _ => None,
    }
}

/// The digits of a version: the tokenizer makes a number `.3` of what follows the name in `m.3`;
/// after a period of its own (`m . 3`) the number is plain.
pub(super) fn version_of(token: Option<&Token>, after_period: bool) -> Option<&str> {
    let Some(Token::Number(number, false)) = token else {
        return None;
    };
    let digits = if after_period {
        number.as_str()
    } else {
        number.strip_prefix('.')?
    };
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{becomes, fails, passes};

    /// What a query over `call` is for the stock parser.
    fn reads(call: &str, stock: &str) {
        becomes(
            &format!("SELECT * FROM {call}"),
            &format!("SELECT * FROM {stock}"),
        );
    }

    #[test]
    fn writes_models_as_strings() {
        reads("PREDICT(MODEL M)", "PREDICT('m')");
        reads("predict(model \"M\", t => 1)", "predict('M', t => 1)");
        reads("Evaluate(MODEL m.3)", "Evaluate('m.3')");
        reads("evaluate(MODEL m . 3 )", "evaluate('m.3')");
        reads("evaluate(MODEL 'm.3')", "evaluate('m.3')");
        reads(
            "evaluate ( /* c */ MODEL -- x\n model , x)",
            "evaluate('model', x)",
        );
        reads("ml_describe(MODEL m)", "ml_describe('m')");
    }

    #[test]
    fn writes_tables_as_queries() {
        reads("predict('m', TABLE t)", "predict('m', (SELECT * FROM t))");
        reads(
            "predict(MODEL m, TABLE s.\"T\" , a => 1)",
            "predict('m', (SELECT * FROM s.\"T\"), a => 1)",
        );
        reads(
            "predict(MODEL m, TABLE 'logs/*.parquet')",
            "predict('m', (SELECT * FROM 'logs/*.parquet'))",
        );
        reads(
            "evaluate(MODEL m, rows => TABLE table1)",
            "evaluate('m', rows => (SELECT * FROM table1))",
        );
        reads(
            "evaluate(MODEL table, TABLE model)",
            "evaluate('table', (SELECT * FROM model))",
        );
    }

    #[test]
    fn gives_a_bare_query_its_parentheses() {
        reads(
            "PREDICT(MODEL m, SELECT a, f(b, c => 1) FROM t, u WHERE a IN (1, 2), tasks => ['x'])",
            "PREDICT('m', (SELECT a, f(b, c => 1) FROM t, u WHERE a IN (1, 2)), tasks => ['x'])",
        );
        reads(
            "PREDICT(MODEL m, WITH c AS (SELECT 1) SELECT * FROM PREDICT(MODEL n, SELECT * FROM c))",
            "PREDICT('m', (WITH c AS (SELECT 1) SELECT * FROM PREDICT('n', (SELECT * FROM c))))",
        );
        fails("SELECT * FROM other('m', SELECT 1)");
        fails("SELECT * FROM predict('m', 1, SELECT 1)");
    }

    #[test]
    fn knows_the_other_spellings() {
        let stock = "predict('m', (SELECT * FROM t))";
        reads("ML.PREDICT(MODEL m, TABLE t)", stock);
        reads("ml . predict (MODEL m, TABLE t)", stock);
        reads("ML_PREDICT('m', TABLE t)", stock);
        reads("ml_roc_curve(MODEL m)", "roc_curve('m')");
    }

    #[test]
    fn works_wherever_a_query_stands() {
        let (ours, stock) = (
            "PREDICT(MODEL m, TABLE t)",
            "PREDICT('m', (SELECT * FROM t))",
        );
        for frame in [
            "WITH c AS (SELECT * FROM @) SELECT * FROM c",
            "SELECT a FROM t WHERE a IN (SELECT a FROM @ AS p WHERE EXISTS (SELECT 1 FROM @))",
            "SELECT * FROM t JOIN @ p ON t.a = p.a LEFT JOIN @ ON true",
            "SELECT * FROM t, @, LATERAL @",
            "SELECT (SELECT max(a) FROM @)",
            "SELECT * FROM (SELECT * FROM @) AS x UNION ALL SELECT * FROM @",
            "SELECT * FROM predict('a', (SELECT * FROM @))",
            "CREATE TABLE x AS SELECT * FROM @",
            "CREATE TABLE predict (model INT, a INT) AS SELECT * FROM @",
            "CREATE OR REPLACE VIEW v AS WITH c AS (SELECT * FROM @) SELECT * FROM c",
            "COPY (SELECT * FROM @) TO 'x.parquet' STORED AS PARQUET",
            "INSERT INTO predict (model) SELECT * FROM @",
            "PREPARE p AS SELECT * FROM @ WHERE a > $1",
            "EXPLAIN ANALYZE VERBOSE SELECT * FROM @",
            "EXPLAIN (SELECT * FROM @)",
            "DELETE FROM t WHERE a IN (SELECT a FROM @)",
            "SELECT a; SELECT * FROM @; SELECT model, t FROM t",
        ] {
            becomes(&frame.replace('@', ours), &frame.replace('@', stock));
        }
    }

    #[test]
    fn works_in_scalar_calls() {
        let pairs = [
            (
                "SELECT predict(MODEL r, named_struct('a', model)) FROM t",
                "SELECT predict('r', named_struct('a', model)) FROM t",
            ),
            (
                "SELECT a FROM t JOIN u ON predict(MODEL r, u.b)['p'] > 0.5",
                "SELECT a FROM t JOIN u ON predict('r', u.b)['p'] > 0.5",
            ),
            (
                "INSERT INTO t VALUES (1, predict(MODEL r, 2))",
                "INSERT INTO t VALUES (1, predict('r', 2))",
            ),
            (
                "SELECT NOT predict(MODEL r, x), -predict(MODEL r, x) FROM t ORDER BY predict(MODEL r, x)",
                "SELECT NOT predict('r', x), -predict('r', x) FROM t ORDER BY predict('r', x)",
            ),
        ];
        for (ours, stock) in pairs {
            becomes(ours, stock);
        }
    }

    #[test]
    fn leaves_the_words_alone_elsewhere() {
        for sql in [
            "SELECT a, model FROM t",
            "SELECT model m, a FROM t",
            "SELECT count(model), sum(a) AS model FROM model model",
            "SELECT predict, evaluate FROM generate",
            "SELECT * FROM predict",
            "SELECT * FROM predict WHERE model = 'x'",
            "SELECT predict.model FROM predict",
            "SELECT predict(model, x), predict(model) FROM t",
            "SELECT predict('ranker', named_struct('a', model)) FROM t",
            "SELECT predict(model.m, model + 1, table1) FROM t",
            "SELECT * FROM t AS predict (model, b)",
            "SELECT * FROM t AS predict (model INT, b INT)",
            "WITH predict (model, b) AS (SELECT 1, 2) SELECT model FROM predict",
            "CREATE TABLE predict (model INT, b INT)",
            "CREATE TABLE IF NOT EXISTS predict (model VARCHAR)",
            "CREATE TABLE ml.predict (model VARCHAR)",
            "CREATE EXTERNAL TABLE predict (model INT, b INT) STORED AS CSV LOCATION 'x'",
            "CREATE INDEX i ON predict (model DESC)",
            "CREATE VIEW predict (model) AS SELECT 1",
            "INSERT INTO predict (model) VALUES (1)",
            "SELECT s.predict(model) FROM t",
            "SELECT * FROM other(model, x => model)",
            "SELECT [model, 1], {'model': model} FROM t",
            "SELECT * FROM predict('m', (SELECT model, a FROM t), model => 'x')",
            "SELECT \"model\" FROM \"table\"",
            "SET model = 1",
        ] {
            passes(sql);
        }
        for sql in [
            "SELECT * FROM other(MODEL m)",
            "SELECT * FROM other('m', TABLE t)",
            "SELECT * FROM predict(MODEL m x)",
            "SELECT * FROM predict(x, MODEL m)",
            "SELECT * FROM predict(x, [TABLE t])",
            "SELECT * FROM predict((MODEL m))",
            "SELECT * FROM s.predict(MODEL m)",
            "SELECT * FROM predict(\"model\" m)",
            "SELECT * FROM predict(MODEL m., x)",
            "SELECT * FROM predict(MODEL m.3.4, x)",
            "SELECT * FROM \"PREDICT\"(MODEL m)",
        ] {
            fails(sql);
        }
    }

    #[test]
    fn errors_point_into_the_text_as_written() {
        let error = fails("SELECT *\nFROM PREDICT(MODEL m, TABLE logs) WHERE ,");
        assert!(error.contains("Line: 2, Column: 41"), "{error}");
    }
}
