/** A report as one HTML page that needs nothing else: no script, no request, what it shows is in it. */
import { lostPackets } from '../model/ledger.ts';
import { counted, humanBytes, humanCount } from '../record/human.ts';
import { type Bar, barChart, timelineChart } from './charts.ts';
import { type Markup, markup, Markup as Trusted } from './markup.ts';
import type { Ranked, Ranking, Sums } from './ranking.ts';
import { STYLE } from './style.ts';
import type { ReportSummary } from './summary.ts';
import { flowSection, forgottenNote, ledgerSection, shareText } from './tables.ts';
import { type Drawing, EMPTY_STEPS_MAX, type Step } from './timeline.ts';
import { durationText, spanText } from './times.ts';

export interface ReportContext {
  /** What was observed: interfaces, files. */
  readonly subject: string;
  /** How, in a few words: the filter, the host. */
  readonly details: readonly string[];
  readonly version: string;
  /** How long it was observed, where that is known. */
  readonly observedSeconds?: number | undefined;
}

const LINES_MAX = 10;
const NO_TRAFFIC = markup`<p class="note">No traffic.</p>`;
const LEGEND = {
  accepted: ['accepted', 'accepted'],
  rejected: ['rejected', 'rejected'],
  incomplete: ['incomplete', 'incomplete: lost packets or a capture gap'],
  sent: ['accepted', 'sent'],
  received: ['second', 'received'],
} as const;

