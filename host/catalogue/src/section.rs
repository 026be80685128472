//! The custom section that holds a manifest.

/// The name of the section. It stands at the top level of the component, once.
pub const SECTION_NAME: &str = "ferry:manifest.v1";

/// The id of custom sections, the same in modules and components.
const CUSTOM_SECTION: u8 = 0;

/// Appends a section with this manifest to a component.
///
/// The caller makes sure that the component has none yet: [`inspect`](crate::inspect) refuses two.
pub fn append(component: &mut Vec<u8>, manifest: &[u8]) {
    let mut content = Vec::with_capacity(manifest.len() + SECTION_NAME.len() + 5);
    write_length(&mut content, SECTION_NAME.len());
    content.extend_from_slice(SECTION_NAME.as_bytes());
    content.extend_from_slice(manifest);
    component.push(CUSTOM_SECTION);
    write_length(component, content.len());
    component.extend_from_slice(&content);
}

/// Writes a length as unsigned LEB128.
fn write_length(bytes: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_is_one_that_wasmparser_reads() {
        let mut component = wat::parse_str("(component)").expect("parses");
        let manifest = "x".repeat(300);
        append(&mut component, manifest.as_bytes());
        let found = wasmparser::Parser::new(0)
            .parse_all(&component)
            .find_map(|payload| match payload.expect("sound") {
                wasmparser::Payload::CustomSection(section) => {
                    Some((section.name().to_owned(), section.data().to_owned()))
                }
                _ => None,
            });
        assert_eq!(
            found,
            Some((SECTION_NAME.to_owned(), manifest.into_bytes()))
        );
    }
}
