"""Downloads, from a server in this process."""

import errno
import hashlib
import threading

import pytest
from web import Web

from harness.assets import download, transfer
from harness.assets.download import fetch
from harness.errors import HarnessError, UserError

DATA = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(transfer, "CHUNK", 1 << 16)
    served = Web()
    served.files["net.pth"] = DATA
    yield served
    served.close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "weights" / "net.pth"


def get(web, target, **options):
    return fetch(web.url("net.pth"), target, wait=0, **options)


def nothing_but(folder, *names):
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_a_file_arrives_whole_and_alone(web, target):
    seen = []

    found = get(web, target, size=len(DATA), sha256=SHA256, progress=lambda *a: seen.append(a))

    assert found == SHA256
    assert target.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert [here for here, _ in seen] == sorted(here for here, _ in seen)
    nothing_but(target.parent, "net.pth")


def test_a_file_that_is_there_is_checked_and_not_asked_for(web, target):
    target.parent.mkdir(parents=True)
    target.write_bytes(DATA)

    assert get(web, target, sha256=SHA256) == SHA256
    assert web.asked == []
    with pytest.raises(UserError, match=r"net\.pth is there, but its sha256 is .*expected 000"):
        get(web, target, sha256="0" * 64)
    with pytest.raises(UserError, match=r"has 1024000 bytes, expected 5\. Delete it"):
        get(web, target, size=5)
    assert target.read_bytes() == DATA


@pytest.mark.parametrize(
    "known", [{}, {"sha256": SHA256}, {"sha256": SHA256[:8]}, {"md5": MD5}, {"size": len(DATA)}]
)
def test_a_connection_that_breaks_is_taken_up_where_it_broke(web, target, known):
    web.cut = [100_000, 200_000]

    assert get(web, target, **known) == SHA256
    assert web.asked == [None, "bytes=100000-", "bytes=300000-"]
    assert target.read_bytes() == DATA


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(web, target):
    web.cut, web.statuses = [300_000], []
    with pytest.raises(HarnessError, match="closed after 300000 of 1024000 bytes"):
        get(web, target, tries=1)
    assert not target.exists()

    assert get(web, target) == SHA256
    assert web.asked[-1] == "bytes=300000-"
    nothing_but(target.parent, "net.pth")


def test_parts_of_two_versions_of_a_file_are_never_joined(web, target):
    web.cut = [300_000]
    with pytest.raises(HarnessError):
        get(web, target, tries=1)
    web.files["net.pth"], web.etag = DATA[::-1], '"2"'

    get(web, target)

    assert target.read_bytes() == DATA[::-1]


@pytest.mark.parametrize("known", [{}, {"sha256": SHA256}, {"md5": MD5}])
def test_without_a_tag_only_a_checksum_lets_a_part_be_kept(web, target, known):
    web.cut, web.etag = [300_000], ""
    with pytest.raises(HarnessError):
        get(web, target, tries=1)
    web.asked.clear()

    assert get(web, target, **known) == SHA256
    assert web.asked == (["bytes=300000-"] if known else [None])


def test_a_server_that_cannot_resume_is_asked_for_all_of_it(web, target):
    web.ranges, web.cut = False, [300_000]

    assert get(web, target) == SHA256
    assert target.read_bytes() == DATA


def test_a_complete_part_needs_no_more_bytes(web, target):
    target.parent.mkdir(parents=True)
    (target.parent / "net.pth.part").write_bytes(DATA)

    assert get(web, target, sha256=SHA256) == SHA256
    nothing_but(target.parent, "net.pth")


def test_a_part_longer_than_the_file_is_thrown_away(web, target):
    target.parent.mkdir(parents=True)
    (target.parent / "net.pth.part").write_bytes(DATA + b"more")

    assert get(web, target, sha256=SHA256) == SHA256
    assert target.read_bytes() == DATA


def test_passing_errors_are_tried_again_but_not_for_ever(web, target):
    web.statuses = [503, 429, 500]
    assert get(web, target) == SHA256

    target.unlink()
    web.statuses = [503] * 9
    with pytest.raises(HarnessError, match=r"answered 503 .*or download it with another program"):
        get(web, target)
    assert len(web.statuses) == 9 - download.TRIES
    nothing_but(target.parent)


@pytest.mark.parametrize("status", [403, 404])
def test_other_errors_are_said_at_once(web, target, status):
    web.statuses = [status]

    with pytest.raises(HarnessError, match=rf"answered {status} .*put it at .*net\.pth"):
        get(web, target)

    assert len(web.asked) == 1
    nothing_but(target.parent)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_is_no_file(web, target, kind):
    web.kind, web.files["net.pth"] = kind, b"\n<!DOCTYPE html><html><body>Log in</body></html>"

    with pytest.raises(HarnessError, match="gave a web page instead of the file"):
        get(web, target)

    nothing_but(target.parent)


