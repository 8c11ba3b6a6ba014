//! A guess whether a `.js` file is CommonJS, so that its author gets a helpful message and not an odd error
//! of the engine.

/// If `source` uses CommonJS and shows no sign of an ES module. When in doubt it is not CommonJS: then the
/// engine judges.
pub(super) fn looks_like_commonjs(source: &str) -> bool {
    let uses_commonjs = ["module.exports", "exports.", "exports[", "(exports,", "require("]
        .iter()
        .any(|sign| source.contains(sign));
    uses_commonjs && !has_sign_of_es_module(source)
}

/// If there is an `import` or `export` that could be a statement, were it not in a string or a block comment.
fn has_sign_of_es_module(source: &str) -> bool {
    let may_follow = |keyword: &str, next: Option<char>| match next {
        Some(next) if next.is_whitespace() => true,
        Some('{' | '*') => true,
        Some('"' | '\'' | '.') => keyword == "import",
        _ => false,
    };
    source.lines().map(str::trim_start).filter(|line| !line.starts_with("//") && !line.starts_with("* ")).any(
        |line| {
            ["import", "export"].iter().any(|keyword| {
                line.match_indices(keyword).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    let after = line[at + keyword.len()..].chars().next();
                    // At a statement's start: of a line, or in minified code after a statement or a comment.
                    matches!(before, None | Some(';' | '}' | '/')) && may_follow(keyword, after.or(Some(' ')))
                })
            })
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses() {
        for source in [
            "module.exports = 1",
            "'use strict';\nexports.a = require('b');",
            "Object.defineProperty(exports, '__esModule', { value: true });",
            "// export this\nmodule.exports = { important: 1, exporter }",
            "const load = () => import('x'); module.exports = load",
            "/**\n * import of things\n */\nexports.x = 1",
        ] {
            assert!(looks_like_commonjs(source), "{source}");
        }
        for source in [
            "",
            "globalThis.x = 1",
            "export default 1",
            "import a from 'a'; module.exports = a",
            "import'a';exports.x=1",
            "  export { require } from './x'",
            "var a=require('x');export{a}",
            "const module = { exports: {} }; module.exports = 2;\nexport default module.exports",
            "/*! licence */export*from'x';require('y')",
            "export\n  default require('x')",
            "import.meta.url; require('x')",
        ] {
            assert!(!looks_like_commonjs(source), "{source}");
        }
    }
}
