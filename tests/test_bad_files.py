"""Damaged and hostile files are one clear error each: no foreign exception, no execution, no boundless allocation.

By default a tenth of the mutations, another one every day, and all with --faults; see conftest.py.
"""

import json
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from bad_files import READERS, Reader, damaged, put_in_archive, put_state
from hypothesis import given, seed, settings

from veloq.training import checkpoint
from veloq.training.untrusted import EXPANSION, HEADROOM, JSON_BYTES

SHARES, CASES = 10, 30
# Protocol 0: unpickled, it makes a folder.
PICKLE = b"cos\nmkdir\n(S'unpickled'\ntR."


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "share" in metafunc.fixturenames:
        every = metafunc.config.getoption("--faults")
        metafunc.parametrize("share", range(SHARES) if every else [int(os.environ["VELOQ_TENTH"]) % SHARES])


def refusal(reader: Reader, path: Path) -> str | None:
    """What the reader says of the file, None when it takes it; asserts everything that holds for any file."""
    before = sorted(path.parent.rglob("*"))
    said = None
    tracemalloc.start()
    try:
        reader.read(path)
    except reader.error as error:
        said = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < HEADROOM + EXPANSION * path.stat().st_size + (8 << 20)
    assert sorted(path.parent.rglob("*")) == before
    if said is not None:
        assert str(path.parent) in said
        assert "\n" not in said
        assert len(said) < 1000
    return said


@pytest.mark.parametrize("name", READERS)
def test_a_good_file_is_read(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    path = reader.make(tmp_path)
    reader.put(path, reader.content(path))
    assert refusal(reader, path) is None


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_one_clear_error(name: str, share: int, tmp_path: Path) -> None:
    reader = READERS[name]
    path = reader.make(tmp_path)
    content = reader.content(path)
    refused = []

    @seed(share)
    @settings(max_examples=CASES, deadline=None, database=None)
    @given(damaged(content, reader.text))
    def read(case: bytes) -> None:
        reader.put(path, case)
        refused.append(refusal(reader, path))

    read()
    # Mutations that change nothing of importance are rare, or they test nothing.
    assert sum(said is not None for said in refused) > len(refused) // 4


def small_npy(descr: str, shape: str, payload: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version[0] == 1 else "<I", len(header))
    return b"\x93NUMPY" + version + length + header + payload


HOSTILE_ARRAYS = {
    "objects": (small_npy("|O", "(6,)", PICKLE), "dtype object"),
    "a pickle": (PICKLE, "magic string"),
    "more rows than bytes": (small_npy("<f4", "(1000000000000, 2)"), "does not fit"),
    "rows beyond 64 bits": (small_npy("<f4", f"({2**62}, {2**62})"), "does not fit"),
    "negative rows": (small_npy("<f4", "(-6, 2)"), "does not fit"),
    "a header of 4 GiB": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "header"),
    "a header that nests": (small_npy("<f4", "(" * 300), "EOF"),
    "records": (small_npy("|V8", "(6, 2)", bytes(96)), "dtype"),
    "a future version": (small_npy("<f4", "(6, 2)", bytes(48), b"\x09\x00"), "version"),
}


@pytest.mark.parametrize("name", HOSTILE_ARRAYS)
def test_hostile_arrays_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content, reason = HOSTILE_ARRAYS[name]
    put_in_archive(tmp_path / "data.npz", content)
    said = refusal(READERS["npz"], tmp_path / "data.npz")
    assert said is not None
    assert reason in said


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_zip_bomb_is_refused_before_it_grows(method: int, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    rows = (HEADROOM * 2) // 8
    with zipfile.ZipFile(path, "w", method) as archive, archive.open("observations.npy", "w") as stream:
        stream.write(small_npy("<f4", f"({rows}, 2)"))
        for _ in range(128):
            stream.write(bytes(rows * 8 // 128))
    assert path.stat().st_size < 1 << 20
    said = refusal(READERS["npz"], path)
    assert said is not None
    assert "declares" in said


def test_names_that_leave_the_folder_are_never_followed(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    path = READERS["npz"].make(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../outside.npy", PICKLE)
        archive.writestr("/outside.npy", PICKLE)
    assert refusal(READERS["npz"], path) is None
    assert list(tmp_path.iterdir()) == [folder]
    manifest = READERS["checkpoint manifest"].make(folder)
    facts = json.loads(manifest.read_text())
    facts["files"] = {f"../{checkpoint.STATE}": facts["files"][checkpoint.STATE]}
    manifest.write_text(json.dumps(facts))
    (manifest.parent / checkpoint.STATE).rename(manifest.parent.parent / checkpoint.STATE)
    said = refusal(READERS["checkpoint manifest"], manifest)
    assert said is not None
    assert checkpoint.STATE in said


HOSTILE_STATES = {
    "a pickle": PICKLE,
    "a header of 2**62 bytes": struct.pack("<Q", 1 << 62) + b"{}",
    "offsets beyond the file": b'{"a":{"dtype":"F32","shape":[268435456],"data_offsets":[0,1073741824]}}',
    "a shape that overflows": b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}',
    "a dtype numpy lacks": b'{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}',
}


@pytest.mark.parametrize("name", HOSTILE_STATES)
def test_hostile_states_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = HOSTILE_STATES[name]
    if content.startswith(b"{"):
        content = struct.pack("<Q", len(content)) + content + b"\x01"
    path = READERS["state"].make(tmp_path)
    put_state(path, content)
    said = refusal(READERS["state"], path)
    assert said is not None
    assert "not a safetensors file" in said


@pytest.mark.parametrize("content", [b"[" * 100_000, b" " * (JSON_BYTES + 1), b"\xff\xfe", PICKLE, b'"text"', b"{}"])
def test_hostile_manifests_are_refused(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("data manifest", "checkpoint manifest", "config"):
        path = READERS[name].make(tmp_path)
        path.write_bytes(content)
        assert refusal(READERS[name], path) is not None, name
