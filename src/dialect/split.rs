//! Cuts a text into statements at its semicolons, for shells and scripts.

/// One statement of a text, without its semicolon and without white space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The statement, with the comments in and before it.
    pub text: &'a str,
    /// Whether a semicolon ended it; the last piece of a text may lack one.
    pub complete: bool,
}

/// Cuts `text` at each `;` outside of quotes and comments. Pieces without anything but white
/// space and comments are left out; a comment or quote that is never closed is a piece, so that a
/// shell can ask for more lines.
pub fn split_statements(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut scanner = Scanner { text, at: 0 };
    while scanner.at < text.len() {
        let start = scanner.at;
        let mut substance = false;
        let complete = loop {
            match scanner.advance() {
                Item::Blank => {}
                Item::Substance => substance = true,
                Item::Semicolon => break true,
                Item::End => break false,
            }
        };
        let end = scanner.at - usize::from(complete);
        if let Some(piece) = text.get(start..end)
            && substance
        {
            let text = piece.trim();
            pieces.push(Piece { text, complete });
        }
    }
    pieces
}

/// What a step of the scanner passed over.
enum Item {
    /// White space or a whole comment.
    Blank,
    /// Anything that belongs to a statement.
    Substance,
    /// The end of a statement.
    Semicolon,
    /// The end of the text.
    End,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self) -> Item {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Item::End;
        };
        if rest.starts_with("--") {
            self.at += rest.find('\n').unwrap_or(rest.len());
            return Item::Blank;
        }
        if rest.starts_with("/*") {
            return self.comment();
        }
        if rest.starts_with("//") {
            self.at += 2; // An operator: what follows it opens no comment with its second half.
            return Item::Substance;
        }
        match first {
            ';' => {
                self.at += 1;
                Item::Semicolon
            }
            '\'' | '"' | '`' => self.quoted(first, false),
            '$' => self.dollar(),
            _ if first.is_whitespace() => {
                self.at += first.len_utf8();
                Item::Blank
            }
            _ if is_word(first) && !first.is_numeric() => self.word(),
            _ => {
                self.at += first.len_utf8();
                Item::Substance
            }
        }
    }

    /// A word, and the string that belongs to it: a backslash escapes in `E'it\'s'`.
    fn word(&mut self) -> Item {
        let rest = self.rest();
        let length = rest
            .find(|c| !(is_word(c) || c == '$'))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        self.at += length;
        if word.eq_ignore_ascii_case("e") && after.starts_with('\'') {
            return self.quoted('\'', true);
        }
        Item::Substance
    }

    /// A quoted text, in which a doubled quote stands for one.
    fn quoted(&mut self, quote: char, backslash: bool) -> Item {
        let mut rest = self.rest().char_indices().skip(1).peekable();
        while let Some((at, c)) = rest.next() {
            if c == '\\' && backslash {
                rest.next();
            } else if c == quote && rest.next_if(|(_, next)| *next == quote).is_none() {
                self.at += at + quote.len_utf8();
                return Item::Substance;
            }
        }
        self.at = self.text.len();
        Item::Substance
    }

    /// A comment `/* ... */`; comments nest.
    fn comment(&mut self) -> Item {
        let bytes = self.text.as_bytes();
        let mut depth = 0usize;
        while let Some(pair) = bytes.get(self.at..self.at + 2) {
            match pair {
                b"/*" => depth += 1,
                b"*/" => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return Item::Blank;
            }
        }
        self.at = self.text.len();
        Item::Substance
    }

    /// `$$ ... $$`, `$tag$ ... $tag$`, or a placeholder `$1`.
    fn dollar(&mut self) -> Item {
        let rest = self.rest();
        let tag = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| !(c.is_alphanumeric() || *c == '_'));
        match tag {
            Some((at, '$')) => {
                let (delimiter, after) = rest.split_at(at + 1);
                let body = after.find(delimiter);
                let length = body.map(|body| 2 * delimiter.len() + body);
                self.at += length.unwrap_or(rest.len());
            }
            _ => self.at += 1,
        }
        Item::Substance
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '#')
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

    use super::*;

    fn texts(text: &str) -> Vec<(&str, bool)> {
        let pieces = split_statements(text);
        pieces.iter().map(|p| (p.text, p.complete)).collect()
    }

    #[test]
    fn cuts_at_semicolons() {
        assert_eq!(
            texts("SELECT 1;\n SELECT 2 ; SELECT 3\n"),
            [("SELECT 1", true), ("SELECT 2", true), ("SELECT 3", false)]
        );
    }

    #[test]
    fn drops_what_holds_no_statement() {
        for text in [
            "",
            " \n",
            ";",
            " ; ;; ",
            "-- a; b",
            "/* a; /* b */ */ ;",
            "-- x\n;",
        ] {
            assert_eq!(texts(text), [], "{text:?}");
        }
    }

    #[test]
    fn keeps_comments_with_their_statement() {
        assert_eq!(
            texts("-- a;\nSELECT /* ; */ 1 -- ;\n; -- end"),
            [("-- a;\nSELECT /* ; */ 1 -- ;", true)]
        );
    }

    #[test]
    fn sees_no_end_inside_quotes() {
        for one in [
            "SELECT ';'",
            "SELECT 'it''s; so'",
            "SELECT \"a;b\", `c;d`",
            "SELECT 'back\\', 1",
            r"SELECT E'it\'s; so', e'a'';b'",
            "SELECT $$a;b$$, $x$a;$$;b$x$",
            "SELECT a$b, $1, 'é;'",
        ] {
            let text = format!("{one};SELECT 2");
            assert_eq!(texts(&text), [(one, true), ("SELECT 2", false)], "{one}");
        }
    }

    #[test]
    fn calls_open_quotes_and_comments_incomplete() {
        for open in [
            "SELECT 'a;",
            "SELECT \"a;",
            "SELECT $$a; $",
            "/* a;",
            "SELECT 1 /* /* */;",
        ] {
            let text = format!("SELECT 1; {open}");
            assert_eq!(texts(&text), [("SELECT 1", true), (open, false)], "{open}");
        }
    }

    #[test]
    fn agrees_with_the_tokenizer() {
        let parts = [
            ";", "'", "''", "\"", "`", "--", "\n", "/*", "*/", "a", "e", "E'", " ", "$$", "$t$",
            "$1", "1", "é", "x'", "(", ",", "n", "-", "/",
        ];
        let mut compared = 0;
        for seed in 0..40_000u64 {
            let text: String = super::super::tests::picks(seed, 12)
                .map(|i| parts[i % parts.len()])
                .collect();
            let Ok(tokens) = Tokenizer::new(&GenericDialect {}, &text).tokenize() else {
                continue;
            };
            let statements = tokens
                .split(|t| *t == Token::SemiColon)
                .filter(|s| s.iter().any(|t| !matches!(t, Token::Whitespace(_))));
            assert_eq!(
                split_statements(&text).len(),
                statements.count(),
                "{text:?}"
            );
            compared += 1;
        }
        assert!(compared > 5_000, "{compared}");
    }
}
