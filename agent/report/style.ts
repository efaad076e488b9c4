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
.scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right; padding-top: 20px; }
.scale, .times { color: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.area { display: flex; height: 220px; padding-top: 28px; position: relative; }
.stretch { display: flex; min-width: 6px; flex: 1 1 0; border-bottom: 1px solid var(--line);
  background: repeating-linear-gradient(var(--line) 0 1px, transparent 1px 25%); }
.stretch > * { flex: 1 1 0; min-width: 0; }
.stretch label { display: flex; flex-direction: column; justify-content: flex-end; align-items: center; cursor: pointer; }
.stretch label:hover, .stretch label:focus-within { background: var(--track); }
.stretch label:focus-within { outline: 2px solid var(--ink); outline-offset: -1px; border-radius: 2px; }
.stretch input { appearance: none; width: 0; height: 0; opacity: 0; }
.stretch i { width: 86%; min-height: 1px; max-width: 60px; flex: none; }
.tip, .hint { position: absolute; inset: 0 0 auto; height: 22px; font-size: 13px; line-height: 22px; font-weight: 500;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; pointer-events: none; }
.hint { color: var(--soft); font-weight: 400; }
.tip { background: var(--card); visibility: hidden; z-index: 1; }
input:focus + .tip { visibility: visible; }
label:hover .tip { visibility: visible; z-index: 2; }
.break { flex: none; width: 24px; display: flex; align-items: center; justify-content: center; color: var(--soft);
  background: repeating-linear-gradient(135deg, var(--track) 0 3px, transparent 3px 7px); }
.break small { writing-mode: vertical-rl; font-size: 11px; white-space: nowrap; background: var(--card); padding: 4px 0; }
.times { grid-column: 2; display: flex; justify-content: space-between; }
.stretches { margin-top: 10px; padding-left: 0; list-style: none; font-size: 13px; font-variant-numeric: tabular-nums; }
.stretches .gap { color: var(--soft); padding-left: 14px; border-left: 2px dotted var(--soft); margin: 2px 0 2px 4px; }
.accepted { background: var(--accepted); }
.second { background: var(--second); }
.rejected { background: var(--rejected); }
.incomplete { background: var(--incomplete); }
.bars { list-style: none; padding: 0; display: grid; gap: 10px; }
.bars li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 2px 12px; font-size: 14px; }
.label { overflow-wrap: anywhere; }
.value { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { grid-column: 1 / -1; width: 100%; height: 8px; border-radius: 4px; background: var(--track); display: flex; overflow: hidden; }
.bars + .note { margin-top: 10px; font-size: 13px; }
.scroll { overflow: auto; max-height: 560px; }
.scroll:focus-visible { outline: 2px solid var(--accepted); outline-offset: 4px; border-radius: 4px; }
.scroll thead th { position: sticky; top: 0; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
caption { text-align: left; color: var(--soft); font-size: 13px; padding-bottom: 8px; }
th { text-align: left; font-weight: 400; }
thead th { font-weight: 500; color: var(--soft); font-size: 13px; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
tbody th { overflow-wrap: anywhere; }
td, thead th:not(:first-child) { text-align: right; padding-right: 0; padding-left: 12px; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.sum > * { font-weight: 600; }
tr.bad > * { color: var(--rejected); font-weight: 600; }
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
  .area { height: 180px; }
  .hint, .break small { display: none; }
  .break { width: 9px; }
  .tip { font-size: 12px; }
  .times span:nth-child(even):not(:last-child) { display: none; }
}
@media print { body { background: none; } .column section, .tile { break-inside: avoid; } .scroll { max-height: none; } .hint { display: none; } }
`;
