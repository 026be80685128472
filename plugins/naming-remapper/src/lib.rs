//! The stock plugin naming-remapper.
