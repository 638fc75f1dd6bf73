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


SCROLLS = """
:root{--ground:var(--back);--shade:#0000002e}@media(prefers-color-scheme:dark){:root{--shade:#ffffff38}}
.scroll{overflow-x:auto;margin:12px 0;background:
linear-gradient(to right,var(--ground) 40%,transparent) left/44px 100% no-repeat local,
linear-gradient(to left,var(--ground) 40%,transparent) right/44px 100% no-repeat local,
linear-gradient(to right,var(--shade),transparent) left/16px 100% no-repeat scroll,
linear-gradient(to left,var(--shade),transparent) right/16px 100% no-repeat scroll,var(--ground)}
.sign{display:var(--overflows,none);position:sticky;left:0;margin:0 0 4px;font-size:13px;color:var(--warn)}
@keyframes overflows{from,to{--overflows:block}}
@supports(animation-timeline:scroll()){.scroll{animation:overflows linear;animation-timeline:scroll(self inline)}}
"""
"""Boxes that scroll sideways: shadows at the ends where more is, and a line of text, shown while a scroll timeline is
active, which it is only where there is something to scroll. Browsers without such timelines show the shadows."""

PAGE = (
    SCROLLS
    + """
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);overflow-wrap:anywhere;
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1120px;margin:0 auto;padding:26px 20px 90px}
h1{font-size:28px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}
h2{font-size:22px;margin:44px 0 8px;padding-top:20px;border-top:1px solid var(--rule)}
h3{font-size:16.5px;margin:26px 0 6px}p{margin:6px 0 12px;max-width:76ch}
.lead{color:var(--soft);font-size:17.5px}.note{color:var(--soft);font-size:14.5px}.warn{color:var(--warn)}
nav{margin:18px 0 0;font-size:14.5px}nav a{display:inline-block;margin:0 16px 4px 0;max-width:100%}
a{color:var(--accent);overflow-wrap:anywhere}
.first{display:grid;grid-template-columns:minmax(0,500px) minmax(0,1fr);gap:8px 26px;align-items:start}
.first .chart{margin:6px 0}.first .chart svg{width:100%}.first h2{margin:4px 0;padding:0;border:0;font-size:18px}
.first ul{margin:0;padding-left:18px;font-size:14.5px}.first li{margin:0 0 5px}
.claim{font-size:17.5px;line-height:1.45;margin:8px 0 10px;max-width:none}
@media(max-width:820px){.first{grid-template-columns:minmax(0,1fr)}}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(190px,100%),1fr));gap:12px;margin:20px 0 6px}
.tile{background:var(--panel);border:1px solid var(--rule);border-radius:10px;padding:10px 16px}
.tile b{display:block;font-size:23px;line-height:1.25}.tile span{color:var(--soft);font-size:13.5px}
.chart{--ground:var(--panel);border:1px solid var(--rule);border-radius:10px;padding:14px;margin:14px 0}
.chart svg{max-width:100%;height:auto;display:block}
@media(max-width:700px){main{padding:18px 12px 60px}.chart{padding:8px}.chart svg.broad{min-width:680px;max-width:none}}
.pair{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:14px;margin:14px 0}
.pair .chart{margin:0}@media(max-width:760px){.pair{grid-template-columns:minmax(0,1fr)}}
table{border-collapse:collapse;font-size:14.5px;min-width:50%;overflow-wrap:normal}
caption{text-align:left;overflow-wrap:anywhere;color:var(--soft);font-size:14px;padding:0 0 6px}
caption,.scroll>.sign{max-width:calc(100vw - 60px)}
th{font-weight:600;color:var(--soft);border-bottom:2px solid var(--rule);vertical-align:bottom}
th,td{padding:5px 12px 5px 0}td{border-bottom:1px solid var(--rule);vertical-align:top}
td.num{white-space:nowrap}.num{text-align:right;font-variant-numeric:tabular-nums}.name{text-align:left}
.long{display:inline-block;width:25ch;overflow-wrap:anywhere;white-space:normal}
.paper{color:var(--soft);font-style:italic}
.under{display:block;color:var(--soft);font-size:12.5px;font-weight:400}.under.warn{color:var(--warn)}
.best{font-weight:650}
details{--ground:var(--panel);border:1px solid var(--rule);border-radius:10px;background:var(--panel);
padding:10px 16px;margin:10px 0}
summary{cursor:pointer;font-weight:600}summary h2,summary h3{display:inline;border:0;margin:0;padding:0;font-size:17px}
summary:has(:target){outline:2px solid var(--accent);outline-offset:6px;border-radius:4px}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0 12px;
font:14px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;unicode-bidi:isolate}
.sides{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:4px 22px}
@media(max-width:700px){.sides{grid-template-columns:minmax(0,1fr)}}
.good{color:var(--accent)}.bad{color:var(--warn)}mark{background:var(--shade);color:inherit;border-radius:3px}
.controls{display:flex;flex-wrap:wrap;gap:8px 16px;margin:16px 0}
.controls label{font-size:13.5px;color:var(--soft);max-width:100%}
select,input,button{display:block;font:inherit;font-size:14.5px;color:var(--ink);background:var(--panel);
border:1px solid var(--rule);border-radius:6px;padding:4px 8px;max-width:min(260px,100%)}
button:disabled{opacity:.45}.pages{display:flex;gap:12px;align-items:center;margin:12px 0}
.item{border-top:1px solid var(--rule);padding:14px 0}
.item h3{margin:0 0 4px}ol.checks{margin:0 0 10px;padding-left:22px;font-size:14px}
.tag{display:inline-block;border-radius:5px;padding:0 7px;font-size:12.5px;color:var(--inside);margin-right:6px}
.a-decompose{background:var(--decompose)}.a-prefix{background:var(--prefix)}.a-suffix{background:var(--suffix)}
.a-hold{background:var(--hold)}.a-lost{background:var(--lost)}code{font-size:.9em;overflow-wrap:anywhere}
"""
)
