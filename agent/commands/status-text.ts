/**
 * The status of an agent on one screen:
 *
 *     flowlogd 0.2.0 on web-1 is healthy: pid 812, up 2 h 5 min, 71.3 MB of memory
 *
 *     INTERFACE  STATE      SINCE      OFFERED  METERED  EXCLUDED  NON-IP/MALFORMED  LOST  RECORDS
 *     eth0       capturing  2 h 5 min   12,345   12,000       300                45     0    3,210
 *     Totals of closed windows; open windows are under LIVE.
 *
 *     LIVE  PACKETS/S    BITS/S  LOST/S  PACKETS  FLOWS    RING  TABLE USE
 *     eth0      1,234  5.2 Mb/s       0    6,170    312  64 MiB        0 %
 *
 *     EXCLUDED ON eth0  PACKETS    BYTES  LARGEST PEERS
 *     dhcp                  300  45.1 kB  0.0.0.0 > 255.255.255.255 udp/67 (45.1 kB)
 *
 *     WINDOWS OF eth0 (60 s)  STATUS  OFFERED  METERED     BYTES  LOST  RECORDS
 *     2024-05-01 12:05:00Z    OK        1,234    1,200  512.1 kB     0      312
 *
 *     Rings     1 ring, 64 MiB of 3013 MiB
 *     Recorder  125 windows written, 0 pending
 *     Spool     empty (limit 1.1 GB)
 *     Exporter  idle, to topic ...; 125 batches delivered in 125 uploads, the last one 12 s ago
 *     Sandbox   user flowlogd, CAP_NET_RAW, files limited (Landlock 7), system calls limited
 */

import { humanMebibytes } from '../capture/ring-budget.ts';
import { alignRows } from '../cli/rows.ts';
import type { Sandbox } from '../model/sandbox.ts';
import { utcText } from '../model/utc-text.ts';
import { counted, humanBytes, humanCount } from '../record/human.ts';
import { sandboxText } from '../sandbox/sandbox-text.ts';
import type { AgentStatus, InterfaceStatus, Problem, SinkStatus } from '../telemetry/agent-status.ts';
import type { LedgerStatus } from '../telemetry/ledger-sum.ts';
import type { SpoolSinkStatus } from '../telemetry/spool-status.ts';
import { joinText, type Style, styled, type Text } from '../terminal/styled-text.ts';
import { visible } from '../terminal/visible-text.ts';
import { excludedLines } from './excluded-text.ts';

type Stress = (text: string, style: Style) => Text;

/** Of each interface, where there are more than a few. */
const WINDOWS_SHOWN = 3;
const INTERFACES_IN_DETAIL = 4;
/** Until the first window closes they are 0, while packets come. */
const TOTALS_OF = 'Totals of closed windows; open windows are under LIVE.';
/** The service tells its time in whole seconds. */
const CLOCK_OFF_SECONDS = 2;

/**
 * Lines, each with its line feed.
 *
 * @param color whether trouble may be stressed with terminal colours, too.
 */
export function formatStatus(status: AgentStatus, nowSeconds: number, color: boolean): Text {
  const { agent, interfaces, problems, healthy } = status;
  const stress: Stress = (text, style) => (color ? styled(style, text) : text);
  const health = healthy ? 'is healthy' : stress('is NOT healthy', 'red');
  const head = [
    joinText([
      visible(`flowlogd ${agent.version} on ${agent.hostId} `),
      health,
      `: pid ${agent.pid}, up ${duration(agent.uptimeSeconds)}, ${humanBytes(agent.residentBytes)} of memory`,
    ]),
    `  state in ${agent.stateDirectory}, run ${agent.runId}`,
  ];
  const detailed = interfaces.filter(({ lastWindows }) => lastWindows.length > 0).slice(0, INTERFACES_IN_DETAIL);
  const sections: (readonly Text[])[] = [
    head,
    interfaceLines(interfaces, nowSeconds),
    liveLines(interfaces),
    ...interfaces.slice(0, INTERFACES_IN_DETAIL).map(excludedLines),
    ...detailed.map(windowLines),
    [
      ringLine(status),
      recorderLine(status),
      ...translationLines(status),
      ...spoolLines(status),
      ...exporterLines(status, nowSeconds),
      ...logServiceLines(status, nowSeconds),
      ...sandboxLines(status),
    ],
    problems.flatMap((one) => problemLines(one, stress)),
  ];
  const shown = sections.filter((lines) => lines.length > 0).map((lines) => joinText(lines.map(oneLine), '\n'));
  return joinText([joinText(shown, '\n\n'), '\n']);
}

/** Whatever names and sentences of others are in it. */
function oneLine(line: Text): Text {
  return typeof line === 'string' ? visible(line) : line;
}

