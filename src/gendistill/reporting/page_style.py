"""The style sheet of the page: light and dark, one column on a phone, nothing fetched."""

STYLE = """
:root{color-scheme:light dark;--bg:#fbfbf9;--card:#fff;--fg:#1c2024;--soft:#5c656e;--line:#e2e3df;--grid:#ecece8;
--accent:#0b6e5a;--warn:#a3490b;--bad:#b3261e;--on:#fff;
--c-whole:#3b4652;--c-real:#6f7b87;--c-random:#a7b0b8;--c-cgan:#d98a1f;--c-continued:#a8567f;--c-dim:#3f7fc4;--c-ours:#0b7a63;
--c-1:#0b7a63;--c-2:#d98a1f;--c-3:#3f7fc4;--c-4:#b0487d;--c-5:#7a5bb5;--c-6:#7d7a2b}
@media(prefers-color-scheme:dark){:root{--bg:#131619;--card:#1b1f23;--fg:#e8eaec;--soft:#a0a9b2;--line:#30363c;
--grid:#282d33;--accent:#4cc9a9;--warn:#f0a35e;--bad:#ff8a80;--on:#0e1113;
--c-whole:#dfe4e8;--c-real:#9aa5af;--c-random:#6b757f;--c-cgan:#f0ae4e;--c-continued:#d48bb0;--c-dim:#74acec;--c-ours:#3fc7a6;
--c-1:#3fc7a6;--c-2:#f0ae4e;--c-3:#74acec;--c-4:#e488b3;--c-5:#b49cf0;--c-6:#c9c55e}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:3.2rem}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans","DejaVu Sans",sans-serif}
main,header>div,footer{max-width:1120px;margin:0 auto;padding:0 1.25rem}
header{padding:2.6rem 0 1.2rem}
h1{font-size:clamp(1.7rem,5vw,2.5rem);line-height:1.15;margin:0 0 .6rem;letter-spacing:-.02em}
h2{font-size:1.35rem;line-height:1.25;margin:0 0 .5rem;letter-spacing:-.01em}
h3{font-size:1rem;margin:1.6rem 0 .5rem}
.lead{font-size:1.08rem;max-width:46rem;margin:0}
.eyebrow{color:var(--soft);font-size:.85rem;margin:0 0 .4rem}
p{max-width:46rem;margin:.5rem 0}
.note,caption,.legend,.more{color:var(--soft);font-size:.88rem}
a{color:var(--accent)}
code{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
nav{position:sticky;top:0;z-index:1;background:var(--bg);border-block:1px solid var(--line)}
nav div{max-width:1120px;margin:0 auto;padding:.55rem 1.25rem;display:flex;gap:1.15rem;overflow-x:auto;
white-space:nowrap;font-size:.9rem;scrollbar-width:none}
nav a{color:var(--soft);text-decoration:none}
nav a:hover,nav a:focus{color:var(--fg)}
section{padding:2rem 0 .6rem;border-bottom:1px solid var(--line)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.75rem;margin:1.4rem 0 .4rem}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem}
.tile b{display:block;font-size:1.55rem;line-height:1.2;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tile span{color:var(--soft);font-size:.85rem;line-height:1.35;display:block}
.scroll{overflow-x:auto;margin:1rem 0;border:1px solid var(--line);border-radius:10px;background:var(--card)}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.6rem .9rem;border-bottom:1px solid var(--line)}
caption span{position:sticky;left:.9rem;display:inline-block;max-width:min(100%,calc(100vw - 4.4rem))}
th,td{padding:.42rem .9rem;text-align:right;white-space:nowrap;border-top:1px solid var(--grid)}
thead th{font-weight:500;color:var(--soft);border-top:0;vertical-align:bottom;line-height:1.3}
th:first-child{text-align:left;font-weight:500;white-space:normal;overflow-wrap:anywhere;min-width:8.5rem;line-height:1.35}
th small,td small{display:block;color:var(--soft);font-weight:400;font-size:.82em}
tr.strong th,tr.strong td{font-weight:650;color:var(--accent)}
tr.strong th small,td small{color:inherit;font-weight:400}
table.words td{text-align:left;white-space:normal;min-width:9rem}
.inside{color:var(--accent);font-weight:600}.outside{color:var(--bad);font-weight:600}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr));gap:.9rem;margin:1rem 0;
align-items:start}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.8rem .8rem .7rem;
min-width:0}
figcaption{font-weight:600;font-size:.92rem;margin:0 .2rem .35rem;line-height:1.35}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{font-size:11px;fill:var(--soft);font-variant-numeric:tabular-nums}
svg .label{font-size:10.5px}svg .end{text-anchor:end}svg .mid{text-anchor:middle}
svg .name{fill:var(--fg)}svg .value{fill:var(--fg)}
svg .grid{stroke:var(--grid)}svg .axis{stroke:var(--soft)}
svg .curve{fill:none;stroke:var(--c);stroke-width:1.7;stroke-linejoin:round}
svg circle{fill:var(--c);stroke:var(--card);stroke-width:1.2}
svg .whisker{stroke:var(--c);stroke-width:1.4}
svg .bar rect{fill:var(--c);fill-opacity:.78}svg .bar .whisker{stroke:var(--fg);stroke-width:1.6}
svg .right{fill:var(--c-ours)}svg .wrong{fill:var(--c-cgan)}
svg .cell{font-size:10px;fill:var(--fg)}svg .cell.on{fill:var(--on)}
.legend{display:flex;flex-wrap:wrap;gap:.15rem 1rem;margin:.3rem .2rem 0}
.key{display:inline-flex;align-items:center;gap:.4rem}
.key i{width:.75rem;height:.75rem;border-radius:3px;background:var(--c);flex:none}
.c-whole{--c:var(--c-whole)}.c-real{--c:var(--c-real)}.c-random{--c:var(--c-random)}.c-cgan{--c:var(--c-cgan)}
.c-continued{--c:var(--c-continued)}.c-dim{--c:var(--c-dim)}.c-ours{--c:var(--c-ours)}.c-1{--c:var(--c-1)}.c-2{--c:var(--c-2)}.c-3{--c:var(--c-3)}
.c-4{--c:var(--c-4)}.c-5{--c:var(--c-5)}.c-6{--c:var(--c-6)}
img{display:block;width:100%;height:auto;image-rendering:pixelated;border-radius:3px;background:var(--grid)}
.strips{display:grid;gap:.4rem .9rem;margin:1rem 0;align-items:center;
grid-template-columns:minmax(2rem,max-content) repeat(var(--n),minmax(0,1fr))}
.strips>b{font-size:.85rem;font-weight:600}.strips>span{font-size:.88rem}.strips .own{display:none}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(6.2rem,1fr));gap:.8rem;margin:1rem 0}
.pair{font-size:.78rem;color:var(--soft);line-height:1.35;font-variant-numeric:tabular-nums}
.pair div{display:grid;grid-template-columns:1fr 1fr;gap:3px;margin-bottom:.25rem}
ul{padding-left:1.1rem;margin:.6rem 0}li{margin:.2rem 0;max-width:46rem}
details{margin:1rem 0}summary{cursor:pointer;color:var(--accent)}
footer{padding-block:1.6rem 3rem;color:var(--soft);font-size:.88rem}
@media(max-width:640px){main,header>div,footer,nav div{padding-inline:1rem}header{padding-top:1.6rem}
table{font-size:.84rem}th,td{padding:.4rem .45rem}th:first-child{min-width:5.6rem;padding-left:.8rem}
svg text{font-size:12.5px}svg .label{font-size:12px}.tiles{grid-template-columns:1fr 1fr}.tile b{font-size:1.3rem}
.strips{grid-template-columns:4.6rem minmax(0,1fr);gap:.3rem .6rem}.strips>.head{display:none}
.strips>span{grid-column:1/-1;font-weight:600;margin-top:.7rem}.strips .own{display:block;font-size:.78rem;
color:var(--soft);line-height:1.2}.strips>b{font-weight:400}}
@media print{nav{display:none}body{background:#fff}}
"""
