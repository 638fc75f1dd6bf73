"""The style sheet of the page and its charts, light and dark, without external fonts, scripts or images."""

import re

COLOURS = """
:root{--back:#fcfcfa;--panel:#ffffff;--ink:#1f2328;--soft:#626b76;--rule:#e3e5e1;--accent:#0f766e;--warn:#b45309;
--c0:#94a3b8;--c1:#2563a8;--c2:#e07b39;--c3:#3f9b63;--c4:#8b5fbf;--c5:#c4476a;--c6:#0f8b8d;--c7:#a98600;
--decompose:#3b82c4;--prefix:#e08a3c;--suffix:#4ba173;--hold:#8b95a4;--frozen:#d3d8de;--lost:#d1495b;--inside:#ffffff}
@media (prefers-color-scheme:dark){:root{--back:#14171a;--panel:#1b1f24;--ink:#e6e8ea;--soft:#98a2ad;--rule:#2d333a;
--accent:#5eccc0;--warn:#f0a355;--c0:#7d8a9c;--c1:#5b9be0;--c2:#f0955a;--c3:#5dbb82;--c4:#aa86dc;--c5:#e2708f;
--c6:#3fb9ba;--c7:#cfae35;--decompose:#5b9be0;--prefix:#f0a05a;--suffix:#5dbb82;--hold:#6c7684;--frozen:#454d57;
--lost:#e8697a;--inside:#10141a}}
"""

CHARTS = """
svg text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;font-size:13px;fill:var(--soft)}
svg .v{font-size:11.5px;fill:var(--ink)}svg .in{font-size:12px;fill:var(--inside)}
svg .h{font-size:19px;font-weight:650;fill:var(--ink)}svg .sub{font-size:14px}
svg .grid{stroke:var(--rule);stroke-width:1}svg .whisker{stroke:var(--ink);stroke-width:1.2;fill:none;opacity:.65}
svg .line{fill:none;stroke-width:2.4;stroke-linejoin:round;stroke-linecap:round}svg .panel{fill:var(--panel)}
svg .ground{fill:var(--rule);opacity:.45}svg .interval{fill:none;stroke-width:1.6;opacity:.8}
svg .part{stroke:var(--panel);stroke-width:1;fill-opacity:.58}svg .outer{fill-opacity:.3}svg .verb{font-weight:600}
""" + "".join(f"svg .s{i}{{fill:var(--c{i})}}svg .l{i}{{stroke:var(--c{i})}}" for i in range(8)) + "".join(
    f"svg .a-{name}{{fill:var(--{name})}}" for name in ("decompose", "prefix", "suffix", "hold", "frozen", "lost")
)  # fmt: skip


def standalone_chart_style() -> str:
    """CSS for a chart in a file of its own: colours as literal values, dark ones behind a media query.

    librsvg and PDF converters know no CSS variables; with variables they draw every shape black.
    """
    light, dark = (dict(re.findall(r"--(\w+):(#\w+)", part)) for part in COLOURS.split("@media"))

    def literal(colours: dict[str, str]) -> str:
        return re.sub(r"var\(--(\w+)\)", lambda name: colours[name[1]], CHARTS)

    return f"{literal(light)}@media (prefers-color-scheme:dark){{{literal(dark)}}}"


PAGE = """
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1000px;margin:0 auto;padding:40px 20px 90px}
h1{font-size:31px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}
h2{font-size:22px;margin:52px 0 8px;padding-top:20px;border-top:1px solid var(--rule)}
h3{font-size:16.5px;margin:26px 0 6px}p{margin:6px 0 12px;max-width:76ch}
.lead{color:var(--soft);font-size:17.5px}.note{color:var(--soft);font-size:14.5px}.warn{color:var(--warn)}
nav{margin:20px 0 0;font-size:14.5px}nav a{margin-right:16px;white-space:nowrap}a{color:var(--accent)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px;margin:26px 0 6px}
.tile{background:var(--panel);border:1px solid var(--rule);border-radius:10px;padding:14px 16px}
.tile b{display:block;font-size:25px;line-height:1.25}.tile span{color:var(--soft);font-size:13.5px}
.chart{background:var(--panel);border:1px solid var(--rule);border-radius:10px;padding:14px;margin:14px 0}
.chart svg{max-width:100%;height:auto;display:block}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:14px;margin:14px 0}
.pair .chart{margin:0}@media(max-width:760px){.pair{grid-template-columns:1fr}}
.scroll{overflow-x:auto;margin:12px 0}table{border-collapse:collapse;font-size:14.5px;min-width:50%}
caption{text-align:left;color:var(--soft);font-size:14px;padding:0 0 6px}
th{font-weight:600;color:var(--soft);border-bottom:2px solid var(--rule);white-space:nowrap;vertical-align:bottom}
th,td{padding:5px 12px 5px 0}td{border-bottom:1px solid var(--rule);vertical-align:top}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.name{text-align:left}
.paper{color:var(--soft);font-style:italic}
.under{display:block;color:var(--soft);font-size:12.5px}.under.warn{color:var(--warn)}.best{font-weight:650}
details{border:1px solid var(--rule);border-radius:10px;background:var(--panel);padding:10px 16px;margin:10px 0}
summary{cursor:pointer;font-weight:600}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0 12px;
font:14px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;unicode-bidi:isolate}
.tag{display:inline-block;border-radius:5px;padding:0 7px;font-size:12.5px;color:var(--inside);margin-right:6px}
.a-decompose{background:var(--decompose)}.a-prefix{background:var(--prefix)}.a-suffix{background:var(--suffix)}
.a-hold{background:var(--hold)}.a-lost{background:var(--lost)}code{font-size:.9em;overflow-wrap:anywhere}
"""