function interfaceLines(interfaces: readonly InterfaceStatus[], nowSeconds: number): string[] {
  const heading = [
    'INTERFACE',
    'STATE',
    'SINCE',
    'OFFERED',
    'METERED',
    'EXCLUDED',
    'NON-IP/MALFORMED',
    'LOST',
    'RECORDS',
  ];
  const rows = interfaces.map((one) => [
    one.interface,
    one.state,
    duration(nowSeconds - one.sinceSeconds),
    ...ledgerCells(one.ledger),
    humanCount(one.records),
  ]);
  return [...alignRows(heading, rows, 3), TOTALS_OF];
}

function liveLines(interfaces: readonly InterfaceStatus[]): string[] {
  const heading = ['LIVE', 'PACKETS/S', 'BITS/S', 'LOST/S', 'PACKETS', 'FLOWS', 'RING', 'TABLE USE'];
  const rows = interfaces.map(({ interface: name, live, ringBytes, memoryOnly: isMemoryOnly }) => [
    name,
    humanCount(Math.round(live.packetsPerSecond)),
    `${humanBytes(live.bitsPerSecond).replace(/B$/, 'b')}/s`,
    humanCount(Math.round(live.lostPacketsPerSecond)),
    humanCount(live.openPackets),
    humanCount(live.flows),
    ringBytes === 0 ? '-' : humanMebibytes(ringBytes),
    `${Math.floor((100 * live.flows) / live.flowsMax)} %${isMemoryOnly ? ', memory-only' : ''}`,
  ]);
  return alignRows(heading, rows, 1);
}

function ledgerCells(ledger: LedgerStatus): string[] {
  const excluded = Object.values(ledger.excluded).reduce((sum, { packets }) => sum + packets, 0);
  const other = ledger.notIp.packets + ledger.malformed.packets;
  return [ledger.offeredPackets, ledger.metered.packets, excluded, other, ledger.lostPackets].map(humanCount);
}

function windowLines({ interface: name, windowSeconds, lastWindows }: InterfaceStatus): string[] {
  const heading = [
    `WINDOWS OF ${name} (${windowSeconds} s)`,
    'STATUS',
    'OFFERED',
    'METERED',
    'BYTES',
    'LOST',
    'RECORDS',
  ];
  const rows = lastWindows
    .slice(0, WINDOWS_SHOWN)
    .map(({ startSeconds, status, records, ledger }) => [
      utcText(startSeconds),
      status,
      humanCount(ledger.offeredPackets),
      humanCount(ledger.metered.packets),
      humanBytes(ledger.metered.bytes),
      humanCount(ledger.lostPackets),
      humanCount(records),
    ]);
  return alignRows(heading, rows, 2);
}

function ringLine({ rings: { rings, bytes, bytesMax, refused } }: AgentStatus): string {
  const rest = refused === 0 ? '' : `; ${counted(refused, 'interface')} refused`;
  return `Rings     ${counted(rings, 'ring')}, ${humanMebibytes(bytes)} of ${humanMebibytes(bytesMax)}${rest}`;
}

function recorderLine({ recorder }: AgentStatus): string {
  const { windows, pendingWindows, heldBytes, windowsEvicted, recovered } = recorder;
  const held = pendingWindows === 0 ? '' : ` (${humanBytes(heldBytes)} of memory)`;
  const lost = windowsEvicted === 0 ? '' : `, records of ${counted(windowsEvicted, 'window')} evicted`;
  const recovery = recovered.windows === 0 ? '' : `; ${counted(recovered.windows, 'window')} of earlier runs recovered`;
  const aside = recovered.quarantined === 0 ? '' : `, ${counted(recovered.quarantined, 'file')} of them quarantined`;
  return `Recorder  ${counted(windows, 'window')} written, ${humanCount(pendingWindows)} pending${held}${lost}${recovery}${aside}`;
}

function translationLines({ translations }: AgentStatus): string[] {
  if (translations === null) return [];
  const { matched, same, unmatched, entries } = translations;
  const records = `${counted(matched, 'record')} translated, ${humanCount(same)} not, ${humanCount(unmatched)} unmatched`;
  return [`NAT       ${records}; ${counted(entries, 'connection')} known`];
}

/** Of more sinks than one each, and of one that is gone from the configuration. */
function spoolLines({ spool }: AgentStatus): string[] {
  const { sinks } = spool;
  const areShown = sinks.length > 1 || sinks.some(({ configured }) => !configured);
  return [spoolLine(spool), ...(areShown ? sinks.map(spoolSinkLine) : [])];
}

function spoolSinkLine({ name, configured, batches, bytes, oldestAgeSeconds, evicted }: SpoolSinkStatus): string {
  const age = oldestAgeSeconds === null ? '' : `, the oldest for ${duration(oldestAgeSeconds)}`;
  const parts = [batches === 0 ? '0 pending' : `${batchCount(batches)} pending: ${humanBytes(bytes)}${age}`];
  if (evicted.batches > 0) parts.push(`${batchCount(evicted.batches)} evicted`);
  if (!configured) parts.push('not in the configuration');
  return `          ${name}: ${parts.join('; ')}`;
}

