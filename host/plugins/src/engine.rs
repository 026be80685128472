//! How WebAssembly is compiled and run.

use wasmtime::{Config, Engine};

/// Bytes of native stack that a guest may use. Deeper recursion traps.
const STACK_BYTES: usize = 512 * 1024;

/// The engine of the host.
///
/// Switched off are the proposals that enlarge what a guest can use or make results depend on the
/// machine; threads and garbage collection are not even compiled in. NaNs are canonical, so that a
/// plugin gives the same result on every machine. The proposals that stay on are those of
/// [`allowed_features`](ferry_catalogue::inspection::allowed_features).
pub(crate) fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .cranelift_nan_canonicalization(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .wasm_backtrace_max_frames(None);
    Engine::new(&config)
}
