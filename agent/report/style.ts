/** The looks of a report: one sheet, no font and no picture from elsewhere, light and dark as the reader's system has it. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f6f4; --card: #ffffff; --ink: #16181d; --soft: #5c6370; --line: #e3e4e8; --track: #eff0f3;
  --accepted: #2a78d6; --second: #1baf7a; --rejected: #d63a3a; --incomplete: #d9820b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #111316; --card: #1a1d21; --ink: #e9ebee; --soft: #9aa1ac; --line: #2b2f36; --track: #23272d;
    --accepted: #4a90e8; --second: #22b07d; --rejected: #ef6a6a; --incomplete: #e39a3b;
  }
}
* { box-sizing: border-box; margin: 0; }
body {
  background: var(--page); color: var(--ink); padding: 28px 20px 48px;
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main { max-width: 1120px; margin: 0 auto; display: grid; gap: 16px; grid-template-columns: repeat(2, minmax(0, 1fr)); }
header, .wide { grid-column: 1 / -1; }
.column { display: grid; gap: 16px; align-content: start; min-width: 0; }
h1 { font-size: 24px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
header p, .note { color: var(--soft); overflow-wrap: anywhere; }
header p { margin-top: 2px; }
h2 { font-size: 15px; font-weight: 600; margin-bottom: 12px; display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; }
h2 small { font-weight: 400; font-size: 13px; color: var(--soft); }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin: 0 5px 0 12px; }
.legend i:first-child { margin-left: 0; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 18px 20px; min-width: 0; }
.tiles { grid-column: 1 / -1; display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 18px; }
.tile b { display: block; font-size: 26px; font-weight: 650; letter-spacing: -0.02em; line-height: 1.2; white-space: nowrap; }
.tile span { color: var(--soft); font-size: 13px; }
.tile.bad { border-color: var(--rejected); }
.tile.bad b { color: var(--rejected); }
.plot { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 6px 10px; }
.scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right; }
.scale, .times { color: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.timeline { width: 100%; height: 220px; display: block; border-bottom: 1px solid var(--line); border-top: 1px solid var(--line); }
.times { grid-column: 2; display: flex; justify-content: space-between; }
.grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.hit { fill: transparent; }
g:hover .hit { fill: var(--track); }
.accepted { fill: var(--accepted); background: var(--accepted); }
.second { fill: var(--second); background: var(--second); }
.rejected { fill: var(--rejected); background: var(--rejected); }
.incomplete { fill: var(--incomplete); background: var(--incomplete); }
.other { fill: var(--soft); background: var(--soft); }
.bars { list-style: none; padding: 0; display: grid; gap: 10px; }
.bars li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 2px 12px; font-size: 14px; }
.label { overflow-wrap: anywhere; }
.value { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { grid-column: 1 / -1; width: 100%; height: 8px; border-radius: 4px; background: var(--track); display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: 13px; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td:first-child { overflow-wrap: anywhere; }
td.number, th.number { text-align: right; padding-right: 0; padding-left: 12px; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.zero td { color: var(--soft); }
tr.sum td { font-weight: 600; }
tr.bad td { color: var(--rejected); font-weight: 600; }
footer { grid-column: 1 / -1; color: var(--soft); font-size: 13px; }
@media (max-width: 760px) {
  body { padding: 18px 12px 32px; }
  main { grid-template-columns: minmax(0, 1fr); gap: 12px; }
  .column { gap: 12px; }
  section { padding: 14px; }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px; }
  .tile { padding: 12px 14px; }
  .tile:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .tile b { font-size: 20px; }
  .timeline { height: 160px; }
  .times span:nth-child(even) { display: none; }
}
@media print { body { background: none; } section, .tile { break-inside: avoid; } }
`;
