"""What is restricted is drawn as what it is: all pairs, one pair, one side."""

from datetime import timedelta

from perpkit.breakers.stretches import Stretch
from perpkit.ops.chart import draw
from tests.factories import START, candles

HOUR = timedelta(hours=1)
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def stretch(begin, pair="*", side="*"):
    return Stretch(
        START + begin * HOUR, START + (begin + 2) * HOUR, "reducing", "why", "B", pair, side
    )


def test_lanes_and_shades():
    found = [
        stretch(1),
        stretch(5, BTC),
        stretch(9, ETH),
        stretch(13, BTC, "long"),
        stretch(17, side="short"),
    ]
    figure = draw(candles(48, start=START), found, BTC)
    lanes = [lane for trace in figure.data[1:] for lane in trace.y]
    assert lanes == ["B", f"B: {BTC}", f"B: {ETH}", f"B: {BTC} long", "B: short"]
    hovers = [text for trace in figure.data[1:] for text in trace.hovertext]
    assert f"reducing, {ETH}<br>" in hovers[2]
    assert [(shape.x0, shape.y0, shape.y1) for shape in figure.layout.shapes] == [
        (START + 1 * HOUR, 0, 1),
        (START + 5 * HOUR, 0, 1),
        (START + 13 * HOUR, 0.5, 1),
        (START + 17 * HOUR, 0, 0.5),
    ]
