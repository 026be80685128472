//! Files that are refused before anybody compiles them. Method: each is sound but for one thing.

mod support;

use ferry_model::digest::Digest;
use ferry_model::problem::Explain;
use ferry_plugins::{LoadError, Plugin, inspect};
use support::{Guest, code, component_of, host, tight, with_manifest};

fn load(bytes: &[u8]) -> Result<Plugin, LoadError> {
    host(tight()).load(bytes)
}

/// The code and the text of a refusal, which inspecting alone must give too.
fn refusal(bytes: &[u8]) -> (u16, String) {
    let error = load(bytes).expect_err("refused");
    let inspected = inspect(bytes).expect_err("refused without compiling");
    assert_eq!(inspected.problem(), error.problem());
    (code(&error), error.problem().to_string())
}

#[test]
fn a_core_module_a_text_and_a_torn_component_are_no_plugins() {
    let whole = Guest::default().plugin();
    for (bytes, text) in [
        (Guest::default().module(), "core module"),
        (b"(component)".to_vec(), "not WebAssembly"),
        (whole[..whole.len() / 2].to_vec(), "damaged"),
        (Vec::new(), "not WebAssembly"),
    ] {
        let (code, found) = refusal(&bytes);
        assert_eq!(code, 300, "{found}");
        assert!(found.contains(text), "{found}");
    }
}

#[test]
fn a_component_cut_at_any_place_is_refused_and_never_worse() {
    let whole = Guest::default().plugin();
    for end in (0..whole.len()).step_by(7) {
        assert!(inspect(&whole[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_component_with_any_byte_changed_is_refused_or_inspected_and_never_worse() {
    let whole = Guest::default().plugin();
    for at in (0..whole.len()).step_by(3) {
        let mut changed = whole.clone();
        changed[at] ^= 0x55;
        if let Ok(inspection) = inspect(&changed) {
            assert_ne!(inspection.digest, Digest::of(&whole));
        }
    }
}

#[test]
fn an_import_that_no_role_gets_is_named() {
    for name in [
        "wasi:cli/environment@0.2.0",
        "ferry:role/other@0.1.0",
        "ferry:role/topic-filter@0.1.0",
        "decide",
    ] {
        let import = format!(r#"(component (import "{name}" (instance)))"#);
        let (code, text) = refusal(&component_of(&import));
        assert_eq!(code, 303, "{text}");
        assert!(text.contains(&format!("`{name}`")), "{text}");
    }
}

#[test]
fn versions_that_the_host_does_not_have_are_refused_before_linking() {
    let export = |name: &str| {
        component_of(&format!(
            r#"(component (instance $i) (export "{name}" (instance $i)))"#
        ))
    };
    for bytes in [
        export("ferry:role/topic-filter@0.2.0"),
        export("ferry:role/topic-filter@0.0.9"),
        export("ferry:role/topic-filter@1.0.0"),
        export("ferry:role/topic-filter"),
        // wasmtime would link this one to 0.1.0.
        component_of(r#"(component (import "ferry:role/log@0.1.7" (instance)))"#),
    ] {
        let (code, text) = refusal(&bytes);
        assert_eq!(code, 304, "{text}");
        assert!(text.contains("this host has the versions 0.1.0"), "{text}");
    }
}

#[test]
fn what_is_exported_must_be_what_the_manifest_says() {
    for (component, text) in [
        ("(component)", "exports nothing"),
        (
            r#"(component (instance $i) (export "ferry:role/acl-generator@0.1.0" (instance $i)))"#,
            "exports ferry:role/acl-generator@0.1.0",
        ),
        (
            r#"(component (instance $i) (export "acme:own/thing@0.1.0" (instance $i)))"#,
            "which is no role",
        ),
    ] {
        let (code, found) = refusal(&component_of(component));
        assert_eq!(code, 306, "{found}");
        assert!(found.contains(text), "{found}");
    }
}

#[test]
fn a_manifest_is_needed_once_at_the_top_and_whole() {
    let component = Guest::default().component();
    let doubled = with_manifest(with_manifest(component.clone()));
    let mut cut = component.clone();
    ferry_catalogue::section::append(&mut cut, br#"{"description":"#);
    // The section in the core module: where a linker would put it.
    let nested = wat::parse_str(r#"(component (core module (@custom "ferry:manifest.v1" "{}")))"#);
    for (bytes, text) in [
        (component, "no section ferry:manifest.v1"),
        (doubled, "2 sections"),
        (cut, "can't be read"),
        (nested.expect("a component"), "nested module"),
    ] {
        let (code, found) = refusal(&bytes);
        assert_eq!(code, 302, "{found}");
        assert!(found.contains(text), "{found}");
    }
}

#[test]
fn proposals_that_are_switched_off_are_refused() {
    for module in [
        "(module (memory i64 1))",
        "(module (memory 1) (memory 1))",
        "(module (memory 1 1 shared))",
        "(module (func (return_call 0)))",
        "(module (type (struct)))",
        "(module (func (param v128 v128) (result v128)
            (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
    ] {
        let bytes = component_of(&format!(
            r#"(component (core {} (instance $i) (export "ferry:role/topic-filter@0.1.0" (instance $i)))"#,
            module.trim_start_matches('('),
        ));
        let (code, text) = refusal(&bytes);
        assert_eq!(code, 300, "{text}");
        assert!(text.contains("not valid"), "{text}");
    }
}

#[test]
fn the_right_names_with_the_wrong_shapes_are_refused_when_linked() {
    let bytes = component_of(
        r#"(component (instance $i) (export "ferry:role/topic-filter@0.1.0" (instance $i)))"#,
    );
    assert!(inspect(&bytes).is_ok(), "nothing to see from outside");
    let error = load(&bytes).expect_err("refused");
    assert_eq!(code(&error), 308);
    assert!(error.to_string().contains("hostile/guest 0.1.0"), "{error}");
}

#[test]
fn a_file_that_is_not_the_one_written_down_is_refused_with_both_digests() {
    let bytes = Guest::default().plugin();
    let host = host(tight());
    assert!(host.load_pinned(&bytes, &Digest::of(&bytes)).is_ok());
    let other = Digest::of(b"other");
    let error = host.load_pinned(&bytes, &other).expect_err("refused");
    assert_eq!(code(&error), 307);
    assert!(error.to_string().contains(&other.to_string()));
    assert!(error.to_string().contains(&Digest::of(&bytes).to_string()));
}
