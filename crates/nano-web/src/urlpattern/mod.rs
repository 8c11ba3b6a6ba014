//! URL Pattern Standard. All of it is JavaScript, over `url/`.

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;

pub(crate) static STANDARD: Standard = Standard {
    name: "urlpattern",
    uses: &["expose", "primordials", "url", "webidl"],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["urlpattern/syntax.js", "urlpattern/canonicalize.js", "urlpattern/urlpattern.js"],
        exports: ["patternSyntax", "patternComponents"],
        globals: ["URLPattern"],
        enumerable: [],
        exercise: r#"
            const p = new URLPattern({ pathname: "/a/:b" }); p.test("http://localhost/a/c"); p.exec("http://localhost/a/c").pathname.groups.b;
            new URLPattern("https://*.example.com/:a#c").test({ hostname: "a.example.com" });
        "#
    }
};
