//! Compressed records as any client may write them, not just as Java's does.

use ferry_copy::batch::codec::Codec;
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use std::io::Write;

/// Some text that compresses, longer than one block of any codec.
fn text() -> Vec<u8> {
    let word = |n: u32| format!("{} ", n.wrapping_mul(2_654_435_761) % 5_000);
    (0..60_000).flat_map(|n| word(n).into_bytes()).collect()
}

fn opened(codec: Codec, payload: &[u8]) -> Vec<u8> {
    codec.decompress(payload, 0).expect("opens")
}

#[test]
fn lz4_frames_of_every_kind_open() {
    let text = text();
    for mode in [BlockMode::Independent, BlockMode::Linked] {
        for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max4MB] {
            for checked in [false, true] {
                let info = FrameInfo::new()
                    .block_mode(mode)
                    .block_size(size)
                    .block_checksums(checked)
                    .content_checksum(checked)
                    .content_size(checked.then_some(text.len() as u64));
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(&text).expect("writes");
                let frame = encoder.finish().expect("ends");
                assert!(
                    opened(Codec::Lz4, &frame) == text,
                    "{mode:?} {size:?} {checked}"
                );
                let twice = [&frame[..], &frame].concat();
                assert!(opened(Codec::Lz4, &twice) == [&text[..], &text].concat());
            }
        }
    }
}

#[test]
fn lz4_blocks_that_do_not_compress_or_compress_a_lot_open() {
    let noise: Vec<u8> = (0..200_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for contents in [noise, vec![0; 3_000_000], vec![7; 60_000], Vec::new()] {
        let frame = Codec::Lz4.compress(&contents).expect("compresses");
        assert!(opened(Codec::Lz4, &frame) == contents);
    }
}

#[test]
fn gzip_headers_with_every_field_open() {
    let text = text();
    let plain = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::fast());
    let full = flate2::GzBuilder::new()
        .extra("more")
        .filename("name")
        .comment("comment")
        .mtime(5)
        .write(Vec::new(), flate2::Compression::best());
    let members = [plain, full].map(|mut encoder| {
        encoder.write_all(&text).expect("writes");
        encoder.finish().expect("ends")
    });
    for member in &members {
        assert!(opened(Codec::Gzip, member) == text);
    }
    assert!(opened(Codec::Gzip, &members.concat()) == [&text[..], &text].concat());
    let mut wrong = members[0].clone();
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    let refused = Codec::Gzip.decompress(&wrong, 4).expect_err("is damaged");
    assert!(
        refused.to_string().contains("do not fit their checksum"),
        "{refused}"
    );
}

#[test]
fn snappy_opens_bare_framed_and_in_several_streams() {
    let text = text();
    let bare = snap::raw::Encoder::new()
        .compress_vec(&text)
        .expect("compresses");
    assert!(opened(Codec::Snappy, &bare) == text);
    let framed = Codec::Snappy.compress(&text).expect("compresses");
    assert!(framed.starts_with(b"\x82SNAPPY\0"));
    assert!(opened(Codec::Snappy, &framed) == text);
    let twice = [&framed[..], &framed].concat();
    assert!(opened(Codec::Snappy, &twice) == [&text[..], &text].concat());
}

#[test]
fn zstd_frames_open_one_behind_another_with_and_without_their_size() {
    let text = text();
    let sized = zstd::bulk::compress(&text, 3).expect("compresses");
    let streamed = zstd::stream::encode_all(&text[..], 19).expect("compresses");
    for frame in [&sized, &streamed] {
        assert!(opened(Codec::Zstd, frame) == text);
    }
    assert!(opened(Codec::Zstd, &[sized, streamed].concat()) == [&text[..], &text].concat());
}