def test_another_file_than_expected_is_deleted(web, target):
    with pytest.raises(HarnessError, match=r"gave another file than expected: its sha256 is"):
        get(web, target, sha256="0" * 64)
    with pytest.raises(HarnessError, match="1024000 bytes instead of 5"):
        get(web, target, size=5)
    with pytest.raises(HarnessError, match=rf"its sha256 is {SHA256[:12]}…, expected 01234567…"):
        get(web, target, sha256="01234567")
    with pytest.raises(HarnessError, match=rf"its md5 is {MD5[:12]}…, expected 000000000000…"):
        get(web, target, sha256=SHA256, md5="0" * 32)

    nothing_but(target.parent)


def test_offline_nothing_is_asked_for_and_what_is_here_is_checked(web, target, monkeypatch):
    monkeypatch.setenv("HARNESS_OFFLINE", "1")

    with pytest.raises(UserError, match=r"Offline: http://.*/net\.pth is not downloaded\. Run wit"
                                        rf"hout --offline .*put it at {target}\.$"):  # fmt: skip
        get(web, target)
    assert not target.parent.exists()

    target.parent.mkdir(parents=True)
    target.write_bytes(DATA)
    assert get(web, target, sha256=SHA256) == SHA256
    with pytest.raises(UserError, match="is there, but its md5"):
        get(web, target, md5="0" * 32)
    assert web.asked == []


def test_no_network_is_one_sentence(target):
    with pytest.raises(HarnessError, match=r"127\.0\.0\.1 cannot be reached .*https_proxy"):
        fetch("http://127.0.0.1:9/net.pth", target, tries=2, wait=0)

    nothing_but(target.parent)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/net.pth", "net.pth"])
def test_only_web_addresses_are_opened(target, url):
    with pytest.raises(UserError, match="begins with https://"):
        fetch(url, target)


def test_a_disk_too_small_is_seen_before_anything_comes(web, target, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda path: usage)

    with pytest.raises(HarnessError, match=r"The disk is full: .* needs 1\.0 MB more"):
        get(web, target)


def test_a_disk_that_fills_up_keeps_what_came(web, target, monkeypatch):
    def receive(job, file):
        file.write(DATA[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "receive", receive)
    with pytest.raises(HarnessError, match=r"The disk is full: cannot write .*HARNESS_CACHE"):
        get(web, target)
    nothing_but(target.parent, "net.pth.part")


def test_a_folder_that_cannot_be_written_is_named(web, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")

    with pytest.raises(UserError, match=r"Cannot write .*net\.pth: .*Set HARNESS_CACHE"):
        get(web, tmp_path / "cache" / "net.pth")
    with pytest.raises(UserError, match=r"Cannot write .*net\.pth: .*Set --data-root to a folder"):
        get(web, tmp_path / "cache" / "net.pth", setting="--data-root")
    assert web.asked == []


def test_of_two_downloads_at_once_the_second_is_refused(web, target):
    began, go_on = threading.Event(), threading.Event()

    def hold(here, total):
        began.set()
        go_on.wait(10)

    first = threading.Thread(target=get, args=(web, target), kwargs={"progress": hold})
    first.start()
    try:
        assert began.wait(10)
        with pytest.raises(UserError, match=r"Another harness is downloading .*net\.pth"):
            get(web, target)
    finally:
        go_on.set()
        first.join()
    assert target.read_bytes() == DATA
    nothing_but(target.parent, "net.pth")


def test_no_more_than_the_known_size_is_taken(web, target):
    web.endless = True
    with pytest.raises(HarnessError, match="sends more than the 1000000 bytes"):
        get(web, target, size=1_000_000)
    web.endless = False
    assert not target.exists()
    nothing_but(target.parent)


def test_without_a_size_a_stated_limit_holds(web, target, monkeypatch):
    monkeypatch.setattr(transfer, "LARGEST", 10_000)
    with pytest.raises(HarnessError, match="without a known size at most"):
        get(web, target)
    web.endless = True
    with pytest.raises(HarnessError, match="sends more than the 10000 bytes"):
        get(web, target)
    web.endless = False


def test_a_download_that_trickles_is_ended_and_what_came_is_kept(web, target, monkeypatch):
    monkeypatch.setattr(transfer, "PATIENCE", -1e9)
    with pytest.raises(HarnessError, match="too slow: .* goes on where it stopped"):
        get(web, target, sha256=SHA256)
    assert target.with_name("net.pth.part").stat().st_size > 0
    monkeypatch.undo()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    get(web, target, sha256=SHA256)
    assert target.read_bytes() == DATA


def test_a_server_that_breaks_for_ever_is_given_up(web, target, monkeypatch):
    monkeypatch.setattr(download, "RESTARTS", 5)
    web.cut = [70_000] * 50
    with pytest.raises(HarnessError, match="the connection closed after"):
        get(web, target)
    assert len(web.asked) == 5


def test_an_empty_answer_is_an_error(web, target):
    web.files["net.pth"] = b""
    with pytest.raises(HarnessError, match="gave an empty file"):
        get(web, target)
    assert not target.exists()


def test_a_redirect_to_elsewhere_is_refused(web, target):
    web.lead["net.pth"] = web.url("other").replace("127.0.0.1", "localhost")
    with pytest.raises(HarnessError, match="sends on to http://localhost"):
        get(web, target)
    web.files["other"] = DATA
    web.lead["net.pth"] = web.url("other")
    get(web, target)
    assert target.read_bytes() == DATA
