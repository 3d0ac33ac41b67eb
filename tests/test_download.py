"""Official files: fetched from the first mirror that has them, gone on with after a break, the same ever after."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from bad_files import d4rl_columns, stored_hdf5
from rich.console import Console
from small_runs import DATA_SET, ENV, quiet

from veloq.command import main
from veloq.core.errors import DataError
from veloq.training.data import download as download_module
from veloq.training.data import load_task, make, resumable
from veloq.training.data.catalogue import find_data_set
from veloq.training.data.download import download
from veloq.training.data.files import sha256, validation_path
from veloq.training.data.hashes import HASHES
from veloq.training.data.mirrors import TABLE, mirrors
from veloq.training.data.provenance import seen
from veloq.training.data.resumable import fetch, partial_path

CONTENT = bytes(range(256)) * 5000


class Server(ThreadingHTTPServer):
    """Serves `files`; every answer breaks off after `breaks_after` bytes; `ranges` says whether it can go on."""

    def __init__(self) -> None:
        super().__init__(("localhost", 0), Handler)
        self.files: dict[str, bytes] = {"/file": CONTENT}
        self.breaks_after: int | None = None
        self.ranges, self.tag = True, '"first"'
        self.begins: list[int] = []

    @property
    def address(self) -> str:
        return f"http://localhost:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        begin = 0
        if self.server.ranges and self.headers.get("If-Range") == self.server.tag:
            begin = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        self.server.begins.append(begin)
        if begin >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", self.server.tag)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin:][: self.server.breaks_after])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def test_a_broken_connection_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    server.breaks_after = len(CONTENT) // 3 + 1
    told: list[tuple[int, int | None]] = []
    partial = fetch(f"{server.address}/file", tmp_path / "file", lambda *report: told.append(report))
    assert partial.read_bytes() == CONTENT
    assert server.begins == [0, server.breaks_after, 2 * server.breaks_after]
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_what_came_is_kept_for_the_next_command(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "TRIES", 1)
    server.breaks_after = 1000
    with pytest.raises(DataError, match="broke after 1000 of 1280000 bytes"):
        fetch(f"{server.address}/file", tmp_path / "file", lambda *_: None)
    server.breaks_after = None
    assert fetch(f"{server.address}/file", tmp_path / "file", lambda *_: None).read_bytes() == CONTENT
    assert server.begins == [0, 1000]


def test_a_file_that_came_whole_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    """As when the other file of a data set broke off."""
    for _ in range(2):
        assert fetch(f"{server.address}/file", tmp_path / "file", lambda *_: None).read_bytes() == CONTENT
    assert server.begins == [0, len(CONTENT)]


@pytest.mark.parametrize("change", ["no ranges", "new version", "another address", "too much is there"])
def test_bytes_of_something_else_are_never_gone_on_with(
    change: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "TRIES", 1)
    server.breaks_after = 1000
    with pytest.raises(DataError):
        fetch(f"{server.address}/file", tmp_path / "file", lambda *_: None)
    server.breaks_after = None
    server.files["/other"] = expected = CONTENT[::-1]
    wanted = "other" if change == "another address" else "file"
    if change == "too much is there":
        partial_path(tmp_path / "file").write_bytes(CONTENT * 2)
        expected = CONTENT
    elif change != "another address":
        server.files["/file"] = expected
        server.tag = '"second"'
        server.ranges = change != "no ranges"
    assert fetch(f"{server.address}/{wanted}", tmp_path / "file", lambda *_: None).read_bytes() == expected


def test_a_server_that_refuses_or_is_not_there_is_one_line(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent: 404 Not Found$"):
        fetch(f"{server.address}/absent", tmp_path / "file", lambda *_: None)
    with pytest.raises(DataError, match=r"http://localhost:1/file: Connection refused$"):
        fetch("http://localhost:1/file", tmp_path / "file", lambda *_: None)


def test_a_file_that_does_not_fit_is_not_begun(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(resumable.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DataError, match="1000 bytes are free, the file needs 1280000 more"):
        fetch(f"{server.address}/file", tmp_path / "file", lambda *_: None)
    assert not partial_path(tmp_path / "file").exists()


@pytest.fixture
def mirror(server: Server, data: Path) -> Server:
    """A mirror with a data set's two files."""
    train = data / f"{DATA_SET}.npz"
    for path in (train, validation_path(train)):
        server.files[f"/good/{path.name}"] = path.read_bytes()
    return server


def test_mirrors_are_tried_in_turn_the_users_first(
    mirror: Server, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / TABLE).write_text(f'ogbench = ["{mirror.address}/absent", "{mirror.address}/good/"]\n')
    assert mirrors("ogbench", tmp_path)[:2] == (f"{mirror.address}/absent", f"{mirror.address}/good")
    assert len(mirrors("ogbench", tmp_path)) == 3
    path = make(DATA_SET, directory=tmp_path, source="official")
    assert path.read_bytes() == (data / path.name).read_bytes()
    assert {entry.name for entry in tmp_path.iterdir()} == {TABLE, HASHES, path.name, validation_path(path).name}
    assert load_task(ENV, tmp_path).origin == f"official file, {mirror.address}/good/{path.name}"


