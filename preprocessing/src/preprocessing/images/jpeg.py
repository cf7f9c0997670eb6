"""JPEGs that decoders read, told by their segments alone wherever these decide it.

What libjpeg refuses is in the segments: tables, components, sampling factors. What is wrong in the
entropy-coded data of a sequential image it only warns of. So an image is sound if every segment is as libjpeg
expects it, and if the end marker is the first marker after the scan. Whatever else there is (several scans,
a marker in the data) has to be decoded to be known.
https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annexes B and C
https://github.com/libjpeg-turbo/libjpeg-turbo/blob/main/src/jdmarker.c, jdinput.c, jdhuff.c
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from contract.images import (
    APP1,
    FRAMES,
    START_OF_SCAN,
    ImageError,
    ImageHeader,
    jpeg_segments,
    orientation_of,
)

_EOI = b"\xff\xd9"
_READABLE_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended and progressive, all Huffman-coded
_SEQUENTIAL_FRAMES = frozenset({0xC0, 0xC1})
_IGNORED = frozenset({*range(0xE0, 0xF0), 0xFE})  # application data and comments
_HUFFMAN_TABLES, _QUANTIZATION_TABLES, _RESTART_INTERVAL = 0xC4, 0xDB, 0xDD
_MOST_BLOCKS = 10
"""Blocks in a minimum coded unit (D_MAX_BLOCKS_IN_MCU)."""
_MOST_DC_SYMBOL = 15
_FRAME = struct.Struct(">BHHB")
_RESTARTS = range(0xD0, 0xD8)


@dataclass(frozen=True, kw_only=True)
class JpegHeader(ImageHeader):
    """The header of a JPEG.

    Attributes:
        components: 1 is grayscale, 3 color, 4 CMYK or YCCK.
        is_sound: True if decoders certainly read the file; if not, decode it to know.
    """

    components: int
    is_sound: bool


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Return the header of a JPEG that is whole.

    Entropy-coded data never holds an end marker (a 0xFF in it is stuffed with 0x00), and that of an embedded
    thumbnail comes before the scan, so neither hides a truncation. Bytes that cameras append after the end
    marker do no harm: decoders stop there, too.

    Args:
        data: bytes that begin as a JPEG.

    Raises:
        ImageError: it is truncated or corrupt.
    """
    orientation, process, frame, scan = None, 0, b"", 0
    defining: list[tuple[int, bytes]] = []
    for segment in jpeg_segments(data):
        marker, start, scan = segment
        if marker in _IGNORED:
            if marker == APP1 and orientation is None:
                orientation = orientation_of(data, segment)
            continue
        content = data[start + 4 : scan]
        defining.append((marker, content))
        if marker in FRAMES and not process:
            process, frame = marker, content
    if not process:
        raise ImageError("corrupt", "no frame header before the image")
    if len(frame) < _FRAME.size:
        raise ImageError("corrupt", f"frame header of {len(frame) + 4} bytes")
    if data.rfind(_EOI, scan) < 0:
        raise ImageError("truncated", f"no end marker in {len(data)} bytes")
    bits, height, width, components = _FRAME.unpack_from(frame)
    if process not in _READABLE_FRAMES:
        raise ImageError("corrupt", f"coding process SOF{process - 0xC0} is not one that decoders read")
    if bits != 8:
        raise ImageError("corrupt", f"{bits} bits per sample, decoders read 8")
    if not height or not width:
        raise ImageError("corrupt", f"{height} by {width} pixels")
    if components not in {1, 3, 4}:
        raise ImageError("corrupt", f"{components} components, decoders read 1, 3 or 4")
    has_restarts = _has_sound_tables(tuple(defining))
    is_sound = has_restarts is not None and _ends_at_next_marker(data, scan, has_restarts=has_restarts)
    return JpegHeader(
        height=height,
        width=width,
        orientation=orientation or 1,
        components=components,
        is_sound=is_sound,
    )


