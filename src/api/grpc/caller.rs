//! Who calls, as the metadata says.
//!
//! ```text
//!   x-tenant-id        whose data it is; `default` where it is missing
//!   x-correlation-id   a UUID that all events of the command carry; else the request id does
//!   user-agent         the source that events name
//! ```
//!
//! Not here: whether the caller may; there are no credentials yet, so the principal is `anonymous`.

use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use uuid::Uuid;

use super::validate::Fields;
use crate::domain::event::Origin;
use crate::domain::ids::RequestId;
use crate::domain::name::{Label, TenantId};

const TENANT: &str = "x-tenant-id";
const CORRELATION: &str = "x-correlation-id";
const SOURCE: &str = "user-agent";
const PRINCIPAL: &str = "anonymous";

/// Who is behind a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// Whose data it is about.
    pub tenant: TenantId,
    principal: Label,
    source: Label,
    correlation_id: Option<Uuid>,
}

impl Caller {
    /// Reads the metadata of a command.
    pub fn read(metadata: &MetadataMap, fields: &mut Fields) -> Option<Self> {
        let tenant = tenant(metadata, fields);
        let correlation_id = once(metadata, CORRELATION, fields).and_then(|value| {
            let text = value.to_str().unwrap_or_default();
            fields.uuid(format_args!("{CORRELATION}"), text)
        });
        let principal = Label::new(PRINCIPAL).unwrap_or_else(|_| Label::empty());
        Some(Self { tenant: tenant?, principal, source: source(metadata), correlation_id })
    }

    /// Who is behind the command and all that follows from it.
    pub fn origin(&self, request_id: RequestId) -> Origin {
        Origin {
            principal: self.principal.clone(),
            source: self.source.clone(),
            correlation_id: self.correlation_id.unwrap_or(request_id.0),
        }
    }
}

/// Whose data a call is about.
pub(super) fn tenant(metadata: &MetadataMap, fields: &mut Fields) -> Option<TenantId> {
    match once(metadata, TENANT, fields) {
        None => Some(TenantId::default_tenant()),
        Some(value) => {
            // What is no text is refused by its characters, as an odd text is.
            let text = value.to_str().unwrap_or("\u{fffd}");
            fields.check(format_args!("{TENANT}"), TenantId::new(text))
        }
    }
}

/// The value of a key that may be there once: of two, nobody could say which counts.
fn once<'m>(
    metadata: &'m MetadataMap,
    key: &'static str,
    fields: &mut Fields,
) -> Option<&'m MetadataValue<Ascii>> {
    let mut values = metadata.get_all(key).iter();
    let value = values.next();
    if values.next().is_some() {
        fields.refuse(format_args!("{key}"), "must be given once");
    }
    value
}

/// The client's program: what isn't plain ASCII is replaced, what is too long is cut.
fn source(metadata: &MetadataMap) -> Label {
    let raw = metadata.get(SOURCE).map_or(&[][..], |value| value.as_bytes());
    let plain = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '?' };
    let text: String = raw.iter().take(Label::BYTES_MAX).map(plain).collect();
    Label::new(text.trim()).unwrap_or_else(|_| Label::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &[(&'static str, &str)]) -> MetadataMap {
        let mut map = MetadataMap::new();
        for (key, value) in pairs {
            let value = MetadataValue::try_from(value.as_bytes()).unwrap();
            map.append(*key, value);
        }
        map
    }

    fn read(pairs: &[(&'static str, &str)]) -> Result<Caller, Vec<String>> {
        let mut fields = Fields::default();
        let caller = Caller::read(&metadata(pairs), &mut fields);
        fields.paths_or(caller)
    }

    fn origin(pairs: &[(&'static str, &str)]) -> Origin {
        read(pairs).unwrap().origin(RequestId(Uuid::from_u128(7)))
    }

    #[test]
    fn a_caller_without_metadata_is_anonymous_in_the_default_tenant() {
        assert_eq!(read(&[]).unwrap().tenant, TenantId::default_tenant());
        let origin = origin(&[]);
        assert_eq!(origin.principal.as_str(), "anonymous");
        assert!(origin.source.is_empty());
        assert_eq!(origin.correlation_id, Uuid::from_u128(7), "the request id");
    }

    #[test]
    fn metadata_that_cant_be_read_is_named_by_its_key() {
        assert_eq!(read(&[(TENANT, "a b")]).unwrap_err(), [TENANT]);
        assert_eq!(read(&[(TENANT, "")]).unwrap_err(), [TENANT]);
        assert_eq!(read(&[(TENANT, "größe")]).unwrap_err(), [TENANT]);
        assert_eq!(read(&[(TENANT, "a"), (TENANT, "b")]).unwrap_err(), [TENANT]);
        assert_eq!(read(&[(CORRELATION, "7")]).unwrap_err(), [CORRELATION]);
        assert_eq!(
            read(&[(CORRELATION, "7"), (TENANT, "/")]).unwrap_err(),
            [TENANT, CORRELATION],
            "all of it at once"
        );
    }

    #[test]
    fn the_source_is_printable_and_bounded_whatever_the_client_calls_itself() {
        assert_eq!(
            origin(&[(SOURCE, "shop/1.0 (größe)")]).source.as_str(),
            "shop/1.0 (gr??e)".replace("??", "????")
        );
        let long = "x".repeat(255) + " y" + &"z".repeat(100);
        assert_eq!(origin(&[(SOURCE, &long)]).source.as_str(), "x".repeat(255));
        assert_eq!(origin(&[(SOURCE, "  ")]).source.as_str(), "");
    }

    #[test]
    fn a_correlation_id_goes_before_the_request_id() {
        let id = Uuid::from_u128(9);
        assert_eq!(origin(&[(CORRELATION, &id.to_string())]).correlation_id, id);
    }
}