def test_every_mirror_that_failed_is_named(mirror: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{DATA_SET}-val.npz"
    mirror.files[f"/bad/{name}"] = b"no archive"
    monkeypatch.setattr(download_module, "mirrors", lambda *_: [f"{mirror.address}/absent", f"{mirror.address}/bad"])
    said = download(find_data_set(DATA_SET), tmp_path, quiet())
    assert said is not None
    assert f"{mirror.address}/absent/{name}: 404 Not Found; {mirror.address}/bad/{name}: " in said
    assert "readable npz" in said
    assert "\n" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_changed_since_it_was_first_seen_is_refused(
    mirror: Server, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "mirrors", lambda *_: [f"{mirror.address}/good"])
    path = make(DATA_SET, directory=tmp_path, source="official")
    good = path.read_bytes()
    path.write_bytes((data / validation_path(path).name).read_bytes())
    with pytest.raises(DataError, match=f"{path.name}: its SHA-256 is not the one of 20"):
        load_task(ENV, tmp_path)
    path.unlink()
    mirror.files[f"/good/{path.name}"] = (data / validation_path(path).name).read_bytes()
    with pytest.raises(DataError, match="its SHA-256 is not the one of 20"):
        make(DATA_SET, directory=tmp_path, source="official")
    assert not path.exists()
    mirror.files[f"/good/{path.name}"] = good
    assert make(DATA_SET, directory=tmp_path, source="official").read_bytes() == good


def test_the_list_says_what_is_here(mirror: Server, data: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / TABLE).write_text(f'ogbench = ["{mirror.address}/good"]\n')
    assert main(["data", "fetch", DATA_SET, "--data-directory", str(tmp_path)]) == 0
    assert main(["data", "list", "--data-directory", str(tmp_path)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "official, 0 MB, hash known" in lines[DATA_SET]
    wanted = {"antsoccer-arena-navigate-v0": "download", "antmaze-large-stitch-v0": "download, made again"}
    wanted["humanoidmaze-large-navigate-v0"] = "download, made by one's own expert"
    for name, sources in wanted.items():
        assert re.split(r"\s{2,}", lines[name])[-2:] == [sources, "-"]
    assert main(["data", "list", "--data-directory", str(data)]) == 0
    assert "made here, seed 0, 2,000 transitions" in capsys.readouterr().out


def test_a_file_of_d4rl_is_fetched_once_and_known(server: Server, tmp_path: Path, capsys: Any) -> None:
    name, folder = "hopper-medium-replay-v2", tmp_path / "data"
    folder.mkdir()
    content = stored_hdf5(tmp_path / "made.hdf5", d4rl_columns()).read_bytes()
    (folder / TABLE).write_text(f'd4rl = ["{server.address}"]\n')
    command = ["data", "fetch", name, "--data-directory", str(folder)]
    server.files["/gym_mujoco_v2/hopper_medium_replay-v2.hdf5"] = content
    assert main(command) == 0
    file = folder / f"{name}.hdf5"
    assert capsys.readouterr().out.split()[-1] == str(file)
    assert file.read_bytes() == content
    assert seen(file, sha256(file)) == f"{server.address}/gym_mujoco_v2/hopper_medium_replay-v2.hdf5"
    fetched = len(server.begins)
    assert main(command) == 0
    assert len(server.begins) == fetched
    with pytest.raises(DataError, match="its SHA-256 is not the one of 20"):
        seen(file, "0" * 64)


def test_what_d4rl_has_not_is_one_line(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    server.files["/hand_dapg_v1/pen-human-v1.hdf5"] = b"no HDF5"
    monkeypatch.setattr(download_module, "mirrors", lambda *_: [f"{server.address}/absent", server.address])
    assert main(["data", "fetch", "pen-human-v1", "--data-directory", str(tmp_path)]) != 0
    said = capsys.readouterr().err
    assert "pen-human-v1: the official file cannot be downloaded" in said
    assert "404 Not Found" in said
    assert "readable HDF5" in said
    assert list(tmp_path.iterdir()) == []
    assert main(["data", "fetch", "D4RL/pen/human-v2"]) != 0
    assert "minari download D4RL/pen/human-v2" in capsys.readouterr().err


def test_a_file_found_in_place_is_written_down(data: Path, tmp_path: Path) -> None:
    for path in data.glob("*.npz"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    console = Console(record=True, width=300, quiet=False)
    make(DATA_SET, directory=tmp_path, console=console)
    assert "is the official file, found in place: 2000 transitions" in console.export_text()
    known = json.loads((tmp_path / HASHES).read_text())
    assert known.keys() == {path.name for path in data.glob("*.npz")}


@pytest.mark.parametrize(
    "content", ["ogbench = 3", 'ogbench = ["ftp://host"]', 'other = ["https://host"]', 'ogbench = ["http://[x"]', "["]
)
def test_a_table_of_mirrors_that_makes_no_sense_is_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / TABLE).write_text(content)
    with pytest.raises(DataError, match=TABLE) as refused:
        make(DATA_SET, directory=tmp_path, source="official")
    assert "\n" not in str(refused.value)
