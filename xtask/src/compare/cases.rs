//! The requests of an application, read from its requests.json. tests/apps/README.md says what each key
//! means.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bench::client::{Body, Request};

/// An application and what it is asked.
pub struct Suite {
    pub name: String,
    pub folder: PathBuf,
    pub classic: bool,
    pub env: Vec<(String, String)>,
    pub with: Vec<String>,
    pub cases: Vec<Case>,
}

/// One request and what is known of its answer.
pub struct Case {
    pub method: String,
    pub path: String,
    pub app: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: Body,
    pub requires: Vec<String>,
    pub status: Option<u16>,
    pub expect: Option<String>,
    pub contains: Option<String>,
    /// `None` for a header that must not be there.
    pub expect_headers: Vec<(String, Option<String>)>,
    pub until: Option<String>,
    pub status_only: bool,
    pub deviates: Option<String>,
    pub ignore: Vec<String>,
    pub note: Option<String>,
}

impl Case {
    /// The request as it is sent to a host.
    pub fn request(&self, host: &str) -> Request {
        Request {
            method: self.method.clone(),
            path: self.path.clone(),
            host: host.to_string(),
            headers: self.headers.clone(),
            body: self.body.clone(),
        }
    }
}

impl Suite {
    /// Reads `apps/NAME/requests.json`. Errors name the file and the request.
    pub fn read(apps: &Path, name: &str) -> Result<Suite, String> {
        let folder = apps.join(name);
        let file = folder.join("requests.json");
        let text =
            fs::read_to_string(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let suite = (|| {
            let value: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            known(&value, &["format", "env", "with", "requests"])?;
            let classic = match value["format"].as_str() {
                None | Some("modules") => false,
                Some("service-worker") => true,
                Some(other) => return Err(format!("there is no format `{other}`")),
            };
            let mut cases = Vec::new();
            for (at, case) in
                value["requests"].as_array().ok_or("`requests` must be a list")?.iter().enumerate()
            {
                cases.push(read_case(case).map_err(|error| format!("request {}: {error}", at + 1))?);
            }
            let env = pairs(&value["env"])?
                .into_iter()
                .map(|(name, value)| value.map(|value| (name, value)).ok_or("a variable must be text"))
                .collect::<Result<_, _>>()?;
            Ok::<_, String>(Suite {
                name: name.into(),
                folder: folder.clone(),
                classic,
                env,
                with: texts(&value["with"])?,
                cases,
            })
        })();
        suite.map_err(|error| format!("{}: {error}", file.display()))
    }
}

fn read_case(value: &Value) -> Result<Case, String> {
    known(
        value,
        &[
            "path",
            "method",
            "headers",
            "body",
            "chunks",
            "app",
            "requires",
            "status",
            "expect",
            "contains",
            "expectHeaders",
            "until",
            "compare",
            "deviates",
            "ignore",
            "note",
        ],
    )?;
    let text = |key: &str| match &value[key] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(format!("`{key}` must be text")),
    };
    let body = match (&value["body"], &value["chunks"]) {
        (Value::Null, Value::Null) => Body::None,
        (Value::Null, chunks) => Body::Chunks(texts(chunks)?.into_iter().map(String::into_bytes).collect()),
        (Value::String(text), Value::Null) => Body::Whole(text.clone().into_bytes()),
        (body, Value::Null) => {
            known(body, &["base64", "text", "repeat"])?;
            let bytes = match (body["base64"].as_str(), body["text"].as_str()) {
                (Some(coded), None) => base64(coded)?,
                (None, Some(text)) => text.as_bytes().to_vec(),
                _ => return Err("`body` wants either `base64` or `text`".into()),
            };
            let times = body["repeat"].as_u64().unwrap_or(1);
            Body::Whole(bytes.repeat(usize::try_from(times).map_err(|error| error.to_string())?))
        }
        _ => return Err("`body` and `chunks` exclude each other".into()),
    };
    let mut headers = Vec::new();
    for header in value["headers"].as_array().into_iter().flatten() {
        match (header[0].as_str(), header[1].as_str()) {
            (Some(name), Some(value)) => headers.push((name.to_string(), value.to_string())),
            _ => return Err("`headers` is a list of [name, value]".into()),
        }
    }
    let status_only = match value["compare"].as_str() {
        None | Some("all") => false,
        Some("status") => true,
        Some(other) => return Err(format!("`compare` cannot be `{other}`")),
    };
    let deviates = text("deviates")?;
    if deviates.is_some() && value["expect"].is_null() && value["status"].is_null() {
        return Err("`deviates` wants `expect` or `status`, or nothing would be checked".into());
    }
    Ok(Case {
        method: text("method")?.unwrap_or_else(|| "GET".into()),
        path: text("path")?.ok_or("`path` is missing")?,
        app: text("app")?,
        headers,
        body,
        requires: texts(&value["requires"])?,
        status: value["status"].as_u64().and_then(|status| u16::try_from(status).ok()),
        expect: text("expect")?,
        contains: text("contains")?,
        expect_headers: pairs(&value["expectHeaders"])?,
        until: text("until")?,
        status_only,
        deviates,
        ignore: texts(&value["ignore"])?,
        note: text("note")?,
    })
}

/// An unknown key is a mistyped one: what it should have checked would pass unseen.
fn known(value: &Value, keys: &[&str]) -> Result<(), String> {
    let object = value.as_object().ok_or("must be an object")?;
    match object.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("unknown key `{key}`")),
        None => Ok(()),
    }
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        _ => return Err(format!("{value} must be a list of texts")),
    };
    items
        .iter()
        .map(|item| item.as_str().map(str::to_string).ok_or_else(|| format!("{item} must be a text")))
        .collect()
}

fn pairs(value: &Value) -> Result<Vec<(String, Option<String>)>, String> {
    let mut pairs = Vec::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Null => pairs.push((key.clone(), None)),
            Value::String(text) => pairs.push((key.clone(), Some(text.clone()))),
            _ => return Err(format!("`{key}` must be a text")),
        }
    }
    Ok(pairs)
}

fn base64(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for character in text.bytes().filter(|byte| *byte != b'=') {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(format!("`{text}` is not base64")),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_application_has_requests_that_can_be_read() {
        let apps = crate::util::workspace_root().join("tests/apps");
        let mut read = 0;
        for app in super::super::applications().expect("the applications") {
            let suite = Suite::read(&apps, &app).unwrap_or_else(|error| panic!("{error}"));
            assert!(!suite.cases.is_empty(), "{app} is asked nothing");
            read += 1;
        }
        assert!(read >= 10, "only {read} applications");
    }

    #[test]
    fn base64_is_decoded() {
        assert_eq!(base64("AAECA/8AgP7/").expect("valid"), [0, 1, 2, 3, 255, 0, 128, 254, 255]);
        assert_eq!(base64("YQ==").expect("valid"), b"a");
        assert!(base64("a-b").is_err());
    }

    #[test]
    fn mistyped_keys_are_errors() {
        let case = serde_json::json!({ "path": "/", "expected": "x" });
        assert!(read_case(&case).is_err_and(|error| error.contains("expected")));
    }
}
