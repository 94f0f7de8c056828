"""Names of contracts on the exchange, with prices and turnovers of some of them.

The names are real: Freqtrade's leverage tiers have every one of them. Prices and turnovers are of
the order of the real ones for contracts in `FIGURES`, and made up for all others.
"""

from __future__ import annotations

from enum import StrEnum


class Group(StrEnum):
    """Groups of contracts that move together, beyond what the whole market has in common."""

    LAYER_1 = "layer 1"
    INFRASTRUCTURE = "infrastructure"
    DEFI = "DeFi"
    MEMES = "memes"
    AI = "AI"
    GAMES = "games"
    SMALL_CAPS = "small caps"
    COMMODITIES = "commodities"
    SHARES = "shares"

    @property
    def traditional(self) -> bool:
        """Whether its assets are from outside crypto, so that BTC's factor does not move them."""
        return self in (Group.COMMODITIES, Group.SHARES)


# Base assets of USDT-margined perpetuals.
_NAMES = {
    Group.LAYER_1: """
        ADA TRX AVAX DOT TON NEAR SUI APT ATOM ALGO HBAR ICP SEI TIA INJ EGLD XLM XTZ
        FLOW KAS S ONE IOTA NEO QTUM ZIL ONT KAVA CELO MINA ROSE CFX ICX VET THETA KAIA
        ASTR GLMR STX ETC BCH LTC ZEC DASH BSV XMR RVN ZEN DUSK IOTX IOST SC DGB BERA
        HYPE MOVE INIT MON XPL
    """,
    Group.INFRASTRUCTURE: """
        LINK ARB OP STRK ZK MANTA METIS SCR TAIKO GRT API3 PYTH BAND AR FIL STORJ W ZRO
        AXL EIGEN ALT DYM SSV ENS LPT ANKR CELR SKL CTSI RLC LAYER LINEA PLUME HEMI BAT
        MASK ID POLYX JASMY CKB CVC
    """,
    Group.DEFI: """
        UNI AAVE CRV COMP SNX SUSHI 1INCH DYDX GMX JUP RAY PENDLE LDO ENA ETHFI RUNE
        CAKE YFI KNC UMA LQTY RSR COW JTO MORPHO ONDO SYRUP RESOLV ASTER AERO VELODROME
        DRIFT ORCA KMNO CETUS CVX RPL FLUID SKY USUAL BICO XVS WOO ZRX LISTA
    """,
    Group.MEMES: """
        DOGE 1000SHIB 1000PEPE WIF 币安人生 1000SATS 1000BONK 1000FLOKI BOME MEME TURBO BRETT POPCAT
        MEW NEIRO PNUT GOAT 龙虾 MOODENG FARTCOIN PENGU TRUMP MELANIA 1000CAT
        1000RATS 1MBABYDOGE 1000LUNC PEOPLE 我踏马来了 DOGS HMSTR BAN CHILLGUY 1000000MOG SPX
        1000CHEEMS BROCCOLI714 TST MUBARAK
    """,
    Group.AI: """
        FET TAO RENDER WLD ARKM AI AIXBT VIRTUAL GRASS IO AKT PHA CGPT KAITO COOKIE
        SWARMS ARC GRIFFAIN ZEREBRO NMR ATH SAHARA SIREN 0G ALCH NIL
    """,
    Group.GAMES: """
        AXS SAND MANA GALA IMX ENJ CHZ YGG ILV PIXEL PORTAL BEAMX RONIN SUPER ALICE TLM
        MAGIC GMT APE BIGTIME ACE XAI CATI NOT HIGH MAVIA
    """,
    Group.SMALL_CAPS: """
        C98 ACH DENT ACX AEVO AGLD ALPINE ARPA ASR ATA AUCTION AVA BEL BNT CHR CTK CYBER DEGO
        DODOX DIA EDU FIDA FIO FORTH GAS GHST GLM HFT HIVE HOOK HOT IDEX JOE LUMIA
        LUNA2 MAV MBOX MDT MTL NFP NTRN OGN OM ORDI OXT PROM QUICK RARE RDNT REI RIF
        SAGA SAFE SANTOS SFP SLP SPELL STEEM STG SUN SYN SYS T THE TNSR TRB TRU TWT USTC
        VANRY VIC WAXP YB ZETA
    """,
    Group.COMMODITIES: """
        XAU XAG XPT XPD COPPER NATGAS BZ CL
    """,
    Group.SHARES: """
        TSLA NVDA AAPL SAMSUNG AMZN GOOGL META MSFT MSTR COIN HOOD CRCL INTC AMD PLTR NFLX SPY
        QQQ HYUNDAI BABA ORCL MU TSM AVGO
    """,
}
BASES = {group: tuple(names.split()) for group, names in _NAMES.items()}

