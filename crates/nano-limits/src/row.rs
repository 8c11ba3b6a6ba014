//! One limit, and the macros that make typed fields of a table of them. Knows no limit by name.

/// A number that the operator can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its key in the configuration file.
    pub key: &'static str,
    /// The object of the configuration file that has the key.
    pub place: Place,
    /// The unit of the numbers here and in the file.
    pub unit: Unit,
    /// Its value when nothing sets it.
    pub default: u64,
    /// Words for the default, where the number stands for something else.
    pub default_words: Option<&'static str>,
    /// The smallest value that can be set.
    pub min: u64,
    /// The largest value that can be set.
    pub max: u64,
    /// The option of `nano serve` that sets it, if one does, without its dashes.
    pub option: Option<&'static str>,
    /// The quantity that it bounds, in a few words.
    pub meaning: &'static str,
    /// The answer of the server or the runtime at the limit.
    pub effect: &'static str,
    /// The reason for the default and the range.
    pub reason: &'static str,
    /// The item of the source that enforces it.
    pub enforced_by: &'static str,
}

impl Limit {
    /// Whether `value` may be set.
    pub const fn allows(&self, value: u64) -> bool {
        self.min <= value && value <= self.max
    }

    /// The default as documentation shows it.
    pub fn default_text(&self) -> String {
        self.default_words.map_or_else(|| self.default.to_string(), str::to_owned)
    }

    /// Its row in docs/configuration.md: key, range, default, meaning, effect.
    pub fn row(&self) -> String {
        let Limit { key, min, max, meaning, effect, .. } = self;
        let unit = self.unit.name();
        let space = if unit.is_empty() { "" } else { " " };
        format!("| `{key}` | {min} to {max}{space}{unit} | {} | {meaning} | {effect} |", self.default_text())
    }

    /// The help of its command line option.
    pub fn help(&self) -> String {
        let mut meaning = self.meaning.chars();
        let first = meaning.next().into_iter().flat_map(char::to_uppercase);
        let meaning: String = first.chain(meaning).collect();
        format!("{meaning} [default: {}]", self.default_text())
    }
}

/// The object of the configuration file that has a limit's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The top of the file.
    Top,
    /// `telemetry`.
    Telemetry,
    /// An application, or `defaults`.
    App,
    /// `hardening` of an application or of `defaults`.
    Hardening,
}

/// The unit of a limit's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things that are counted.
    Count,
    /// A hundredth.
    Percent,
    /// A TCP port.
    Port,
    /// A thousandth of a second.
    Milliseconds,
    /// A millionth of a second.
    Microseconds,
    /// 2^10 bytes.
    Kilobytes,
    /// 2^20 bytes.
    Megabytes,
}

impl Unit {
    /// Its name in the plural, as documentation has it; empty for what is only counted.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Count | Unit::Port => "",
            Unit::Percent => "%",
            Unit::Milliseconds => "ms",
            Unit::Microseconds => "µs",
            Unit::Kilobytes => "KB",
            Unit::Megabytes => "MB",
        }
    }
}

/// What a row's word for its unit stands for: the [`Unit`], the type of the field, the field's value for a
/// number, and the number for a field's value. A row says `milliseconds_or_never` where the number 0 stands
/// for `None`.
macro_rules! unit {
    (unit count) => { Unit::Count };
    (unit percent) => { Unit::Percent };
    (unit port) => { Unit::Port };
    (unit milliseconds) => { Unit::Milliseconds };
    (unit milliseconds_or_never) => { Unit::Milliseconds };
    (unit microseconds) => { Unit::Microseconds };
    (unit kilobytes) => { Unit::Kilobytes };
    (unit megabytes) => { Unit::Megabytes };

    (type count) => { u32 };
    (type milliseconds) => { Duration };
    (type milliseconds_or_never) => { Option<Duration> };
    (type kilobytes) => { u64 };
    (type megabytes) => { u64 };

    // The ranges of rows end far below 2^32 for counts and 2^43 for sizes: a test asserts it.
    (value count $number:expr) => { $number as u32 };
    (value milliseconds $number:expr) => { Duration::from_millis($number) };
    (value milliseconds_or_never $number:expr) => {
        if $number == 0 { None } else { Some(Duration::from_millis($number)) }
    };
    (value kilobytes $number:expr) => { $number << 10 };
    (value megabytes $number:expr) => { $number << 20 };

    (number count $value:expr) => { u64::from($value) };
    (number milliseconds $value:expr) => { $value.as_millis() as u64 };
    (number milliseconds_or_never $value:expr) => {
        $value.map_or(0, |duration: Duration| duration.as_millis() as u64)
    };
    (number kilobytes $value:expr) => { $value >> 10 };
    (number megabytes $value:expr) => { $value >> 20 };
}

