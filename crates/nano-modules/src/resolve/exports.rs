//! `exports` and `imports` of a package.json, by the algorithms of Node's "ESM resolver" (doc/api/esm.md),
//! whose names the functions have. Knows no files: what comes out is what the package.json says.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::specifier::scheme;

/// What an entry of `exports` or `imports` leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A file in the package: `./…`, percent-encoded.
    File(String),
    /// Another package's specifier, from `imports` only.
    Package(String),
}

/// Why it leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing is defined for it, or `null` is.
    NotDefined,
    /// The field is malformed: a message.
    Invalid(String),
    /// What a pattern's `*` stands for would leave the package.
    InvalidMatch,
}

type Resolution = Result<Option<Target>, Fault>;

/// PACKAGE_EXPORTS_RESOLVE: `subpath` is `.` or starts with `./`.
pub(super) fn package_exports_resolve(
    exports: &Value,
    subpath: &str,
    conditions: &[&str],
) -> Result<Target, Fault> {
    let keyed_by_path = match exports {
        Value::Object(map) => {
            let dotted = map.keys().filter(|key| key.starts_with('.')).count();
            if dotted > 0 && dotted < map.len() {
                return Err(Fault::Invalid(
                    "\"exports\" mixes subpaths, which start with a dot, and conditions, which do not"
                        .to_owned(),
                ));
            }
            (dotted > 0).then_some(map)
        }
        _ => None,
    };
    let resolved = match keyed_by_path {
        None if subpath == "." => package_target_resolve(exports, None, "exports", conditions)?,
        None => None,
        Some(map) => package_imports_exports_resolve(subpath, map, "exports", conditions)?,
    };
    resolved.ok_or(Fault::NotDefined)
}

/// PACKAGE_IMPORTS_RESOLVE, once the package.json is found: `key` starts with `#`.
pub(super) fn package_imports_resolve(
    imports: &Value,
    key: &str,
    conditions: &[&str],
) -> Result<Target, Fault> {
    let Value::Object(map) = imports else { return Err(Fault::NotDefined) };
    package_imports_exports_resolve(key, map, "imports", conditions)?.ok_or(Fault::NotDefined)
}

/// PACKAGE_IMPORTS_EXPORTS_RESOLVE.
fn package_imports_exports_resolve(
    key: &str,
    map: &Map<String, Value>,
    field: &str,
    conditions: &[&str],
) -> Resolution {
    if key.ends_with('/') {
        return Ok(None);
    }
    if !key.contains('*')
        && let Some(target) = map.get(key)
    {
        return package_target_resolve(target, None, field, conditions);
    }
    let mut patterns: Vec<(&str, &str, &Value)> = map
        .iter()
        .filter_map(|(pattern, target)| {
            let (base, trailer) = pattern.split_once('*')?;
            (!trailer.contains('*')).then_some((base, trailer, target))
        })
        .collect();
    patterns.sort_by(|a, b| pattern_key_compare((a.0, a.1), (b.0, b.1)));
    for (base, trailer, target) in patterns {
        if key.len() > base.len()
            && key.len() > base.len() + trailer.len()
            && let Some(matched) = key.strip_prefix(base).and_then(|rest| rest.strip_suffix(trailer))
        {
            return package_target_resolve(target, Some(matched), field, conditions);
        }
    }
    Ok(None)
}

/// PATTERN_KEY_COMPARE: the longer base first, then the longer key.
fn pattern_key_compare(a: (&str, &str), b: (&str, &str)) -> Ordering {
    b.0.len().cmp(&a.0.len()).then(b.1.len().cmp(&a.1.len()))
}

/// PACKAGE_TARGET_RESOLVE. `None` is both its `null` and its `undefined`: see the callers of
/// [`target_resolve`].
fn package_target_resolve(
    target: &Value,
    matched: Option<&str>,
    field: &str,
    conditions: &[&str],
) -> Resolution {
    Ok(target_resolve(target, matched, field, conditions)?.flatten())
}

