//! The one table of header fields that this project treats specially, and the classes that they belong to.
//!
//! A rule about a header field is a class here; who has to keep the rule asks [`FieldClasses::of`]. Names are
//! matched in any case.

/// The classes that a header field belongs to. Most fields belong to none.
///
/// ```
/// use nano_http::FieldClasses;
///
/// assert!(FieldClasses::of(b"Transfer-Encoding").is_writers());
/// assert!(FieldClasses::of(b"Trailer").is_writers());
/// assert_eq!(FieldClasses::of(b"X-Trailer"), FieldClasses::NONE);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldClasses(u8);

impl FieldClasses {
    /// The field is an application's own.
    pub const NONE: Self = Self(0);
    /// It is about one connection and not about the message: RFC 9110, section 7.6.1.
    const CONNECTION: Self = Self(1);
    /// It says where the message ends or what follows its body: RFC 9112, section 6, and RFC 9110, section
    /// 6.6.2.
    const FRAMING: Self = Self(2);
    /// In a request, nano-fetch writes it, or sends none.
    const CLIENT: Self = Self(4);
    /// It would change what the head has said: RFC 9110, section 6.5.1.
    const HEAD_ONLY: Self = Self(8);
    /// A cache must not store it, or calculates it: RFC 9111, section 3.1.
    const NOT_STORED: Self = Self(16);

    /// The classes of the field with this name, in any case.
    pub fn of(name: &[u8]) -> Self {
        let Some(&(from, to)) = BY_LENGTH.get(name.len()) else { return Self::NONE };
        let same_length = &TABLE[usize::from(from)..usize::from(to)];
        same_length
            .iter()
            .find(|(other, _)| other.as_bytes().eq_ignore_ascii_case(name))
            .map_or(Self::NONE, |(_, classes)| *classes)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The writer of a message sets this field, and takes none from an application or from a message that is
    /// passed on: it frames the message or steers the connection.
    pub const fn is_writers(self) -> bool {
        self.has(Self::CONNECTION.and(Self::FRAMING))
    }

    /// A request of an application has none of this field: the client writes it, or leaves it out.
    pub const fn is_clients(self) -> bool {
        self.has(Self::CONNECTION.and(Self::FRAMING).and(Self::CLIENT))
    }

    /// A trailer section must not have this field.
    pub const fn is_forbidden_in_trailers(self) -> bool {
        self.has(Self::CONNECTION.and(Self::FRAMING).and(Self::HEAD_ONLY))
    }

    /// A cache must not store this field.
    pub const fn is_not_stored(self) -> bool {
        self.has(Self::NOT_STORED)
    }
}

/// The names of the fields that [`FieldClasses::is_writers`], in lower case: for code that cannot call it.
pub fn writers_fields() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|(_, classes)| classes.is_writers()).map(|(name, _)| *name)
}

use FieldClasses as Class;

/// All fields that belong to a class, by the length of their names, which are in lower case.
const TABLE: [(&str, FieldClasses); 23] = [
    ("te", Class::CONNECTION.and(Class::NOT_STORED)),
    ("age", Class::NOT_STORED),
    ("host", Class::CLIENT.and(Class::HEAD_ONLY)),
    ("range", Class::HEAD_ONLY),
    ("cookie", Class::HEAD_ONLY),
    ("expect", Class::CLIENT.and(Class::HEAD_ONLY)),
    ("trailer", Class::FRAMING.and(Class::NOT_STORED)),
    ("upgrade", Class::CONNECTION.and(Class::NOT_STORED)),
    ("forwarded", Class::HEAD_ONLY),
    ("connection", Class::CONNECTION.and(Class::NOT_STORED)),
    ("keep-alive", Class::CONNECTION.and(Class::NOT_STORED)),
    ("content-type", Class::HEAD_ONLY),
    ("max-forwards", Class::HEAD_ONLY),
    ("authorization", Class::HEAD_ONLY),
    ("cache-control", Class::HEAD_ONLY),
    ("content-range", Class::HEAD_ONLY),
    ("content-length", Class::FRAMING),
    ("content-encoding", Class::HEAD_ONLY),
    ("proxy-connection", Class::CONNECTION.and(Class::NOT_STORED)),
    ("transfer-encoding", Class::FRAMING.and(Class::NOT_STORED)),
    ("proxy-authenticate", Class::NOT_STORED),
    ("proxy-authorization", Class::CLIENT.and(Class::HEAD_ONLY).and(Class::NOT_STORED)),
    ("proxy-authentication-info", Class::NOT_STORED),
];

const LONGEST: usize = TABLE[TABLE.len() - 1].0.len();

/// Where in [`TABLE`] the names of each length begin and end.
const BY_LENGTH: [(u8, u8); LONGEST + 1] = {
    let mut places = [(0, 0); LONGEST + 1];
    let (mut length, mut at) = (0, 0);
    while length <= LONGEST {
        let from = at;
        while at < TABLE.len() && TABLE[at].0.len() == length {
            at += 1;
        }
        places[length] = (from as u8, at as u8);
        length += 1;
    }
    assert!(at == TABLE.len(), "the table is not in the order of its names' lengths");
    places
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_the_classes_of_its_rules() {
        for (name, writers, clients, in_trailers, stored) in [
            ("Connection", true, true, false, false),
            ("keep-alive", true, true, false, false),
            ("Proxy-Connection", true, true, false, false),
            ("te", true, true, false, false),
            ("Trailer", true, true, false, false),
            ("transfer-encoding", true, true, false, false),
            ("UPGRADE", true, true, false, false),
            ("content-length", true, true, false, true),
            ("host", false, true, false, true),
            ("expect", false, true, false, true),
            ("proxy-authorization", false, true, false, false),
            ("content-type", false, false, false, true),
            ("cookie", false, false, false, true),
            ("age", false, false, true, false),
            ("set-cookie", false, false, true, true),
            ("x-a", false, false, true, true),
            ("", false, false, true, true),
            ("x-something-longer-than-all-of-them", false, false, true, true),
        ] {
            let classes = FieldClasses::of(name.as_bytes());
            assert_eq!(classes.is_writers(), writers, "{name}");
            assert_eq!(classes.is_clients(), clients, "{name}");
            assert_eq!(!classes.is_forbidden_in_trailers(), in_trailers, "{name}");
            assert_eq!(!classes.is_not_stored(), stored, "{name}");
        }
    }

    #[test]
    fn the_writers_fields_are_those_that_are_said_to_be() {
        assert_eq!(
            writers_fields().collect::<Vec<_>>(),
            [
                "te",
                "trailer",
                "upgrade",
                "connection",
                "keep-alive",
                "content-length",
                "proxy-connection",
                "transfer-encoding",
            ]
        );
    }
}