_IN_USDC = """
    BTC ETH SOL XRP BNB DOGE 1000PEPE SUI ADA LINK AVAX WLD ENA AAVE LTC NEAR ZEC UNI 1000SHIB ARB
"""
USDC_BASES = tuple(_IN_USDC.split())  # base assets of those margined in USDC
# Base assets that have quarterly contracts in addition to the perpetual.
DATED_BASES = ("BTC", "ETH")

# Price in USDT and turnover of an ordinary day in USDT.
FIGURES = {
    "DOGE": (0.12, 1.2e9),
    "ADA": (0.45, 4e8),
    "TRX": (0.25, 8e7),
    "AVAX": (25.0, 3e8),
    "SUI": (2.4, 9e8),
    "BCH": (420.0, 2e8),
    "LTC": (85.0, 3e8),
    "ETC": (20.0, 8e7),
    "XMR": (160.0, 4e7),
    "ZEC": (60.0, 5e8),
    "DOT": (5.0, 1e8),
    "TON": (3.2, 5e7),
    "HYPE": (30.0, 6e8),
    "LINK": (14.0, 4e8),
    "FIL": (3.5, 9e7),
    "UNI": (7.5, 1.5e8),
    "AAVE": (160.0, 2e8),
    "YFI": (6_200.0, 4e6),
    "EGLD": (25.0, 2e7),
    "ETHFI": (2.2, 6e7),
    "BAT": (0.22, 6e6),
    "NMR": (13.0, 2.5e6),
    "NEO": (9.0, 2e7),
    "ATOM": (6.5, 6e7),
    "TRB": (62.0, 3e7),
    "RUNE": (4.2, 5e7),
    "SUSHI": (0.8, 2.5e7),
    "ONT": (0.22, 4e6),
    "IOTA": (0.21, 5e6),
    "VET": (0.026, 1.5e7),
    "ICX": (0.16, 1.2e6),
    "MAV": (0.26, 2e6),
    "MDT": (0.06, 5e5),
    "VANRY": (0.09, 9e5),
    "WLD": (1.6, 1.2e8),
    "BOME": (0.0075, 3e7),
    "TAO": (380.0, 1e8),
    "1000PEPE": (0.0095, 7e8),
    "1000SHIB": (0.013, 2e8),
    "1000BONK": (0.018, 1.5e8),
    "1000SATS": (0.0005, 6e5),
    "MEW": (0.0012, 2e6),
    "HOT": (0.0009, 3e5),
    "NOT": (0.0021, 8e6),
    "DENT": (0.0007, 1.2e5),
    "XAU": (2_650.0, 3e8),
    "XAG": (31.0, 2e8),
    "XPT": (980.0, 1e7),
    "XPD": (1_020.0, 6e6),
    "COPPER": (4.3, 3e6),
    "NATGAS": (3.1, 5e6),
    "BZ": (74.0, 8e6),
    "CL": (70.0, 1.5e7),
    "TSLA": (310.0, 2e8),
    "NVDA": (135.0, 1e8),
    "AAPL": (225.0, 2e7),
    "SPY": (570.0, 1.5e7),
    "QQQ": (490.0, 1.5e7),
    # Of the order of the share's price in won.
    "SAMSUNG": (100_000.0, 4e6),
}