function spoolLine(spool: AgentStatus['spool']): string {
  const { batches, bytes, bytesMax, oldestAgeSeconds, evicted, quarantinedBatches, newerBatches, isReadingIndex } =
    spool;
  const age = oldestAgeSeconds === null ? '' : `, the oldest for ${duration(oldestAgeSeconds)}`;
  const parts = [
    batches === 0
      ? `empty (limit ${humanBytes(bytesMax)})`
      : `${batchCount(batches)} pending: ${humanBytes(bytes)} of ${humanBytes(bytesMax)}${age}`,
  ];
  if (isReadingIndex) parts.unshift(readingIndex(spool));
  if (evicted.batches > 0) parts.push(`${batchCount(evicted.batches)} evicted (${counted(evicted.packets, 'packet')})`);
  if (newerBatches > 0) parts.push(`${batchCount(newerBatches)} of a newer flowlogd`);
  if (quarantinedBatches > 0) parts.push(`${batchCount(quarantinedBatches)} quarantined`);
  return `Spool     ${parts.join('; ')}`;
}

/** Until the names are known nothing else is. */
function readingIndex({ batches, unmeasuredBatches }: AgentStatus['spool']): string {
  if (unmeasuredBatches === 0) return 'reading index';
  return `reading index: ${humanCount(batches - Math.min(batches, unmeasuredBatches))} of ${batchCount(batches)} measured`;
}

function logServiceLines({ logService }: AgentStatus, nowSeconds: number): string[] {
  if (logService === null) return [];
  const { state, url, storeFolder, sinceSeconds } = logService;
  const where = url === null ? '' : ` at ${url}`;
  return [`Log service  ${state} for ${duration(nowSeconds - sinceSeconds)}${where}, store ${storeFolder}`];
}

/** An agent of an earlier version has none. */
function sandboxLines({ sandbox }: { readonly sandbox?: Sandbox }): string[] {
  return sandbox === undefined ? [] : [`Sandbox   ${sandboxText(sandbox)}`];
}

function exporterLines({ sinks }: AgentStatus, nowSeconds: number): string[] {
  return sinks.flatMap((sink) => sinkLines(sink, nowSeconds));
}

function sinkLines(exporter: SinkStatus, nowSeconds: number): string[] {
  const { sink, state, draining, sinceSeconds, lastDeliveredSeconds, lastError } = exporter;
  const { deliveredUntilSeconds, clockAheadSeconds } = exporter;
  const last = lastDeliveredSeconds === null ? '' : `, the last one ${duration(nowSeconds - lastDeliveredSeconds)} ago`;
  const lines = [
    `Exporter  ${state} for ${duration(nowSeconds - sinceSeconds)}, to ${sink}${draining ? ' (draining: no new records)' : ''}`,
    `          ${deliveryText(exporter)}${last}`,
  ];
  const until = deliveredUntilSeconds === null ? [] : [`windows delivered until ${utcText(deliveredUntilSeconds)}`];
  const isClockOff = clockAheadSeconds !== null && Math.abs(clockAheadSeconds) >= CLOCK_OFF_SECONDS;
  const clock = isClockOff
    ? [`its clock is ${Math.abs(clockAheadSeconds)} s ${clockAheadSeconds > 0 ? 'ahead of' : 'behind'} ours`]
    : [];
  if (until.length + clock.length > 0) lines.push(`          ${[...until, ...clock].join(', ')}`);
  if (lastError !== null) lines.push(`          last error: ${lastError}`);
  return lines;
}

/** What is sent without an acknowledgement is not called delivered. */
function deliveryText({ deliveredBatches, sentBatches, attempts }: SinkStatus): string {
  const uploads = `in ${counted(attempts, 'upload')}`;
  if (sentBatches === 0) return `${batchCount(deliveredBatches)} delivered ${uploads}`;
  const delivered = deliveredBatches === 0 ? '' : `${batchCount(deliveredBatches)} delivered and `;
  return `${delivered}${batchCount(sentBatches)} sent without acknowledgement ${uploads}`;
}

function problemLines({ severity, message, advice }: Problem, stress: Stress): Text[] {
  const mark = severity === 'error' ? stress('ERROR', 'red') : stress('WARNING', 'yellow');
  return [joinText([mark, `  ${visible(message)}`]), `  -> ${advice}`];
}

function batchCount(count: number): string {
  return `${humanCount(count)} ${count === 1 ? 'batch' : 'batches'}`;
}

/** `59 s`, `5 min`, `2 h 5 min`, `3 d 4 h`: two figures, never in the future. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
  return `${Math.floor(hours / 24)} d${hours % 24 === 0 ? '' : ` ${hours % 24} h`}`;
}