export function renderReport(summary: ReportSummary, context: ReportContext): string {
  const drawing = summary.timeline.draw();
  const whole = summary.timeline.sum();
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Flows of ${context.subject}</title>
<style>${new Trusted(STYLE)}</style>
</head>
<body>
<main>
<header><h1>Flows of ${context.subject}</h1><p>${subtitle(whole, context)}</p></header>
${tiles(summary, averageOf(summary, context.observedSeconds))}
${timelineSection(summary, drawing, whole)}
<div class="column">${talkerSection(summary)}${ledgerSection(summary)}</div>
<div class="column">${rankingSection('Services', summary.services, summary, 'by the smaller port')}${rankingSection('Protocols', summary.protocols, summary)}</div>
${flowSection('Largest flows', summary.flows, summary.ledger.metered.bytes)}
${summary.rejected.size === 0 ? undefined : flowSection('Rejected', summary.rejected, summary.rejectedSum.bytes)}
<footer>Written by flowlogd ${context.version}. Bytes are those of IP packets, headers included; times are UTC.</footer>
</main>
</body>
</html>
`;
  return page.text;
}

function subtitle({ first, last }: Step, { details }: ReportContext): string {
  if (first > last) return ['no packets recorded', ...details].join(' · ');
  const lasted = first === last ? '' : ` (${durationText(last - first)})`;
  return [`first to last packet: ${spanText(first, last)} UTC${lasted}`, ...details].join(' · ');
}

function tiles(summary: ReportSummary, average: Average | undefined): Markup {
  const { ledger } = summary;
  const lost = lostPackets(ledger);
  const tile = (value: string, label: string, kind = '') =>
    markup`<div class="tile ${kind}"><b>${value}</b><span>${label}</span></div>`;
  return markup`<div class="tiles">${[
    tile(humanBytes(ledger.metered.bytes), 'in records'),
    tile(humanCount(ledger.metered.packets), 'packets in records'),
    tile(`${humanCount(summary.flows.size)}${summary.flows.forgotten > 0 ? '+' : ''}`, 'flows'),
    average === undefined
      ? tile('–', 'on average: no elapsed time')
      : tile(`${humanBytes(average.bitsPerSecond).replace('B', 'bit')}/s`, `on average over ${average.over}`),
    lost > 0 ? tile(humanCount(lost), 'packets lost', 'bad') : tile('none', 'lost'),
  ]}</div>`;
}

interface Average {
  readonly bitsPerSecond: number;
  /** What it is an average of. */
  readonly over: string;
}

/** Over the time that was observed; of files, which do not say it, over the time from first to last packet without pauses. */
function averageOf({ ledger, timeline }: ReportSummary, observedSeconds?: number): Average | undefined {
  const { seconds: active, hasPauses } = timeline.activity();
  const seconds = observedSeconds ?? active;
  if (seconds <= 0) return undefined;
  const how = observedSeconds !== undefined ? ' of capture' : hasPauses ? ', pauses excluded' : '';
  return {
    bitsPerSecond: Math.round((ledger.metered.bytes * 8) / seconds),
    over: `${durationText(seconds)}${how}`,
  };
}

function timelineSection(summary: ReportSummary, drawing: Drawing, whole: Step): Markup {
  const { stepSeconds, stretches } = drawing;
  const legend = legendOf([
    ...(summary.rejected.size > 0 ? [LEGEND.accepted, LEGEND.rejected] : []),
    ...(whole.isIncomplete ? [LEGEND.incomplete] : []),
  ]);
  const left =
    stretches.length > 1 ? `, empty times longer than ${durationText(EMPTY_STEPS_MAX * stepSeconds)} omitted` : '';
  return markup`<section class="wide"><h2>Bytes over time <small>each bar ${durationText(stepSeconds)}${left}</small>${legend}</h2>
${stretches.length === 0 ? NO_TRAFFIC : timelineChart(drawing)}</section>`;
}

function talkerSection(summary: ReportSummary): Markup {
  const bars = summary.talkers.largest(LINES_MAX).map(({ label, sums }): Bar => {
    return {
      label,
      value: humanBytes(sums.bytes),
      parts: [
        { kind: 'accepted', size: sums.sentBytes },
        { kind: 'second', size: sums.receivedBytes },
      ],
    };
  });
  const legend = legendOf([LEGEND.sent, LEGEND.received]);
  const rest = summary.talkers.size - bars.length;
  const note = rest === 0 ? undefined : markup`<p class="note">and ${counted(rest, 'smaller one')}</p>`;
  return markup`<section><h2>Top talkers${legend}</h2>${barsOrNothing(bars)}${note}${forgottenNote(summary.talkers)}</section>`;
}

function rankingSection(title: string, ranking: Ranking<Sums>, summary: ReportSummary, note = ''): Markup {
  const all = summary.ledger.metered.bytes;
  const largest = ranking.largest(LINES_MAX);
  const bars = largest.map(({ label, sums }): Bar => {
    return {
      label,
      value: `${humanBytes(sums.bytes)} · ${shareText(sums.bytes, all)}`,
      parts: [{ kind: 'accepted', size: sums.bytes }],
    };
  });
  return markup`<section><h2>${title} <small>${note}</small></h2>${barsOrNothing(bars)}${restNote(ranking, largest, all)}${forgottenNote(ranking)}</section>`;
}

function barsOrNothing(bars: readonly Bar[]): Markup {
  return bars.length === 0 ? NO_TRAFFIC : barChart(bars);
}

/** What a list of bars does not show. */
function restNote(ranking: Ranking<Sums>, shown: readonly Ranked<Sums>[], allBytes: number): Markup | undefined {
  const rest = ranking.size - shown.length;
  if (rest === 0) return undefined;
  const bytes = allBytes - bytesOf(shown);
  return markup`<p class="note">and ${counted(rest, 'smaller one')} with ${humanBytes(bytes)} · ${shareText(bytes, allBytes)}</p>`;
}

function bytesOf(ranked: readonly Ranked<Sums>[]): number {
  return ranked.reduce((sum, { sums }) => sum + sums.bytes, 0);
}

function legendOf(entries: readonly (readonly [kind: string, label: string])[]): Markup | undefined {
  if (entries.length === 0) return undefined;
  return markup`<small class="legend">${entries.map(([kind, label]) => markup`<i class="${kind}"></i>${label}`)}</small>`;
}
