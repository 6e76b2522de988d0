/** The looks of the page: one style sheet, light and dark, no fonts or pictures from anywhere. Lanes are told apart by place and name. */
export const STYLE_SHEET = `
:root { color-scheme: light dark; --bg: #fbfbfa; --fg: #1c1e21; --dim: #5d636b; --line: #dcdfe3; --panel: #ffffff;
  --bad: #b3261e; --badbg: #fdf0ee; --good: #1b6e3c; --unsure: #8a5a00; --mark: #fff3c4; --pick: #e3eefb; --link: #0b57d0;
  --l0: #0072b2; --l1: #b85c00; --l2: #00775a; --l3: #a23b72; --l4: #5b5fc7; --l5: #7a6a00;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
@media (prefers-color-scheme: dark) { :root { --bg: #16181b; --fg: #e4e6e9; --dim: #9aa2ab; --line: #33383e; --panel: #1d2024;
  --bad: #ff8a80; --badbg: #35201f; --good: #7bd69b; --unsure: #e5b95c; --mark: #4a4118; --pick: #22374f; --link: #8ab4f8;
  --l0: #6cb8ea; --l1: #f0a35e; --l2: #58c9a6; --l3: #e58fbd; --l4: #a9adf5; --l5: #d6c65a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--fg); font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 1500px; margin: 0 auto; padding: 16px 20px 40px; }
h1 { font: 600 18px/1.3 var(--mono); margin: 0 0 2px; overflow-wrap: anywhere; }
h2 { font-size: 13px; font-weight: 600; color: var(--dim); margin: 18px 0 6px; }
h3 { font-size: 12px; font-weight: 600; color: var(--dim); margin: 12px 0 4px; }
p { margin: 4px 0; max-width: 100ch; overflow-wrap: anywhere; }
a { color: var(--link); }
code, pre, .mono { font: 12.5px/1.45 var(--mono); }
.dim { color: var(--dim); }
.verdict { font-size: 15px; margin: 10px 0; padding: 8px 12px; border-left: 4px solid var(--dim); background: var(--panel); }
.verdict b { font-weight: 700; }
.verdict.bad { border-color: var(--bad); background: var(--badbg); } .verdict.bad b { color: var(--bad); }
.verdict.good { border-color: var(--good); } .verdict.good b { color: var(--good); }
.verdict.unsure { border-color: var(--unsure); } .verdict.unsure b { color: var(--unsure); }
.cycle { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; margin: 6px 0; padding: 0; list-style: none; font: 12.5px var(--mono); }
.cycle li { padding: 3px 8px; border: 1px solid var(--line); border-radius: 4px; background: var(--panel); overflow-wrap: anywhere; }
.cycle li.task { font-weight: 600; } .cycle li.arrow { border: 0; background: none; padding: 0; color: var(--dim); font-family: inherit; }
ul.waits { margin: 4px 0; padding-left: 18px; } ul.waits li { margin: 2px 0; } ul.waits ul { padding-left: 16px; color: var(--dim); }
.js .run { display: grid; grid-template-columns: minmax(0, 1fr) minmax(340px, 34%); gap: 16px; align-items: start; }
.lanes { overflow-x: auto; border: 1px solid var(--line); background: var(--panel); }
table { border-collapse: collapse; width: 100%; font: 12.5px/1.4 var(--mono); }
th { text-align: left; font-weight: 600; color: var(--dim); padding: 4px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { padding: 2px 8px; vertical-align: top; border-bottom: 1px solid color-mix(in srgb, var(--line) 50%, transparent); overflow-wrap: break-word; }
td.n { text-align: right; color: var(--dim); white-space: nowrap; } td.where { color: var(--dim); }
tr.step { cursor: default; scroll-margin: 60px 0; } .js tr.step { cursor: pointer; }
.js tr.step:hover { background: color-mix(in srgb, var(--pick) 50%, transparent); }
tr[aria-current="step"] { background: var(--pick); outline: 1px solid var(--link); outline-offset: -1px; }
tr.end td { color: var(--bad); } tr.end td.where { color: var(--dim); }
tr.preempts td { border-top: 2px dashed var(--dim); }
td.lane span { display: block; }
td.lane { border-left: 3px solid transparent; min-width: 9em; }
td.note { color: var(--dim); font-style: italic; }
.more { color: var(--dim); display: block; }
.d1 { padding-left: 1.2em; } .d2 { padding-left: 2.4em; } .d3 { padding-left: 3.6em; } .d4 { padding-left: 4.8em; }
th.c0, .c0 > b { color: var(--l0); } th.c1, .c1 > b { color: var(--l1); } th.c2, .c2 > b { color: var(--l2); }
th.c3, .c3 > b { color: var(--l3); } th.c4, .c4 > b { color: var(--l4); } th.c5, .c5 > b { color: var(--l5); }
.held.c0 { border-left-color: var(--l0); } .held.c1 { border-left-color: var(--l1); } .held.c2 { border-left-color: var(--l2); }
.held.c3 { border-left-color: var(--l3); } .held.c4 { border-left-color: var(--l4); } .held.c5 { border-left-color: var(--l5); }
.inspector { position: sticky; top: 8px; max-height: calc(100vh - 16px); overflow: auto; border: 1px solid var(--line); background: var(--panel); padding: 8px 12px; }
.bar { display: flex; flex-wrap: wrap; gap: 4px; align-items: center; }
.bar button { font: inherit; padding: 2px 9px; border: 1px solid var(--line); border-radius: 4px; background: var(--bg); color: var(--fg); cursor: pointer; }
.bar button:disabled { opacity: .45; cursor: default; }
.bar .at { margin-left: auto; color: var(--dim); }
.inspector table { table-layout: auto; } .inspector td:first-child { min-width: 8em; }
.inspector .what { font: 600 13px/1.4 var(--mono); margin: 8px 0; overflow-wrap: anywhere; }
pre.source { margin: 0; overflow-x: auto; border: 1px solid var(--line); background: var(--bg); padding: 4px 0; }
pre.source span { display: block; padding: 0 8px; min-width: max-content; } pre.source .here { background: var(--mark); }
pre.source i { font-style: normal; color: var(--dim); display: inline-block; width: 4ch; margin-right: 1ch; text-align: right; }
.calls { margin: 4px 0; padding: 0; list-style: none; font: 12.5px var(--mono); }
.calls button { all: unset; cursor: pointer; color: var(--link); overflow-wrap: anywhere; } .calls button:focus-visible { outline: 2px solid var(--link); }
.calls button[aria-pressed="true"] { color: var(--fg); font-weight: 600; }
.diff td { overflow-wrap: anywhere; } .diff td.before { color: var(--bad); text-decoration: line-through; text-decoration-thickness: 1px; } .diff td.after { color: var(--good); }
.state tr.now { background: var(--mark); }
details { margin: 8px 0; } summary { cursor: pointer; color: var(--dim); }
pre.command { margin: 4px 0; padding: 6px 8px; border: 1px solid var(--line); background: var(--panel); overflow-x: auto; }
.story { white-space: pre-line; max-width: 100ch; }
nav { display: flex; flex-wrap: wrap; gap: 4px 12px; padding: 8px 20px; border-bottom: 1px solid var(--line); background: var(--panel); font: 12.5px var(--mono); }
section.outcome + section.outcome { margin-top: 36px; padding-top: 20px; border-top: 2px solid var(--line); }
kbd { font: 11px var(--mono); border: 1px solid var(--line); border-radius: 3px; padding: 0 4px; }
@media (max-width: 900px) { main { padding: 12px; } .js .run { grid-template-columns: minmax(0, 1fr); }
  .inspector { position: sticky; top: auto; bottom: 0; max-height: 42vh; } tr.step { scroll-margin-bottom: 44vh; } }
@media print { .inspector { display: none; } .js .run { display: block; } }
`;
