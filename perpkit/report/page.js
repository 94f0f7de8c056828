"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 40rem)");
  const places = [...document.querySelectorAll(".chart")];

  // Colours in the specifications are names of the style sheet's, so that they follow the theme.
  function coloured(value, style) {
    if (typeof value === "string" && value.startsWith("--")) {
      return style.getPropertyValue(value).trim();
    }
    if (Array.isArray(value)) return value.map((one) => coloured(one, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, style)]));
    }
    return value;
  }

  function axis(own, style) {
    const line = style.getPropertyValue("--grid").trim();
    return {
      automargin: true, gridcolor: line, zerolinecolor: style.getPropertyValue("--muted").trim(),
      linecolor: line, ...own,
    };
  }

  function draw(place) {
    const style = getComputedStyle(document.documentElement);
    const spec = specs[place.dataset.chart];
    const layout = coloured(spec.layout, style);
    for (const name of ["xaxis", "yaxis"]) layout[name] = layout[name] || {};
    for (const name of Object.keys(layout)) {
      if (/^[xy]axis/.test(name)) layout[name] = axis(layout[name], style);
    }
    const ink = style.getPropertyValue("--ink").trim();
    const grey = style.getPropertyValue("--muted").trim();
    const card = style.getPropertyValue("--card").trim();
    return Plotly.react(place, coloured(spec.data, style), {
      autosize: true,
      margin: { l: narrow.matches ? 8 : 48, r: 8, t: 34, b: 28 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: "system-ui, sans-serif", size: narrow.matches ? 11 : 12 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: grey, activecolor: ink },
      hoverlabel: { align: "left", bgcolor: card, bordercolor: ink, font: { color: ink } },
      dragmode: narrow.matches ? false : "zoom",
      ...layout,
    }, {
      displaylogo: false,
      responsive: true,
      displayModeBar: narrow.matches ? false : "hover",
      // No button of plotly's that would send the chart away.
      modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
    });
  }

  const shown = () => places.filter((place) => !place.closest("details:not([open])"));
  const drawAll = () => Promise.all(shown().map(draw));

  for (const fold of document.querySelectorAll("details")) {
    fold.addEventListener("toggle", () => {
      if (fold.open) fold.querySelectorAll(".chart").forEach(draw);
    });
  }
  dark.addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
  addEventListener("beforeprint", drawAll);
  addEventListener("afterprint", drawAll);

  // Arrow keys move along the time or the values, + and - zoom, 0 shows all.
  function keyed(event) {
    const place = event.currentTarget;
    const found = place._fullLayout && place._fullLayout.xaxis;
    if (!found || found.type === "category" || event.ctrlKey || event.metaKey) return;
    if (event.key === "0") {
      Plotly.relayout(place, { "xaxis.autorange": true, "yaxis.autorange": true });
      return;
    }
    const [low, high] = found.range.map((end) => found.r2l(end));
    const width = high - low;
    const moves = {
      ArrowLeft: [-0.2, -0.2], ArrowRight: [0.2, 0.2], "+": [0.2, -0.2], "-": [-0.3, 0.3],
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const range = [low + move[0] * width, high + move[1] * width].map((end) => found.l2r(end));
    Plotly.relayout(place, { "xaxis.range": range });
  }
  places.forEach((place) => place.addEventListener("keydown", keyed));

  drawAll().then(() => { document.documentElement.dataset.drawn = "true"; });
})();
