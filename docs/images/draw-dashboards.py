#!/usr/bin/env python3
"""Draws the dashboards of deploy/grafana from a running Prometheus, without Grafana: one PNG a dashboard, one plot a panel.

usage: docs/images/draw-dashboards.py PROMETHEUS-URL MINUTES [FOLDER]
needs: pip install matplotlib

The pictures in docs/images were made so: `fanfare up`, a Prometheus with the rules of deploy/prometheus that scrapes the four admin
ports every 2 s with the label `service`, and `fanfare bench` against it.
"""
import json
import pathlib
import sys
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEP = 5
RATE_INTERVAL = "30s"
COLOURS = plt.get_cmap("tab10").colors


def query(url, expression, start, end):
    values = {"query": expression.replace("$__rate_interval", RATE_INTERVAL), "start": start, "end": end, "step": STEP}
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{urllib.parse.urlencode(values)}", timeout=30) as answer:
        result = json.load(answer)
    return result["data"]["result"]


def legend(pattern, labels):
    for name, value in labels.items():
        pattern = pattern.replace("{{" + name + "}}", value)
    return pattern


def scaled(unit, value):
    if unit == "percentunit":
        return f"{value * 100:.4g} %"
    if unit == "bytes":
        for suffix in ("B", "KiB", "MiB", "GiB"):
            if abs(value) < 1024 or suffix == "GiB":
                return f"{value:.4g} {suffix}"
            value /= 1024
    if unit == "s":
        return f"{value * 1000:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def draw(url, dashboard, start, end, file):
    panels = dashboard["panels"]
    rows = sorted({panel["gridPos"]["y"] for panel in panels})
    heights = [min(panel["gridPos"]["h"] for panel in panels if panel["gridPos"]["y"] == y) for y in rows]
    figure = plt.figure(figsize=(16, sum(heights) * 0.36 + 0.6), layout="constrained")
    figure.suptitle(dashboard["title"], fontsize=15, fontweight="bold", x=0.01, ha="left")
    grid = figure.add_gridspec(len(rows), 24, height_ratios=heights)
    for panel in panels:
        place = panel["gridPos"]
        axes = figure.add_subplot(grid[rows.index(place["y"]), place["x"]:place["x"] + place["w"]])
        unit = panel["fieldConfig"]["defaults"]["unit"]
        axes.set_title(panel["title"], fontsize=10, loc="left")
        series = []
        for target in panel["targets"]:
            for one in query(url, target["expr"], start, end):
                points = [(float(t) - start, float(v)) for t, v in one["values"] if v not in ("NaN", "+Inf", "-Inf")]
                if points:
                    series.append((legend(target["legendFormat"], one["metric"]), points))
        if panel["type"] == "stat":
            axes.axis("off")
            text = scaled(unit, series[0][1][-1][1]) if series else "no data"
            axes.text(0.5, 0.45, text, ha="center", va="center", fontsize=22, color="#1f6f43")
            continue
        for number, (name, points) in enumerate(series[:12]):
            axes.plot(*zip(*points), label=name, linewidth=1.2, color=COLOURS[number % len(COLOURS)])
        if series:
            axes.legend(fontsize=7, loc="upper left", ncols=2 if len(series) > 4 else 1)
            axes.set_ylim(bottom=0)
        else:
            axes.text(0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes, color="grey")
        axes.yaxis.set_major_formatter(lambda value, _, unit=unit: scaled(unit, value))
        axes.set_xlim(0, end - start)
        axes.xaxis.set_major_formatter(lambda value, _: f"{int(value) // 60}:{int(value) % 60:02d}")
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    figure.savefig(file, dpi=70)
    plt.close(figure)


def main():
    url, minutes = sys.argv[1].rstrip("/"), float(sys.argv[2])
    folder = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else ROOT / "docs" / "images"
    end = time.time()
    for file in sorted((ROOT / "deploy" / "grafana").glob("fanfare-*.json")):
        target = folder / f"dashboard-{file.stem.removeprefix('fanfare-')}.png"
        draw(url, json.loads(file.read_text()), end - minutes * 60, end, target)
        print(target)


main()
