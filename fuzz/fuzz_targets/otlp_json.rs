#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hopline_fuzz_bodies::otlp_json(data));
