"""The server: who may ask it, what it refuses, that it only reads, and how it ends."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

from cmr.errors import CmrError
from cmr.explore import sql_question
from cmr.explore.guard import Guard, new_token
from cmr.explore.sql_question import SqlQuestion
from cmr.warehouse.store import Store
from tests.conftest import snapshot
from tests.explored import drawn, serving

pytestmark = pytest.mark.slow

OWN_PAGE = "This server answers only to"


@pytest.fixture(scope="module")
def warehouse(once):
    return drawn(once) / "w"


@pytest.fixture(scope="module")
def served(warehouse):
    with serving(warehouse) as found:
        yield found


def test_the_address_is_of_this_machine_and_has_a_random_token(served):
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", served.address)
    assert len({new_token() for _ in range(100)}) == 100
    status, headers, html = served.ask(f"/?token={served.token}", token=False)
    assert status == 200
    assert served.token not in html
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "set-cookie" not in {name.lower() for name in headers}
    policy = headers["content-security-policy"]
    (nonce,) = set(re.findall(r"'nonce-([\w-]+)'", policy))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert html.count(f'nonce="{nonce}"') == 2
    again = served.ask("/", token=True)[1]["content-security-policy"]
    assert nonce not in again


def test_it_listens_on_loopback_alone(served):
    for line in subprocess.run(["ss", "-ltn"], capture_output=True, text=True).stdout.splitlines():
        if f":{served.port} " in line:
            assert f"127.0.0.1:{served.port} " in line
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        try:
            found.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no other address")
        outside = found.getsockname()[0]
    if not outside.startswith("127."):
        with pytest.raises((ConnectionError, TimeoutError)):
            socket.create_connection((outside, served.port), timeout=2).close()


PATHS = {
    "/": None,
    "/picture?dataset=scenes&item=test-00000": None,
    "/search?dataset=scenes&a=x&b=y": {"text": "a"},
    "/sql": {"sql": "from runs"},
    "/nothing": None,
}


@pytest.mark.parametrize("path", PATHS)
def test_other_hosts_pages_and_missing_tokens_are_refused(served, path):
    port, body = served.port, PATHS[path]
    hosts = (
        "example.com", f"example.com:{port}", "127.0.0.1", "localhost", f"127.0.0.1:{port + 1}",
        f"127.0.0.2:{port}", f"[::1]:{port}", f"127.0.0.1:{port}.example.com",
        f"localhost.example.com:{port}", f"127.0.0.1:{port}@example.com", "", f"0.0.0.0:{port}",
    )  # fmt: skip
    for host in hosts:
        status, _, said = served.ask(path, body, Host=host)
        assert (status, said[: len(OWN_PAGE)]) == (403, OWN_PAGE), host
    for origin in ("http://example.com", "null", f"https://127.0.0.1:{port}", "http://127.0.0.1"):
        status, _, said = served.ask(path, body, Origin=origin)
        assert (status, said[: len(OWN_PAGE)]) == (403, OWN_PAGE), origin
    for site in ("cross-site", "same-site"):
        assert served.ask(path, body, Sec_Fetch_Site=site)[0] == 403
        fetched = {"Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}
        assert served.ask(path, body, Sec_Fetch_Site=site, **fetched)[0] == 403
    for token in (False, "", "x", served.token[:-1], served.token + "x", served.token.upper()):
        status, _, said = served.ask(path, body, token=token)
        assert status == 403
        assert "The token is missing or wrong" in said
    more = "&" if "?" in path else "?"
    assert served.ask(f"{path}{more}token=wrong&token={served.token}", body, token=False)[0] == 403
    assert served.ask(path, body, token=False, Cookie=f"token={served.token}")[0] == 403
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
        assert served.ask(path, body, Host=host)[0] != 403
        origin = f"http://{host.lower()}"
        assert served.ask(path, body, Host=host, Origin=origin)[0] != 403
    # A link to the printed address may stand anywhere.
    linked = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    opened = served.ask(path, body, **linked, Sec_Fetch_Dest="document")[0]
    assert (opened == 200) == (path == "/")
    assert served.ask(path, body, **linked, Sec_Fetch_Dest="iframe")[0] == 403


def test_two_hosts_are_none():
    guard = Guard(None, 80, "t")
    scope = {"headers": [(b"host", b"127.0.0.1:80")] * 2, "query_string": b"token=t"}
    assert guard.fault(scope).startswith(OWN_PAGE)
    assert guard.fault({**scope, "headers": scope["headers"][:1]}) is None


def test_other_methods_and_places(served):
    assert served.ask("/nothing")[0] == 404
    assert served.ask("/search")[0] == 405
    assert served.ask("/", b"x")[0] == 405
    assert served.ask("/docs")[0] == 404


@pytest.mark.parametrize(
    "text",
    [
        "create table t as select 1", "copy (select 1) to '/tmp/cmr-written.csv'",
        "insert into runs select * from runs", "attach '/tmp/x.duckdb'", "drop view runs",
        "set threads = 1", "install httpfs", "pragma database_list", "delete from runs",
    ],
)  # fmt: skip
def test_sql_only_reads(served, text):
    status, found = served.sql(text)
    assert status == 400
    assert "only reads" in found["error"]


@pytest.mark.parametrize(
    "text",
    [
        "from read_text('/etc/hostname')", "from '/etc/passwd'", "from glob('/*')",
        "from read_csv('https://example.com/a.csv')", "from read_blob('/proc/self/environ')",
    ],
)  # fmt: skip
def test_sql_reads_the_warehouse_alone(served, text):
    status, found = served.sql(text)
    assert status == 400, found
    assert "error" in found


def test_sql_answers(served):
    status, found = served.sql("select 1 as a, 'x' as b, null as c; select 2 as a, [1, 2] as b")
    assert status == 200
    assert found["columns"] == [{"name": "a", "numeric": True}, {"name": "b", "numeric": False}]
    assert found["rows"] == [[2, [1, 2]]]
    assert served.sql("select 9007199254740993 as a, -5 as b")[1]["rows"] == [
        ["9007199254740993", -5]
    ]
    found = served.sql("from range(2000)")[1]
    assert len(found["rows"]) == sql_question.ROWS
    assert found["more"]
    found = served.sql("select repeat('x', 3000000) from range(5)")[1]
    assert found["more"]
    assert len(found["rows"]) == 1
    assert served.sql("")[1] == {"error": "the query is empty"}
    assert (
        "no table" in served.sql("from nowhere")[1]["error"].lower()
        or served.sql("from nowhere")[1]["error"]
    )
    board = served.sql("from leaderboard where dataset = 'scenes'")[1]
    assert len(board["rows"]) > 4


def test_a_long_question_is_stopped(warehouse):
    store = Store.open(str(warehouse), read_only=True)
    asked = SqlQuestion(store, LONG, None)

    def stop():
        while not done.wait(0.2):
            asked.stop("enough")

    done = threading.Event()
    threading.Timer(1.5, stop).start()
    clock = time.monotonic()
    with pytest.raises(CmrError, match="enough"):
        asked.answer()
    done.set()
    assert time.monotonic() - clock < 30


LONG = "select count(*) from range(1000000000) as a, range(1000000000) as b where a.range < b.range"


def test_a_page_that_has_left_waits_for_nothing(served):
    """The next question is answered although the first would take for ever."""
    body = json.dumps({"sql": LONG}).encode()
    head = (
        f"POST /sql HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nX-Cmr-Token: {served.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port)) as at:
        at.sendall(head.encode() + body)
        time.sleep(1)
    assert served.sql("select 1 as a")[1]["rows"] == [[1]]


def test_wrong_requests_are_a_sentence(served):
    for path, body in (
        ("/search?dataset=scenes", {"text": "a"}), ("/search?dataset=nowhere", {"text": "a"}),
        ("/search?dataset=scenes&shown=x", {"text": "a"}), ("/search?dataset=scenes", {}),
        ("/search?dataset=scenes", {"side": "x", "item": "1"}), ("/search", b"no picture"),
        ("/sql", {}), ("/sql", b"{"), ("/search?dataset=scenes", [1]),
    ):  # fmt: skip
        kind = {"Content_Type": "application/json"} if body == b"{" else {}
        status, _, said = served.ask(path, body, **kind)
        assert status == 400, (path, said)
        assert json.loads(said)["error"], path
    assert served.ask("/?dataset=nowhere")[0] == 404
    status, _, said = served.ask("/picture?dataset=scenes&item=nothing")
    assert (status, "error" in json.loads(said)) == (400, True)
    long = json.dumps({"sql": "select 1 -- " + "x" * 2**21}).encode()
    status, _, said = served.ask("/sql", long, Content_Type="application/json")
    assert (status, json.loads(said)["error"]) == (
        400,
        "that is more than 1 MiB, too much for the page",
    )


def test_nothing_is_written(once, tmp_path):
    """Neither by searches nor by questions whose measures are not stored yet."""
    root = tmp_path / "w"
    shutil.copytree(drawn(once) / "w", root)
    before = snapshot(root)
    assert not any("run_id=" in name for name in before if name.startswith("metrics/"))
    with serving(root) as served:
        html = served.ask("/")[2]
        keys = re.findall(r'<option value="(\w{16})"', html)
        for key in sorted(set(keys)):
            path = f"/search?dataset=scenes&a={key}&b={key}"
            assert served.ask(path, {"text": "a small red circle"})[0] == 200
        assert served.ask("/picture?dataset=scenes&item=test-00000")[0] == 200
        for text in ("from leaderboard", "from retention", "from metrics limit 5"):
            assert served.sql(text)[0] == 200
        code, said = served.end()
    assert (code, said.splitlines()[-1]) == (0, "stopped")
    assert snapshot(root) == before


def test_a_store_for_reading_writes_nothing(once):
    from cmr.warehouse.schemas import DATASETS

    store = Store.open(str(drawn(once) / "w"), read_only=True)
    assert not store.writable()
    with pytest.raises(CmrError, match="is read-only"), store.claim("x"):
        pass
    for work in (
        lambda: store.storage.write_bytes("x", b""),
        lambda: store.storage.delete("x"),
        lambda: store.storage.write("x", DATASETS.schema, []),
        lambda: store.storage.write_row("x", DATASETS.schema.empty_table()),
    ):
        with pytest.raises(CmrError, match="was opened for reading only"):
            work()


def test_ctrl_c_during_a_question(warehouse):
    with serving(warehouse) as served:
        asking = threading.Thread(target=lambda: _try(lambda: served.sql(LONG)))
        asking.start()
        time.sleep(2)
        clock = time.monotonic()
        code, said = served.end()
        asking.join()
    assert code == 0
    assert said == "Ctrl-C stops it\nstopped\n"
    assert time.monotonic() - clock < 15


def _try(work):
    with contextlib.suppress(OSError, ValueError):
        work()


def test_a_port_in_use(cmr, warehouse):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = cmr("explore", "-w", warehouse, "--port", port, "--no-browser", code=1)
    assert result.stderr == f"cmr: port {port} is in use; --port 0 takes one that is free\n"
    assert result.stdout == ""


def test_what_cannot_be_explored(cmr, warehouse, tmp_path, monkeypatch):
    def said(*options):
        return cmr("explore", "--no-browser", *options, code=1).stderr

    assert "there is no warehouse at" in said("-w", tmp_path / "none")
    Store.create(str(tmp_path / "empty"))
    assert said("-w", tmp_path / "empty") == (
        "cmr: there are no vectors to explore; `cmr ingest` encodes a data set or reads vectors\n"
    )
    assert "there is no data set 'scene'; there are: photos, scenes; did you mean" in said(
        "-w", warehouse, "--dataset", "scene"
    )
    assert "no vectors by the model 'x'" in said("-w", warehouse, "--model", "x")
    assert "--images needs a single data set" in said("-w", warehouse, "--images", tmp_path)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "cmr.cli.explore_command.find_spec", lambda name: None if name == "uvicorn" else find(name)
    )
    assert said("-w", warehouse) == (
        "cmr: cmr explore needs uvicorn, which is not installed: pip install '.[explore]'\n"
    )


def test_the_server_is_imported_when_it_is_needed():
    import sys

    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom cmr.cli.main import main\n"
        "CliRunner().invoke(main, ['explore', '--help'])\n"
        "print([name for name in ('starlette', 'uvicorn', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