/// PACKAGE_TARGET_RESOLVE: `None` is `undefined`, `Some(None)` is `null`. The depth is limited by that of
/// JSON.
fn target_resolve(
    target: &Value,
    matched: Option<&str>,
    field: &str,
    conditions: &[&str],
) -> Result<Option<Option<Target>>, Fault> {
    match target {
        Value::String(target) => string_target(target, matched, field).map(|target| Some(Some(target))),
        Value::Object(map) => {
            for (condition, target) in map {
                if condition.parse::<u32>().is_ok() {
                    return Err(Fault::Invalid(format!(
                        "{field:?} has the number {condition} as a condition"
                    )));
                }
                if (condition == "default" || conditions.contains(&condition.as_str()))
                    && let Some(resolved) = target_resolve(target, matched, field, conditions)?
                {
                    return Ok(Some(resolved));
                }
            }
            Ok(None)
        }
        Value::Array(targets) => {
            // The first that leads somewhere; a malformed one is passed over, for what a newer Node
            // understands.
            let mut last = Ok(if targets.is_empty() { Some(None) } else { None });
            for target in targets {
                match target_resolve(target, matched, field, conditions) {
                    Ok(None) => {}
                    Ok(Some(Some(resolved))) => return Ok(Some(Some(resolved))),
                    other => last = other,
                }
            }
            last
        }
        Value::Null => Ok(Some(None)),
        Value::Bool(_) | Value::Number(_) => {
            Err(Fault::Invalid(format!("{field:?} has the target {target}, which is no path")))
        }
    }
}

fn string_target(target: &str, matched: Option<&str>, field: &str) -> Result<Target, Fault> {
    let invalid = |why: &str| Err(Fault::Invalid(format!("{field:?} has the target {target:?}, {why}")));
    let expanded = match matched {
        Some(matched) => target.replace('*', matched),
        None => target.to_owned(),
    };
    let Some(inside) = target.strip_prefix("./") else {
        let is_package = !target.starts_with("../") && !target.starts_with('/') && scheme(target).is_none();
        return if field == "imports" && is_package && !target.is_empty() {
            Ok(Target::Package(expanded))
        } else {
            invalid("which does not start with ./")
        };
    };
    if has_invalid_segment(inside) {
        return invalid("which leaves the package or goes into node_modules");
    }
    if matched.is_some_and(has_invalid_segment) {
        return Err(Fault::InvalidMatch);
    }
    Ok(Target::File(expanded))
}

