"""The kind of asset that a contract is on, by its base asset, as the exchange classifies it.

Any name that is not here is a coin. The names are those of contracts listed by September 2026 that
no coin shares.
"""

from __future__ import annotations

from enum import StrEnum


class Underlying(StrEnum):
    """Kinds of underlying assets, by the `underlyingType` of exchangeInfo."""

    COIN = "COIN"
    INDEX = "INDEX"
    COMMODITY = "COMMODITY"
    EQUITY = "EQUITY"
    KR_EQUITY = "KR_EQUITY"
    PREMARKET = "PREMARKET"

    @property
    def tradfi(self) -> bool:
        """Whether perpetuals on it are `TRADIFI_PERPETUAL`."""
        return self not in (Underlying.COIN, Underlying.INDEX)


_NAMES = {
    Underlying.INDEX: "BTCDOM DEFI",
    Underlying.COMMODITY: "XAU XAG XPT XPD COPPER CL BZ NATGAS",
    Underlying.KR_EQUITY: "HYUNDAI SAMSUNG SKHYNIX",
    Underlying.PREMARKET: "ANTHROPIC OPENAI",
    Underlying.EQUITY: (
        "AAPL ADBE AMAT AMC AMD AMZN ANET ARM ASML ASTS AVGO BABA BRKB CIEN COIN COST CRCL "
        "CRDO CRM CRWD CRWV CSCO DDOG DELL DIS DJT DKNG EBAY EWJ EWT EWY EWZ GDX GEV GLW GME "
        "GOOGL GPRO GS HD HIMS HK0625 HK0700 HK0992 HK1810 HOOD HPE HUT IBM INTC IONQ IREN "
        "IWM JPM KLAC KORU LLY LRCX MARA MDB META MINIMAX MRK MRNA MRVL MSFT MSTR MU NBIS "
        "NFLX NOK NVDA NVDL NVO ONDS ORCL PANW PDD PLTR PYPL QCOM QQQ RDDT RIVN RKLB SHOP "
        "SMCI SMH SNDK SNOW SOFI SONY SOXL SOXS SPY SQQQ STRC TQQQ TSLA TSLL TSM TTWO TXN TZA "
        "UBER UVXY VRT VST WDC WMT XBI XLE ZHIPU"
    ),
}
_BY_NAME = {name: kind for kind, names in _NAMES.items() for name in names.split()}


def underlying_of(base: str) -> Underlying:
    return _BY_NAME.get(base, Underlying.COIN)
