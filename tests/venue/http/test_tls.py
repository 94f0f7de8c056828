"""HTTPS with a certificate of its own, and what ccxt makes of it."""

import os
import ssl
import urllib.request
from ipaddress import ip_address

import ccxt
import pytest
from cryptography import x509

from perpkit.durations import DAY_MS
from perpkit.venue.http.server import bind, running_venue
from perpkit.venue.http.tls import certificate_file
from perpkit.venue.overlay import overlay
from tests.venue.command import running

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


def client(base_url: str) -> ccxt.binance:
    settings = overlay(base_url)["exchange"]["ccxt_config"]
    return ccxt.binance({**settings, "options": {**settings["options"], "defaultType": "swap"}})


def test_the_certificate_is_for_this_machine_alone_and_does_not_stay():
    with certificate_file() as path:
        assert os.stat(path).st_mode & 0o777 == 0o600
        text = path.read_bytes()
    assert not path.exists()
    assert text.startswith(b"-----BEGIN PRIVATE KEY-----")
    certificate = x509.load_pem_x509_certificate(text)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ip_address("127.0.0.1"), ip_address("::1"),
    ]  # fmt: skip
    lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lasts.total_seconds() * 1000 == 366 * DAY_MS


def test_who_trusts_the_certificate_gets_a_checked_connection(market):
    with running_venue(market, tls=True) as url:
        address = url.removeprefix("https://demo-fapi@")
        host, port = address.split(":")
        pem = ssl.get_server_certificate((host, int(port)))
        trusting = ssl.create_default_context(cadata=pem)
        with urllib.request.urlopen(f"https://{address}/fapi/v1/ping", context=trusting) as answer:
            assert answer.read() == b"{}"
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(f"https://{address}/fapi/v1/ping")


@pytest.mark.parametrize("tls", [False, True])
def test_only_over_tls_ccxt_uses_the_error_codes_of_futures(market, tls):
    with running_venue(market, tls=tls) as url:
        binance = client(url)
        backwards = {"symbol": "BTCUSDT", "interval": "1h", "startTime": 9, "endTime": 8}
        # -1023 is in ccxt's table of futures, and in no other.
        with pytest.raises(ccxt.ExchangeError) as caught:
            binance.fapiPublicGetKlines(backwards)
        binance.session.close()
    assert caught.type is (ccxt.BadRequest if tls else ccxt.ExchangeError)


def test_over_https_the_overlay_checks_no_certificate_and_nothing_else():
    plain, secure = (overlay(f"{scheme}://x")["exchange"] for scheme in ("http", "https"))
    assert secure["ccxt_config"].pop("verify") is False
    assert "verify" not in plain["ccxt_config"]
    del plain["ccxt_config"]["urls"], secure["ccxt_config"]["urls"]
    assert plain == secure


def test_a_client_that_stays_connected_does_not_delay_the_end(market):
    with running_venue(market, tls=True) as url:
        binance = client(url)
        binance.fapiPublicGetPing()
        port = int(url.rsplit(":", 1)[1])
    bind("127.0.0.1", port).close()
    binance.session.close()


def test_the_command_serves_tls_and_writes_the_overlay_for_it(tmp_path):
    path = tmp_path / "overlay.json"
    with running("--days", 3, "--pairs", "BTC/USDT:USDT", "--tls", "--overlay", path) as (_, url):
        assert url.startswith("https://demo-fapi@127.0.0.1:")
        binance = client(url)
        assert binance.fapiPublicGetPing() == {}
        binance.session.close()
    assert '"verify": false' in path.read_text()
