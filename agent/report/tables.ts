/** The tables of a report: flows and the ledger, with headings that a screen reader finds. */
import { peersOf } from '../model/excluded-peers.ts';
import { offeredPackets, type Tally } from '../model/ledger.ts';
import { peerText } from '../record/excluded-peer.ts';
import { counted, humanBytes, humanCount } from '../record/human.ts';
import { type Markup, markup } from './markup.ts';
import type { Ranked, Ranking, Sums } from './ranking.ts';
import type { ReportSummary } from './summary.ts';

/** Rows of a table: more than are read, few enough to be searched in the browser. */
export const FLOWS_MAX = 500;
/** Of each exclusion rule. */
const PEERS_MAX = 3;

/** The largest flows, in a box that scrolls, and what is not in it. @param allBytes of all flows, the forgotten ones included */
export function flowSection(title: string, ranking: Ranking<Sums>, allBytes: number): Markup {
  const largest = ranking.largest(FLOWS_MAX);
  const rows = largest.map(
    ({ label, sums }) =>
      markup`<tr><th scope="row">${label}</th><td>${humanCount(sums.packets)}</td><td>${humanBytes(sums.bytes)}</td><td>${shareText(sums.bytes, allBytes)}</td></tr>`,
  );
  return markup`<section class="wide"><h2>${title}</h2><div class="scroll" role="region" aria-label="${title}" tabindex="0"><table>
<caption>${flowCaption(ranking, largest, allBytes)}</caption>
<thead><tr><th scope="col">flow</th><th scope="col">packets</th><th scope="col">bytes</th><th scope="col">share</th></tr></thead>
<tbody>${rows}</tbody></table></div></section>`;
}

function flowCaption({ size, forgotten }: Ranking<Sums>, shown: readonly Ranked<Sums>[], allBytes: number): string {
  const shownBytes = shown.reduce((sum, { sums }) => sum + sums.bytes, 0);
  const rest = size - shown.length;
  if (rest + forgotten === 0) return `All ${counted(size, 'flow')}, most bytes first.`;
  const count = `${humanCount(rest + forgotten)}${forgotten > 0 ? ' or fewer' : ''}`;
  const bytes = allBytes - shownBytes;
  return (
    `The ${counted(shown.length, 'flow')} with the most bytes: ${shareText(shownBytes, allBytes)} of the bytes. ` +
    `Not listed: ${count} smaller, with ${humanBytes(bytes)} (${shareText(bytes, allBytes)}).`
  );
}

/** Where every packet went; terms without packets are left out. */
export function ledgerSection({ ledger, records, windows }: ReportSummary): Markup {
  const row = (label: string, { packets, bytes }: Tally, kind = '') =>
    markup`<tr class="${kind}"><th scope="row">${label}</th><td>${humanCount(packets)}</td><td>${bytes > 0 ? humanBytes(bytes) : ''}</td></tr>`;
  const term = (label: string, tally: Tally, kind = '') => (tally.packets > 0 ? [row(label, tally, kind)] : []);
  const uncounted = (packets: number): Tally => ({ packets, bytes: 0 });
  return markup`<section><h2>Ledger</h2><table>
<caption>Where every packet went.</caption>
<thead><tr><th scope="col">term</th><th scope="col">packets</th><th scope="col">bytes</th></tr></thead>
<tbody>${[
    row('offered', uncounted(offeredPackets(ledger)), 'sum'),
    row(`in ${counted(records, 'record')} of ${counted(windows, 'window')}`, ledger.metered),
    ...term('of these in coarser records', ledger.coarsened),
    ...term('of these rejected', ledger.rejected),
    ...term('of these evicted', ledger.evicted, 'bad'),
    ...Object.entries(ledger.excluded).flatMap(([name, tally]) => [
      ...term(`excluded by ${name}`, tally),
      ...peersOf(ledger.excludedPeers, name)
        .slice(0, PEERS_MAX)
        .map((peer) => row(`of these ${peerText(peer)}`, peer)),
    ]),
    ...term('not IP', ledger.notIp),
    ...term('malformed', ledger.malformed),
    ...term('overflowed', ledger.overflowed, 'bad'),
    ...term('dropped by the kernel', uncounted(ledger.droppedByKernel), 'bad'),
    ...term('dropped by the interface', uncounted(ledger.droppedByInterface), 'bad'),
  ]}</tbody></table>${ledgerNotes(ledger).map((note) => markup`<p class="note">${note}</p>`)}</section>`;
}

function ledgerNotes(ledger: ReportSummary['ledger']): string[] {
  const { gaps, dropsUnknown, beforeAttach, rejectsLost, rejectsUnmatched } = ledger;
  const seconds = gaps.reduce((sum, gap) => sum + gap.toSeconds - gap.fromSeconds, 0);
  return [
    ...(beforeAttach > 0 ? [`${counted(beforeAttach, 'packet')} came before capture began.`] : []),
    ...(rejectsLost > 0
      ? [`The verdict on ${counted(rejectsLost, 'packet')} is lost: rejected, and recorded as ACCEPT.`]
      : []),
    ...(rejectsUnmatched.packets > 0
      ? [`${counted(rejectsUnmatched.packets, 'packet')} in REJECT records match no captured flow.`]
      : []),
    ...(gaps.length > 0 ? [`${counted(gaps.length, 'capture gap')}, ${seconds.toFixed(1)} s in total.`] : []),
    ...(dropsUnknown ? ['Drops unknown: the capture engine cannot count all of them.'] : []),
  ];
}

export function forgottenNote({ forgotten }: { readonly forgotten: number }): Markup | undefined {
  if (forgotten === 0) return undefined;
  return markup`<p class="note">${humanCount(forgotten)} small ones evicted to limit memory; the ledger includes them.</p>`;
}

/** `97.9 %`. */
export function shareText(part: number, whole: number): string {
  return `${((100 * part) / Math.max(whole, 1)).toFixed(1)} %`;
}
