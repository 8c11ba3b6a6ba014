//! From a file, or its text, to a [`Config`].

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::error::{ConfigError, ConfigErrors, Source};
use crate::limits::FILE_BYTES_MAX;
use crate::model::{App, Config};
use crate::schema;

impl Config {
    /// Reads a configuration file and checks it whole, also that the applications' paths exist.
    ///
    /// ```no_run
    /// # use nano_config::Config;
    /// match Config::from_file("nano.jsonc".as_ref()) {
    ///     Ok(config) => println!("{} applications", config.apps.len()),
    ///     Err(errors) => eprintln!("{errors}"),
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Every problem of the file; a single one if it cannot be read or is not JSON.
    pub fn from_file(path: &Path) -> Result<Config, ConfigErrors> {
        let text = read_text(path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let mut config = schema::read(&text, path, base, |app| app.try_exists().unwrap_or(false))?;
        config.file = Some(path.to_path_buf());
        Ok(config)
    }

    /// Reads the text of a configuration without touching the file system.
    ///
    /// `file` is the name that problems are reported under; relative paths of applications are joined to
    /// `base`.
    ///
    /// ```
    /// # use nano_config::Config;
    /// let text = r#"{ "apps": [{ "name": "api.example.com", "path": "api" }] } // one application"#;
    /// let config = Config::parse(text, "nano.jsonc".as_ref(), "/srv".as_ref())?;
    /// assert_eq!(config.apps[0].path, std::path::Path::new("/srv/api"));
    /// assert_eq!(config.routes().get(b"API.example.com:3000"), Some(&0));
    ///
    /// let errors = Config::parse("{ \"prot\": 80 }", "nano.jsonc".as_ref(), "".as_ref()).unwrap_err();
    /// assert!(errors.to_string().contains("nano.jsonc:1:3: unknown key \"prot\" (did you mean \"port\"?)"));
    /// # Ok::<(), nano_config::ConfigErrors>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Every problem of the text; a single one if it is not JSON.
    pub fn parse(text: &str, file: &Path, base: &Path) -> Result<Config, ConfigErrors> {
        schema::read(text, file, base, |_| true)
    }

    /// Reads one application as it would be written in `apps`, and checks that its path exists.
    ///
    /// Problems are reported under the file `request`; a relative path is joined to the directory of this
    /// configuration's file.
    ///
    /// # Errors
    ///
    /// Every problem of the text; a single one if it is not JSON.
    pub fn parse_app(&self, text: &str) -> Result<App, ConfigErrors> {
        let base = self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let exists = |app: &Path| app.try_exists().unwrap_or(false);
        schema::read_app(text, Path::new("request"), base, &self.defaults, exists)
    }
}

fn read_text(path: &Path) -> Result<String, ConfigErrors> {
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file at the limit from one beyond.
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| ConfigError::of_unreadable(path, error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let message = format!("a configuration file has at most {} MB", FILE_BYTES_MAX >> 20);
        return Err(ConfigError::of_file(path, message).into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        // The valid part is the same in both, so the offset holds.
        let source = Source::new(path, &text);
        let shift = if text.starts_with('\u{feff}') { 3 } else { 0 };
        source.error(valid - shift, valid + 3 - shift, "the file is not UTF-8 from here on").into()
    })
}
