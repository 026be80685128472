//! The stock plugin offset-translator.
