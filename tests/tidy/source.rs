//! A source file as the rules see it: without comments, texts and tests.

/// One file.
#[derive(Clone)]
pub struct Source {
    /// From the root of the project, such as `src/domain/ids.rs`.
    pub path: String,
    /// As it was written.
    pub text: String,
    /// Without comments, and with the contents of texts blotted out.
    pub code: String,
    /// Whether the whole file is compiled for tests alone.
    pub is_test: bool,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into(), code: stripped(text), is_test: false }
    }

    /// The folder below `src`, or the file where it is in none: `domain`, `clock`.
    pub fn layer(&self) -> &str {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let end = inner.find('/').unwrap_or(inner.len());
        inner[..end].trim_end_matches(".rs")
    }

    /// Its lines of code outside tests, with their numbers.
    pub fn lines(&self) -> Vec<(usize, &str)> {
        let lines: Vec<_> = self.code.lines().collect();
        let mut kept = Vec::new();
        let mut at = if self.is_test { lines.len() } else { 0 };
        while at < lines.len() {
            if lines[at].trim() == "#[cfg(test)]" {
                at = end_of_item(&lines, at + 1);
            } else {
                kept.push((at + 1, lines[at]));
                at += 1;
            }
        }
        kept
    }
}

/// The line after an item that begins at `at`: after its `;`, or after its last brace.
fn end_of_item(lines: &[&str], mut at: usize) -> usize {
    let mut depth = 0i64;
    while at < lines.len() {
        let line = lines[at].trim();
        let braces = |brace| line.matches(brace).count() as i64;
        depth += braces('{') - braces('}');
        at += 1;
        let is_end = depth == 0 && (line.ends_with(';') || line.ends_with('}'));
        if is_end && !line.starts_with("#[") {
            break;
        }
    }
    at
}

/// Marks the files that are modules of tests: those that a `#[cfg(test)] mod name;` names, and
/// the files in their folders.
pub fn mark_tests(sources: &mut [Source]) {
    let mut roots = Vec::new();
    for source in sources.iter() {
        let lines: Vec<_> = source.code.lines().map(str::trim).collect();
        for (n, _) in lines.iter().enumerate().filter(|(_, line)| **line == "#[cfg(test)]") {
            let item = lines[n + 1..].iter().find(|line| !line.starts_with("#["));
            let name = item.and_then(|line| line.strip_suffix(';')?.split("mod ").nth(1));
            if let Some(name) = name {
                roots.push(format!("{}/{name}", folder_of(&source.path)));
            }
        }
    }
    for source in sources {
        let is_in = |root: &String| {
            source.path == format!("{root}.rs") || source.path.starts_with(&format!("{root}/"))
        };
        source.is_test |= roots.iter().any(is_in);
    }
}

/// Where the modules that a file declares are.
fn folder_of(path: &str) -> String {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    match stem.rsplit_once('/') {
        Some((folder, "mod" | "lib" | "main")) => folder.to_owned(),
        _ => stem.to_owned(),
    }
}

/// The text without comments, with every character of a literal blotted out.
fn stripped(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => {
                at += chars[at..].iter().take_while(|c| **c != '\n').count();
            }
            '/' if chars.get(at + 1) == Some(&'*') => at = block_end(&chars, at),
            _ if end > at => {
                let blot = |c: &char| if *c == '\n' { '\n' } else { '~' };
                code.extend(chars[at..end].iter().map(blot));
                at = end;
            }
            c => {
                code.push(c);
                at += 1;
            }
        }
    }
    code
}

fn block_end(chars: &[char], at: usize) -> usize {
    let closes = |n: &usize| chars[*n] == '*' && chars.get(n + 1) == Some(&'/');
    (at + 2..chars.len()).find(closes).map_or(chars.len(), |n| n + 2)
}

/// Where the literal that begins here ends; `at` itself where none begins.
fn literal_end(chars: &[char], at: usize) -> usize {
    let follows_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '"' => quoted_end(chars, at + 1, '"'),
        'r' if !follows_word || (at > 0 && chars[at - 1] == 'b') => raw_end(chars, at),
        // A lifetime has no quote after its first letter.
        '\'' if chars.get(at + 1) == Some(&'\\') => quoted_end(chars, at + 1, '\''),
        '\'' if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
}

fn quoted_end(chars: &[char], mut at: usize, quote: char) -> usize {
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn raw_end(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    let begin = at + 1 + hashes;
    if chars.get(begin) != Some(&'"') {
        return at;
    }
    let closes = |n: &usize| {
        chars[*n] == '"'
            && chars[n + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    (begin + 1..chars.len()).find(closes).map_or(chars.len(), |n| n + 1 + hashes)
}

/// The words of a line, each with what stands right before and after it.
pub fn words(line: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let begin = at + line[at..].find(is_word)?;
        let end = begin + line[begin..].find(|c| !is_word(c)).unwrap_or(line.len() - begin);
        at = end;
        Some((&line[..begin], &line[begin..end], &line[end..]))
    })
}

/// Whether the line names this crate (or another root of a path).
pub fn names_root(line: &str, root: &str) -> bool {
    words(line).any(|(before, word, after)| {
        let is_root =
            !before.ends_with("::") || before.trim_end_matches("::").ends_with([' ', '(']);
        let is_path = after.starts_with("::") || before.trim_end().ends_with("use");
        word == root && is_root && is_path && !before.ends_with('.')
    })
}
