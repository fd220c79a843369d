"""What is written in the objects of a bucket, found without the server's code: every zstd frame in them is inflated."""

import ctypes
import glob
import os

MAGIC = b"\x28\xb5\x2f\xfd"
RAW_MAX = 64 << 20

_zstd = ctypes.CDLL("libzstd.so.1")
_zstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
_zstd.ZSTD_getFrameContentSize.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
_zstd.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
_zstd.ZSTD_findFrameCompressedSize.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
_zstd.ZSTD_decompress.restype = ctypes.c_size_t
_zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
_zstd.ZSTD_isError.argtypes = [ctypes.c_size_t]


def inflated(content):
    """The bytes of an object, and after them those of every zstd frame in it."""
    pieces, at = [content], content.find(MAGIC)
    while at >= 0:
        rest = content[at:]
        size = _zstd.ZSTD_findFrameCompressedSize(rest, len(rest))
        raw_size = _zstd.ZSTD_getFrameContentSize(rest, len(rest))
        if not _zstd.ZSTD_isError(size):
            capacity = raw_size if raw_size < RAW_MAX else RAW_MAX
            buffer = ctypes.create_string_buffer(max(1, capacity))
            written = _zstd.ZSTD_decompress(buffer, capacity, rest, size)
            if not _zstd.ZSTD_isError(written):
                pieces.append(buffer.raw[:written])
        at = content.find(MAGIC, at + 1)
    return b"".join(pieces)


def object_files(folder):
    return sorted(glob.glob(os.path.join(folder, "**", "*.brz"), recursive=True))


def files_with(folder, text):
    """The objects in which the text is written, whether compressed or not."""
    found = []
    for path in object_files(folder):
        try:
            with open(path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            continue  # deleted since it was listed
        if text.encode() in inflated(content):
            found.append(path)
    return found
