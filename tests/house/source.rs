//! A source file taken apart: code, comments, paths, and what is test code.

/// Byte-for-byte, comments and literals replaced by spaces; and the comments.
#[derive(Debug)]
pub(crate) struct Source {
    /// The code of each line.
    pub(crate) code: Vec<String>,
    /// The comments of each line.
    pub(crate) comments: Vec<String>,
    /// Whether each line belongs to an item under `#[cfg(test)]` or `#[test]`.
    pub(crate) test: Vec<bool>,
    /// Every path, `use` trees flattened.
    pub(crate) paths: Vec<NamedPath>,
}

/// A path such as `std::sync::Arc`.
#[derive(Debug)]
pub(crate) struct NamedPath {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    pub(crate) imported: bool,
    /// The inline modules around it.
    pub(crate) inside: Vec<String>,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let (code, comments) = split(text);
        let test = test_lines(&code);
        let paths = paths(&code);
        let lines = |text: &str| text.split('\n').map(str::to_owned).collect::<Vec<_>>();
        Self {
            code: lines(&code),
            comments: lines(&comments),
            test,
            paths,
        }
    }
}

/// The code and the comments, each with the other blanked out.
fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut at = 0;
    let push =
        |code: &mut String, comments: &mut String, c: char, is_code: bool, is_comment: bool| {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if is_code { c } else { blank });
            comments.push(if is_comment { c } else { blank });
        };
    while at < chars.len() {
        let rest = &chars[at..];
        let word_before = at > 0 && is_word(chars[at - 1]);
        let (length, is_code, is_comment) = if rest.starts_with(&['/', '/']) {
            (
                rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
                false,
                true,
            )
        } else if rest.starts_with(&['/', '*']) {
            (block_comment(rest), false, true)
        } else if let Some(length) = literal(rest, word_before) {
            (length, false, false)
        } else {
            (1, true, false)
        };
        for c in &rest[..length] {
            push(&mut code, &mut comments, *c, is_code, is_comment);
        }
        at += length;
    }
    (code, comments)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(&['/', '*']) {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(&['*', '/']) {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The length of the string or character literal that begins here.
fn literal(rest: &[char], word_before: bool) -> Option<usize> {
    let mut prefix = 0;
    if !word_before {
        while prefix < 2 && rest.get(prefix).is_some_and(|c| "brc".contains(*c)) {
            prefix += 1;
        }
    }
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let raw = prefix > 0 && rest[prefix - 1] == 'r';
    match rest.get(prefix + hashes) {
        Some('"') if raw => {
            let mut end = vec!['"'];
            end.resize(hashes + 1, '#');
            let body = prefix + hashes + 1;
            let closed = rest[body..].windows(end.len()).position(|w| w == end);
            Some(closed.map_or(rest.len(), |at| body + at + end.len()))
        }
        Some('"') if hashes == 0 => Some(quoted(rest, prefix, '"')),
        Some('\'') if hashes == 0 => {
            // `'a'` and `'\n'` are characters, `'a` is a lifetime.
            let character =
                rest.get(prefix + 1) == Some(&'\\') || rest.get(prefix + 2) == Some(&'\'');
            character.then(|| quoted(rest, prefix, '\''))
        }
        _ => None,
    }
}

fn quoted(rest: &[char], prefix: usize, quote: char) -> usize {
    let mut at = prefix + 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Which lines belong to an item marked as a test.
fn test_lines(code: &str) -> Vec<bool> {
    let mut lines = vec![false; code.split('\n').count()];
    for mark in ["#[cfg(test)]", "#[cfg(all(test", "#[test]"] {
        for (start, _) in code.match_indices(mark) {
            let first = code[..start].matches('\n').count();
            let last = code[..item_end(code, start)].matches('\n').count();
            lines[first..=last].fill(true);
        }
    }
    lines
}

/// Where the item that begins at `start`, attributes first, ends.
fn item_end(code: &str, start: usize) -> usize {
    let (mut braces, mut others) = (0i32, 0i32);
    for (at, c) in code[start..].char_indices() {
        match c {
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            '{' => braces += 1,
            '}' => braces -= 1,
            _ => {}
        }
        let ends = (c == '}' && braces <= 0) || (c == ';' && braces == 0);
        if ends && others <= 0 {
            return start + at;
        }
    }
    code.len()
}

/// A word, `::`, or any other sign, with its line.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let chars: Vec<char> = code.chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 0);
    while at < chars.len() {
        let length = if is_word(chars[at]) {
            chars[at..].iter().take_while(|c| is_word(**c)).count()
        } else if chars[at..].starts_with(&[':', ':']) {
            2
        } else {
            1
        };
        if chars[at] == '\n' {
            line += 1;
        } else if !chars[at].is_whitespace() {
            found.push((line, chars[at..at + length].iter().collect()));
        }
        at += length;
    }
    found
}

fn paths(code: &str) -> Vec<NamedPath> {
    let tokens = tokens(code);
    let word = |at: usize| tokens.get(at).map_or("", |(_, t)| t.as_str());
    let starts_path = |t: &str| t.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut found = Vec::new();
    let mut modules: Vec<Option<String>> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let inside: Vec<String> = modules.iter().flatten().cloned().collect();
        match word(at) {
            "{" => {
                let named = at >= 2 && word(at - 2) == "mod";
                modules.push(named.then(|| word(at - 1).to_owned()));
            }
            "}" => drop(modules.pop()),
            "use" if starts_path(word(at + 1)) || word(at + 1) == "::" || word(at + 1) == "{" => {
                let end = (at..tokens.len())
                    .find(|i| word(*i) == ";")
                    .unwrap_or(tokens.len());
                let mut next = at + 1;
                let mut tree = Vec::new();
                flatten(&tokens[..end], &mut next, &[], &mut tree);
                found.extend(tree.into_iter().map(|(line, segments)| NamedPath {
                    line,
                    segments,
                    imported: true,
                    inside: inside.clone(),
                }));
                at = end;
            }
            first if starts_path(first) && word(at + 1) == "::" => {
                let mut segments = vec![first.to_owned()];
                let line = tokens[at].0;
                while word(at + 1) == "::" && starts_path(word(at + 2)) {
                    at += 2;
                    segments.push(word(at).to_owned());
                }
                found.push(NamedPath {
                    line,
                    segments,
                    imported: false,
                    inside,
                });
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Flattens the `use` tree at `next`: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn flatten(
    tokens: &[(usize, String)],
    next: &mut usize,
    before: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) {
    let mut path = before.to_vec();
    let mut line = tokens.get(*next).map_or(0, |t| t.0);
    while let Some((at, token)) = tokens.get(*next) {
        match token.as_str() {
            "," | "}" => break,
            "{" => {
                *next += 1;
                while tokens.get(*next).is_some_and(|t| t.1 != "}") {
                    flatten(tokens, next, &path, found);
                    if tokens.get(*next).is_some_and(|t| t.1 == ",") {
                        *next += 1;
                    }
                }
                *next += 1;
                return;
            }
            "as" => *next += 1,
            "::" => {}
            "self" if !path.is_empty() => {}
            word => {
                line = *at;
                path.push(word.to_owned());
            }
        }
        *next += 1;
    }
    found.push((line, path));
}