/// If the path has an empty, `.`, `..` or `node_modules` segment, however it is written.
fn has_invalid_segment(path: &str) -> bool {
    path.split(['/', '\\']).any(|segment| {
        let decoded = super::specifier::UrlPath { path: segment, suffix: "" }.segments();
        match decoded.as_deref() {
            Ok([segment]) => {
                matches!(segment.as_str(), "" | "." | "..") || segment.eq_ignore_ascii_case("node_modules")
            }
            _ => true,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::conditions::CONDITIONS;
    use super::*;

    fn file(path: &str) -> Result<Target, Fault> {
        Ok(Target::File(path.to_owned()))
    }

    #[track_caller]
    fn exported(exports: &str, cases: &[(&str, Option<&str>)]) {
        let value: Value = serde_json::from_str(exports).unwrap();
        for &(subpath, path) in cases {
            let expected = path.map_or(Err(Fault::NotDefined), file);
            assert_eq!(
                package_exports_resolve(&value, subpath, &CONDITIONS),
                expected,
                "{exports} {subpath}"
            );
        }
    }

    #[test]
    fn one_export() {
        exported(r#""./a.js""#, &[(".", Some("./a.js")), ("./a.js", None), ("./b", None)]);
        exported(r#"{"import": "./a.js"}"#, &[(".", Some("./a.js")), ("./a.js", None)]);
        exported(r#"{".": "./a.js"}"#, &[(".", Some("./a.js")), ("./.", None)]);
        exported("{}", &[(".", None)]);
        exported("[]", &[(".", None)]);
        exported(r#"{".": null}"#, &[(".", None)]);
    }

    #[test]
    fn conditions_hold_in_the_order_of_the_object() {
        exported(r#"{"default": "./d.js", "workerd": "./w.js"}"#, &[(".", Some("./d.js"))]);
        exported(
            r#"{"worker": "./w.js", "workerd": "./wd.js", "default": "./d.js"}"#,
            &[(".", Some("./w.js"))],
        );
        exported(r#"{"zeta": "./z.js", "import": "./i.js", "default": "./d.js"}"#, &[(".", Some("./i.js"))]);
        exported(
            r#"{"node": "./n.js", "browser": "./b.js", "require": "./r.cjs", "default": "./d.js"}"#,
            &[(".", Some("./d.js"))],
        );
        exported(r#"{"require": "./r.cjs", "node": "./n.js"}"#, &[(".", None)]);
        // An object without a match is passed over; one that says null is not.
        exported(r#"{"import": {"node": "./n.js"}, "default": "./d.js"}"#, &[(".", Some("./d.js"))]);
        exported(r#"{"import": {"node": "./n.js", "default": null}, "default": "./d.js"}"#, &[(".", None)]);
        exported(r#"{"import": {"types": "./t.d.ts", "default": "./i.js"}}"#, &[(".", Some("./i.js"))]);
    }

    #[test]
    fn subpaths_and_patterns() {
        exported(
            r#"{
                ".": "./main.js", "./a": "./lib/a.js", "./f/*": "./f/*.js", "./f/deep/*": "./deep/*/*.js",
                "./f/private/*": null, "./x/*.js": "./x/*.js", "./x/*": "./x/*/index.js", "./no/": "./no/"
            }"#,
            &[
                (".", Some("./main.js")),
                ("./a", Some("./lib/a.js")),
                ("./b", None),
                ("./f/one", Some("./f/one.js")),
                ("./f/one/two", Some("./f/one/two.js")),
                ("./f/", None),
                ("./f/deep/x", Some("./deep/x/x.js")),
                ("./f/private/x", None),
                ("./x/y.js", Some("./x/y.js")),
                ("./x/y", Some("./x/y/index.js")),
                ("./x/.js", Some("./x/.js/index.js")),
                ("./no/a", None),
                ("./f/*", Some("./f/*.js")),
            ],
        );
        exported(r#"{"./*": "./*", "./a*b*": "./bad"}"#, &[("./x.js", Some("./x.js")), (".", None)]);
        exported(
            r#"{"./*": {"workerd": "./w/*.js", "default": "./d/*.js"}, "./s": [{"node": "./n.js"}, "./s.js"]}"#,
            &[("./x", Some("./w/x.js")), ("./s", Some("./s.js"))],
        );
    }

    #[test]
    fn arrays_take_the_first_that_is_valid() {
        exported(
            r#"["bad", {"node": "./n.js"}, null, "./good.js", "./later.js"]"#,
            &[(".", Some("./good.js"))],
        );
        exported(r#"["bad", null]"#, &[(".", None)]);
        let value = serde_json::json!([null, "bad"]);
        assert!(matches!(package_exports_resolve(&value, ".", &CONDITIONS), Err(Fault::Invalid(_))));
    }

    #[test]
    fn malformed_fields() {
        for exports in [
            r#"{".": "./a.js", "import": "./b.js"}"#,
            r#""a.js""#,
            r#""../a.js""#,
            r#""/a.js""#,
            r#""https://a.example/a.js""#,
            r#""./../a.js""#,
            r#""./x/%2e%2E/a.js""#,
            r#""./node_modules/b/a.js""#,
            r#""./NODE%5Fmodules/b/a.js""#,
            r#""./x//a.js""#,
            r#""./a%2fb.js""#,
            r#""""#,
            r#"{"import": 1}"#,
            r#"{".": true}"#,
            r#"{"0": "./a.js"}"#,
        ] {
            let value: Value = serde_json::from_str(exports).unwrap();
            let fault = package_exports_resolve(&value, ".", &CONDITIONS);
            assert!(matches!(fault, Err(Fault::Invalid(_))), "{exports} {fault:?}");
        }
        let value = serde_json::json!({"./*": "./lib/*"});
        for subpath in ["./../a", "./x/../../a", "./node_modules/a", "./%2e%2e/a", "./a//b", "./a\\..\\b"] {
            assert_eq!(
                package_exports_resolve(&value, subpath, &CONDITIONS),
                Err(Fault::InvalidMatch),
                "{subpath}"
            );
        }
    }

    #[test]
    fn imports() {
        let value = serde_json::json!({
            "#a": "./a.js", "#dep": {"node": "dep-node", "default": "dep/sub"}, "#p/*": "other/*", "#f/*.js": "./f/*.js",
            "#gone": null, "#url": "https://a.example/", "#up": "../a.js", "#/s": "./s.js"
        });
        let resolve = |key| package_imports_resolve(&value, key, &CONDITIONS);
        let package = |name: &str| Ok(Target::Package(name.to_owned()));
        assert_eq!(resolve("#a"), file("./a.js"));
        assert_eq!(resolve("#dep"), package("dep/sub"));
        assert_eq!(resolve("#p/x/y"), package("other/x/y"));
        assert_eq!(resolve("#f/x.js"), file("./f/x.js"));
        assert_eq!(resolve("#/s"), file("./s.js"));
        for key in ["#gone", "#none", "#f/x", "#p/"] {
            assert_eq!(resolve(key), Err(Fault::NotDefined), "{key}");
        }
        for key in ["#url", "#up"] {
            assert!(matches!(resolve(key), Err(Fault::Invalid(_))), "{key}");
        }
    }
}