/// Rows of [`Limit`]s, as constants. With `struct`, also a type that has a field for each row.
macro_rules! limits {
    (
        $place:ident;
        $($name:ident: $unit:ident {
            key: $key:literal,
            default: $default:expr $(, in words $words:literal)?,
            range: $min:expr => $max:expr,
            $(option: $option:literal,)?
            meaning: $meaning:literal,
            effect: $effect:literal,
            reason: $reason:literal,
            enforced by: $enforced_by:literal,
        })+
    ) => {
        $(
            #[doc = concat!("`", $key, "`: ", $meaning, ".")]
            pub const $name: Limit = Limit {
                key: $key,
                place: Place::$place,
                unit: unit!(unit $unit),
                default: $default,
                default_words: limits!(@option $($words)?),
                min: $min,
                max: $max,
                option: limits!(@option $($option)?),
                meaning: $meaning,
                effect: $effect,
                reason: $reason,
                enforced_by: $enforced_by,
            };
            const _: () = {
                assert!($name.min <= $name.max, "the range is empty");
                assert!(
                    $name.allows($name.default) || $name.default_words.is_some(),
                    "the default is beyond the range"
                );
            };
        )+
    };
    (
        $place:ident; $(#[$attribute:meta])* struct $struct:ident;
        $($name:ident => $field:ident: $unit:ident {
            key: $key:literal,
            default: $default:expr,
            range: $min:expr => $max:expr,
            meaning: $meaning:literal,
            effect: $effect:literal,
            reason: $reason:literal,
            enforced by: $enforced_by:literal,
        })+
    ) => {
        limits! {
            $place;
            $($name: $unit {
                key: $key,
                default: $default,
                range: $min => $max,
                meaning: $meaning,
                effect: $effect,
                reason: $reason,
                enforced by: $enforced_by,
            })+
        }

        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $struct {
            $(
                #[doc = concat!($meaning, ": `", $key, "`.")]
                pub $field: unit!(type $unit),
            )+
        }

        impl $struct {
            /// The rows, in the order of the documentation.
            pub const ALL: [Limit; [$($name),+].len()] = [$($name),+];

            /// Sets the limit that is at `index` of [`Self::ALL`] to `number`, which is in the limit's unit
            /// and range.
            ///
            /// # Panics
            ///
            /// If there is no such limit, or, in a debug build, if the number is not in its range.
            pub fn set(&mut self, index: usize, number: u64) {
                const SETTERS: [fn(&mut $struct, u64); $struct::ALL.len()] =
                    [$(|limits, number| limits.$field = unit!(value $unit number)),+];
                debug_assert!(Self::ALL[index].allows(number), "{}: {number}", Self::ALL[index].key);
                SETTERS[index](self, number);
            }

            /// The number of the limit that is at `index` of [`Self::ALL`], in its unit.
            ///
            /// # Panics
            ///
            /// If there is no such limit.
            pub fn get(&self, index: usize) -> u64 {
                [$(unit!(number $unit self.$field)),+][index]
            }
        }

        impl Default for $struct {
            fn default() -> Self {
                Self { $($field: unit!(value $unit $name.default)),+ }
            }
        }
    };
    (@option) => { None };
    (@option $text:literal) => { Some($text) };
}
