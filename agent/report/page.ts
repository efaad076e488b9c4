/** A report as one HTML page that needs nothing else: no script, no request, what it shows is in it. */
import { lostPackets, offeredPackets, type Tally } from '../model/ledger.ts';
import { counted, humanBytes, humanCount } from '../record/human.ts';
import { type Bar, barChart, clockText, timelineChart } from './charts.ts';
import { type Markup, markup, Markup as Trusted } from './markup.ts';
import type { Ranking, Sums } from './ranking.ts';
import { STYLE } from './style.ts';
import type { Survey } from './survey.ts';

export interface ReportContext {
  /** What was observed: interfaces, files. */
  readonly subject: string;
  /** How, in a few words: the filter, the host. */
  readonly details: readonly string[];
  readonly version: string;
}

const LINES_MAX = 10;
const FLOWS_MAX = 20;

export function renderReport(survey: Survey, context: ReportContext): string {
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
<header><h1>Flows of ${context.subject}</h1><p>${subtitle(survey, context)}</p></header>
${tiles(survey)}
${timelineSection(survey)}
<div class="column">${talkerSection(survey)}${ledgerSection(survey)}</div>
<div class="column">${rankingSection('Services', survey.services, survey, 'by the smaller port')}${rankingSection('Protocols', survey.protocols, survey)}</div>
${flowSection('Largest flows', survey.flows)}
${survey.rejected.size === 0 ? undefined : flowSection('Rejected', survey.rejected)}
<footer>Written by flowlogd ${context.version}. Bytes are those of IP packets, headers included; times are UTC.</footer>
</main>
</body>
</html>
`;
  return page.text;
}

function subtitle(survey: Survey, { details }: ReportContext): string {
  const timeline = survey.timeline();
  const first = timeline[0]?.start;
  const last = timeline.at(-1)?.start;
  if (first === undefined || last === undefined) return ['no window was closed', ...details].join(' · ');
  const day = new Date(first * 1000);
  const date = Number.isNaN(day.getTime()) ? '' : `${day.toISOString().slice(0, 10)} `;
  const end = last + survey.stepSeconds;
  return [`${date}${clockText(first)} to ${clockText(end, end - first)} UTC`, ...details].join(' · ');
}

function tiles(survey: Survey): Markup {
  const { ledger } = survey;
  const lost = lostPackets(ledger);
  const seconds = Math.max(survey.timeline().length, 1) * survey.stepSeconds;
  const tile = (value: string, label: string, kind = '') =>
    markup`<div class="tile ${kind}"><b>${value}</b><span>${label}</span></div>`;
  return markup`<div class="tiles">${[
    tile(humanBytes(ledger.metered.bytes), 'in records'),
    tile(humanCount(ledger.metered.packets), 'packets in records'),
    tile(`${humanCount(survey.flows.size)}${survey.flows.forgotten > 0 ? '+' : ''}`, 'flows'),
    tile(`${humanBytes(Math.round((ledger.metered.bytes * 8) / seconds)).replace('B', 'bit')}/s`, 'on average'),
    lost > 0 ? tile(humanCount(lost), 'packets lost', 'bad') : tile('none', 'lost'),
  ]}</div>`;
}

function timelineSection(survey: Survey): Markup {
  const isIncomplete = survey.timeline().some(({ step }) => step.isIncomplete);
  const legend: [string, string][] = [
    ...(survey.rejected.size > 0
      ? ([
          ['accepted', 'accepted'],
          ['rejected', 'rejected'],
        ] as [string, string][])
      : []),
    ...(isIncomplete ? ([['incomplete', 'incomplete: packets were lost']] as [string, string][]) : []),
  ];
  return markup`<section class="wide"><h2>Bytes over time <small>each bar ${durationText(survey.stepSeconds)}</small>${legendOf(legend)}</h2>
${timelineChart(survey)}</section>`;
}

function talkerSection(survey: Survey): Markup {
  const bars = survey.talkers.largest(LINES_MAX).map(({ label, sums }): Bar => {
    return {
      label,
      value: humanBytes(sums.bytes),
      parts: [
        { kind: 'accepted', size: sums.sentBytes },
        { kind: 'second', size: sums.receivedBytes },
      ],
    };
  });
  const legend = legendOf([
    ['accepted', 'sent'],
    ['second', 'received'],
  ]);
  return markup`<section><h2>Top talkers${legend}</h2>${barsOrNothing(bars)}${forgottenNote(survey.talkers)}</section>`;
}

function rankingSection(title: string, ranking: Ranking<Sums>, survey: Survey, note = ''): Markup {
  const all = Math.max(survey.ledger.metered.bytes, 1);
  const bars = ranking.largest(LINES_MAX).map(({ label, sums }): Bar => {
    const share = `${((100 * sums.bytes) / all).toFixed(1)} %`;
    return {
      label,
      value: `${humanBytes(sums.bytes)} · ${share}`,
      parts: [{ kind: 'accepted', size: sums.bytes }],
    };
  });
  return markup`<section><h2>${title} <small>${note}</small></h2>${barsOrNothing(bars)}${forgottenNote(ranking)}</section>`;
}

function barsOrNothing(bars: readonly Bar[]): Markup {
  return bars.length === 0 ? markup`<p class="note">No traffic.</p>` : barChart(bars);
}

function flowSection(title: string, ranking: Ranking<Sums>): Markup {
  const rows = ranking
    .largest(FLOWS_MAX)
    .map(
      ({ label, sums }) =>
        markup`<tr><td>${label}</td><td class="number">${humanCount(sums.packets)}</td><td class="number">${humanBytes(sums.bytes)}</td></tr>`,
    );
  const rest = ranking.size - rows.length;
  const more = rest > 0 ? `${humanCount(rows.length)} of ${humanCount(ranking.size)}` : '';
  return markup`<section class="wide"><h2>${title} <small>${more}</small></h2><div class="scroll"><table>
<tr><th>flow</th><th class="number">packets</th><th class="number">bytes</th></tr>${rows}</table></div>${forgottenNote(ranking)}</section>`;
}

function ledgerSection(survey: Survey): Markup {
  const { ledger } = survey;
  const row = (label: string, { packets, bytes }: Tally, kind = '') =>
    markup`<tr class="${packets === 0 ? 'zero' : kind}"><td>${label}</td><td class="number">${humanCount(packets)}</td><td class="number">${bytes > 0 ? humanBytes(bytes) : ''}</td></tr>`;
  const lost = (label: string, packets: number, bytes = 0) => row(label, { packets, bytes }, packets > 0 ? 'bad' : '');
  const gapSeconds = ledger.gaps.reduce((sum, gap) => sum + gap.toSeconds - gap.fromSeconds, 0);
  const gaps = `Not capturing for ${gapSeconds.toFixed(1)} s, in ${counted(ledger.gaps.length, 'gap')}.`;
  return markup`<section><h2>Ledger <small>where every packet went</small></h2><table>
<tr><th></th><th class="number">packets</th><th class="number">bytes</th></tr>${[
    row('offered', { packets: offeredPackets(ledger), bytes: 0 }, 'sum'),
    row(`in ${counted(survey.records, 'record')} of ${counted(survey.windows, 'window')}`, ledger.metered),
    ...Object.entries(ledger.excluded).map(([name, tally]) => row(`excluded by ${name}`, tally)),
    row('not IP', ledger.notIp),
    row('malformed', ledger.malformed),
    lost('overflowed', ledger.overflowed.packets, ledger.overflowed.bytes),
    lost('dropped by the kernel', ledger.droppedByKernel),
    lost('dropped by the interface', ledger.droppedByInterface),
  ]}</table>${ledger.gaps.length === 0 ? undefined : markup`<p class="note">${gaps}</p>`}${
    ledger.dropsUnknown
      ? markup`<p class="note">The capture engine cannot count all of what was dropped.</p>`
      : undefined
  }</section>`;
}

function legendOf(entries: readonly (readonly [kind: string, label: string])[]): Markup | undefined {
  if (entries.length === 0) return undefined;
  return markup`<small class="legend">${entries.map(([kind, label]) => markup`<i class="${kind}"></i>${label}`)}</small>`;
}

function forgottenNote({ forgotten }: { readonly forgotten: number }): Markup | undefined {
  if (forgotten === 0) return undefined;
  return markup`<p class="note">${humanCount(forgotten)} small ones were forgotten to keep memory bounded; the ledger has them.</p>`;
}

function durationText(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}
