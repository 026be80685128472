//! What wit-bindgen makes of `wit/role/0.1.0`: one module per world, all on the same types.
//!
//! Generated code: the traits and types that authors see stand in the modules of the roles.
#![allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::semicolon_if_nothing_returned,
    clippy::uninlined_format_args
)]

pub mod topic_filter {
    wit_bindgen::generate!({
        path: "../../wit/role/0.1.0",
        world: "topic-filter-plugin",
        pub_export_macro: true,
        export_macro_name: "export_world",
        additional_derives: [PartialEq],
    });
}

pub mod naming_remapper {
    wit_bindgen::generate!({
        path: "../../wit/role/0.1.0",
        world: "naming-remapper-plugin",
        pub_export_macro: true,
        export_macro_name: "export_world",
        additional_derives: [PartialEq],
        with: {
            "ferry:role/types@0.1.0": crate::bindings::topic_filter::ferry::role::types,
            "ferry:role/log@0.1.0": crate::bindings::topic_filter::ferry::role::log,
        },
    });
}

pub mod offset_translator {
    wit_bindgen::generate!({
        path: "../../wit/role/0.1.0",
        world: "offset-translator-plugin",
        pub_export_macro: true,
        export_macro_name: "export_world",
        additional_derives: [PartialEq],
        with: {
            "ferry:role/types@0.1.0": crate::bindings::topic_filter::ferry::role::types,
            "ferry:role/log@0.1.0": crate::bindings::topic_filter::ferry::role::log,
        },
    });
}

pub mod acl_generator {
    wit_bindgen::generate!({
        path: "../../wit/role/0.1.0",
        world: "acl-generator-plugin",
        pub_export_macro: true,
        export_macro_name: "export_world",
        additional_derives: [PartialEq],
        with: {
            "ferry:role/types@0.1.0": crate::bindings::topic_filter::ferry::role::types,
            "ferry:role/log@0.1.0": crate::bindings::topic_filter::ferry::role::log,
        },
    });
}