@dataclass
class _Tables:
    """What the segments before a scan define.

    Attributes:
        components: identifier, horizontal and vertical sampling factor and quantization table of each.
        quantization: numbers of the tables.
        huffman: classes and numbers of the tables.
        has_restarts: True if there is a restart interval.
    """

    components: list[tuple[int, int, int, int]] = field(default_factory=list)
    quantization: set[int] = field(default_factory=set)
    huffman: set[int] = field(default_factory=set)
    has_restarts: bool = False

    def read(self, marker: int, content: bytes) -> bool:
        """Read a segment, and return False if libjpeg may refuse it."""
        if marker == _QUANTIZATION_TABLES:
            return self._read_quantization(content)
        if marker == _HUFFMAN_TABLES:
            return self._read_huffman(content)
        if marker == _RESTART_INTERVAL:
            self.has_restarts = len(content) == 2 and any(content)
            return len(content) == 2
        return marker in _SEQUENTIAL_FRAMES and not self.components and self._read_frame(content)

    def is_scan(self, content: bytes) -> bool:
        """Return True if a scan's header names all components once, and tables that there are."""
        count = len(self.components)
        if not count or len(content) != 4 + 2 * count or content[0] != count:
            return False
        selected = [(content[at], content[at + 1]) for at in range(1, 1 + 2 * count, 2)]
        known = {identifier for identifier, *_ in self.components}
        return (
            len(known) == count
            and {identifier for identifier, _ in selected} == known
            and all({tables >> 4, 0x10 | tables & 0x0F} <= self.huffman for _, tables in selected)
            and all(table in self.quantization for *_, table in self.components)
            and content[-3:] == b"\x00\x3f\x00"
        )

    def _read_frame(self, content: bytes) -> bool:
        count = content[5]
        if len(content) != 6 + 3 * count:
            return False
        for at in range(6, len(content), 3):
            identifier, factors, table = content[at : at + 3]
            self.components.append((identifier, factors >> 4, factors & 0x0F, table))
        across, down = ([component[place] for component in self.components] for place in (1, 2))
        return (
            all(1 <= factor <= 4 for factor in (*across, *down))
            and all(max(factors) % factor == 0 for factors in (across, down) for factor in factors)
            and (count == 1 or sum(a * d for a, d in zip(across, down, strict=True)) <= _MOST_BLOCKS)
        )

    def _read_quantization(self, content: bytes) -> bool:
        position = 0
        while position < len(content):
            precision, table = content[position] >> 4, content[position] & 0x0F
            if precision > 1 or table > 3:
                return False
            self.quantization.add(table)
            position += 1 + 64 * (precision + 1)
        return position == len(content)

    def _read_huffman(self, content: bytes) -> bool:
        position = 0
        while position + 17 <= len(content):
            table, counts = content[position], content[position + 1 : position + 17]
            end = position + 17 + sum(counts)
            symbols = content[position + 17 : end]
            is_dc = table < 0x10
            if table & 0x0F > 3 or table > 0x13 or end > len(content) or not _is_prefix_code(counts):
                return False
            if is_dc and symbols and max(symbols) > _MOST_DC_SYMBOL:
                return False
            self.huffman.add(table)
            position = end
        return position == len(content)


@lru_cache(maxsize=1024)  # cameras and encoders have few tables
def _has_sound_tables(defining: tuple[tuple[int, bytes], ...]) -> bool | None:
    """Return None if libjpeg may refuse the segments, else True if there may be restart markers."""
    tables = _Tables()
    for marker, content in defining:
        is_right = tables.is_scan(content) if marker == START_OF_SCAN else tables.read(marker, content)
        if not is_right:
            return None
    return tables.has_restarts


def _ends_at_next_marker(data: bytes, start: int, *, has_restarts: bool) -> bool:
    """Return True if the first marker in entropy-coded data, where 0xFF is stuffed with 0, is the end's."""
    if start + 2 > len(data):
        return False
    values = np.frombuffer(data, np.uint8, offset=start)
    following = values[1:]
    is_marker = values[:-1] == _EOI[0]
    is_marker &= following != 0
    if has_restarts:
        is_marker &= (following < _RESTARTS.start) | (following >= _RESTARTS.stop)
    first = is_marker.argmax()
    return bool(is_marker[first]) and int(following[first]) == _EOI[1]


def _is_prefix_code(counts: bytes) -> bool:
    """Return True if there are codes of these lengths, 1 to 16 bits, none of them all ones."""
    if not 0 < sum(counts) <= 256:
        return False
    code = 0
    for bits, count in enumerate(counts, start=1):
        code += count
        if count and code >= 1 << bits:
            return False
        code <<= 1
    return True
