import pytest

from harness.assets.addresses import check_address, leads_to
from harness.errors import UserError

GITHUB = "https://github.com/a/b/releases/download/v1/net.pth"


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (GITHUB, "https://release-assets.githubusercontent.com/x?y", True),
        (GITHUB, "https://github.com/c/d", True),
        (GITHUB, "http://github.com/c/d", False),
        (GITHUB, "https://githubusercontent.com.evil.org/x", False),
        (GITHUB, "https://evilgithubusercontent.com/x", False),
        (GITHUB, "https://login.example.org/", False),
        (GITHUB, "file:///etc/passwd", False),
        ("https://huggingface.co/a", "https://cdn-lfs-us-1.hf.co/b", True),
        ("http://images.cocodataset.org/a", "https://images.cocodataset.org/a", True),
        ("http://images.cocodataset.org/a", "http://portal.hotel.com/", False),
    ],
)
def test_a_redirect_stays_where_the_host_keeps_its_files(source, target, expected):
    assert leads_to(source, target) is expected


def test_plain_http_needs_a_checksum_or_a_host_that_has_nothing_else():
    with pytest.raises(UserError, match="plain http can be changed on its way"):
        check_address("http://example.org/net.pth")
    check_address("http://example.org/net.pth", sha256="ab12")
    check_address("http://images.cocodataset.org/zips/val2017.zip")


@pytest.mark.parametrize("url", ["ftp://a/b", "file:///etc/passwd", "https:///x", "net.pth"])
def test_other_addresses_are_refused(url):
    with pytest.raises(UserError, match="begins with https"):
        check_address(url)
