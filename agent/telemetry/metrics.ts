/**
 * All metrics: the numbers of the status (numbers.ts), and what is no single number of it. `exposition.ts` prints them for
 * Prometheus, the table in docs/operations.md is rendered from them.
 *
 * Totals of packets move when windows close and are durable.
 */
import { LEDGER_ROWS } from '../../schema/ledger-numbers.ts';
import type { Tally } from '../model/ledger.ts';
import type { AgentStatus, InterfaceStatus } from './agent-status.ts';
import type { LedgerStatus } from './ledger-sum.ts';
import { counter, gauge, type Metric, one, type Read, type Sample } from './metric.ts';
import type { NumberRow, NumberRows } from './numbers.ts';
import * as numbers from './numbers.ts';

export const EXPORTER_STATE_LABELS = ['idle', 'sending', 'backing-off', 'blocked'] as const;

/** The parts of the ledger's equation, by the label that they have. */
const OUTCOMES: Readonly<Record<string, (ledger: LedgerStatus) => Tally | number>> = {
  metered: ({ metered }) => metered,
  excluded: ({ excluded }) => sumOf(Object.values(excluded)),
  ...Object.fromEntries(
    LEDGER_ROWS.flatMap(({ name, part, key }) => {
      if (part !== 'outcome') return [];
      return [[key.replaceAll('-', '_'), (ledger: LedgerStatus) => ledger[name as 'metered' | 'droppedByKernel']]];
    }),
  ),
};

/** What an interface has that is no number: states, and numbers by a label. */
const INTERFACE_METRICS: readonly Metric[] = [
  gauge(
    'flowlogd_interface_capturing',
    '',
    'Whether the interface is captured.',
    eachInterface(({ state }) => [one(Number(state === 'capturing'))]),
    ['interface'],
  ),
  counter(
    'flowlogd_packets_total',
    'packets',
    'Packets offered, by outcome: the sum over outcome is all traffic of the interface.',
    eachInterface(({ ledger }) => Object.entries(OUTCOMES).map(([name, of]) => one(packetsOf(of(ledger)), name))),
    ['interface', 'outcome'],
  ),
  counter(
    'flowlogd_bytes_total',
    'bytes',
    'IP bytes of metered and excluded packets, frame bytes of the others; those of dropped packets are unknown.',
    eachInterface(({ ledger }) =>
      Object.entries(OUTCOMES).flatMap(([name, of]) => {
        const tally = of(ledger);
        return typeof tally === 'number' ? [] : [one(tally.bytes, name)];
      }),
    ),
    ['interface', 'outcome'],
  ),
  counter(
    'flowlogd_excluded_packets_total',
    'packets',
    'Excluded packets, by exclusion rule.',
    eachInterface(({ ledger }) => Object.entries(ledger.excluded).map(([rule, { packets }]) => one(packets, rule))),
    ['interface', 'rule'],
  ),
  counter(
    'flowlogd_excluded_bytes_total',
    'bytes',
    'IP bytes of excluded packets, by exclusion rule.',
    eachInterface(({ ledger }) => Object.entries(ledger.excluded).map(([rule, { bytes }]) => one(bytes, rule))),
    ['interface', 'rule'],
  ),
  gauge(
    'flowlogd_unaccounted_packets',
    'packets',
    'Offered packets less all outcomes: 0, or the ledger does not close, which is a bug to report.',
    eachInterface(({ ledger }) => [one(unaccounted(ledger))]),
    ['interface'],
  ),
  gauge(
    'flowlogd_windows_in_memory',
    '',
    '1 while open windows are not persisted because a disk write failed: a crash would lose them.',
    eachInterface(({ memoryOnly }) => [one(Number(memoryOnly))]),
    ['interface'],
  ),
  counter(
    'flowlogd_gap_seconds_total',
    'seconds',
    'Capture gaps in closed windows, by reason.',
    eachInterface(({ ledger }) => Object.entries(ledger.gapSeconds).map(([reason, seconds]) => one(seconds, reason))),
    ['interface', 'reason'],
  ),
  counter(
    'flowlogd_windows_total',
    'windows',
    'Windows closed and durable, by log status; SKIPDATA lost something.',
    eachInterface(({ windows }) => Object.entries(windows).map(([status, count]) => one(count, status))),
    ['interface', 'status'],
  ),
  gauge(
    'flowlogd_last_window_end_timestamp_seconds',
    'seconds',
    'End of the latest durable window, Unix time.',
    eachInterface(({ lastWindows: [latest] }) => (latest === undefined ? [] : [one(latest.endSeconds)])),
    ['interface'],
  ),
];

export const METRICS: readonly Metric[] = [
  gauge('flowlogd_build_info', '', 'Always 1, with the version.', ({ agent }) => [one(1, agent.version)], ['version']),
  gauge('flowlogd_healthy', '', 'Result of /health: 1 without a problem of severity error.', ({ healthy }) => [
    one(Number(healthy)),
  ]),
  gauge('flowlogd_data_plane_advancing', '', 'Whether capture and metering make progress.', ({ dataPlane }) => [
    one(Number(dataPlane.advancing)),
  ]),
  ...ofPart(numbers.DATA_PLANE, 'dataPlane', ({ dataPlane }) => [part(dataPlane)]),
  ...INTERFACE_METRICS,
  ...ofPart(numbers.INTERFACE, 'interfaces[]', eachOf('interfaces', 'interface'), ['interface']),
  ...ofPart(
    numbers.LEDGER,
    'interfaces[].ledger',
    ({ interfaces }) => interfaces.map((each) => part(each.ledger, each.interface)),
    ['interface'],
  ),
  ...ofPart(
    numbers.LIVE,
    'interfaces[].live',
    ({ interfaces }) => interfaces.map((each) => part(each.live, each.interface)),
    ['interface'],
  ),
  ...ofPart(numbers.MISSED_INTERFACES, 'missedInterfaces', ({ missedInterfaces }) => [part(missedInterfaces)]),
  ...ofPart(numbers.RINGS, 'rings', ({ rings }) => [part(rings)]),
  gauge('flowlogd_recorder_failing', '', 'Whether the spool is not writable.', ({ recorder }) => [
    one(Number(recorder.failing !== null)),
  ]),
  ...ofPart(numbers.RECORDER, 'recorder', ({ recorder }) => [part(recorder)]),
  ...ofPart(numbers.RECOVERED, 'recorder.recovered', ({ recorder }) => [part(recorder.recovered)]),
  ...ofPart(numbers.SPOOL, 'spool', ({ spool }) => [part(spool)]),
  ...ofPart(numbers.EVICTED, 'spool.evicted', ({ spool }) => [part(spool.evicted)]),
  ...ofPart(numbers.SPOOL_SINK, 'spool.sinks[]', ({ spool }) => spool.sinks.map((each) => part(each, each.name)), [
    'sink',
  ]),
  ...ofPart(
    numbers.SPOOL_SINK_EVICTED,
    'spool.sinks[].evicted',
    ({ spool }) => spool.sinks.map((each) => part(each.evicted, each.name)),
    ['sink'],
  ),
  ...ofPart(numbers.STATE, 'state', ({ state }) => [part(state)]),
  gauge(
    'flowlogd_exporter_state',
    '',
    '1 for the current state of the exporter, 0 for the others.',
    ({ sinks }) =>
      sinks.flatMap(({ name, state }) =>
        EXPORTER_STATE_LABELS.map((label) => one(Number(label === state), name, label)),
      ),
    ['sink', 'state'],
  ),
  ...ofPart({ ...numbers.SINK, ...numbers.DELIVERY }, 'sinks[]', eachOf('sinks', 'name'), ['sink']),
  ...ofPart(numbers.LOG_SERVICE, 'logService', ({ logService }) => (logService === null ? [] : [part(logService)])),
  gauge(
    'flowlogd_findings_open',
    'findings',
    'Open findings, by their worst severity.',
    ({ findings }) =>
      findings === null ? [] : Object.entries(findings.open).map(([severity, open]) => one(open, severity)),
    ['severity'],
  ),
  ...ofPart(numbers.FINDINGS, 'findings', ({ findings }) => (findings === null ? [] : [part(findings)])),
  ...ofPart(numbers.LOOKED, 'findings.looked', ({ findings }) => (findings?.looked ? [part(findings.looked)] : [])),
  ...ofPart(numbers.WEBHOOK, 'findings.webhook', ({ findings }) => (findings?.webhook ? [part(findings.webhook)] : [])),
  counter(
    'flowlogd_translation_records_total',
    'records',
    'Records of NAT flow logs, by result of the lookup in connection tracking: translated, same on both sides, or unmatched.',
    ({ translations }) =>
      translations === null
        ? []
        : [
            one(translations.matched, 'translated'),
            one(translations.same, 'same'),
            one(translations.unmatched, 'unmatched'),
          ],
    ['outcome'],
  ),
  ...ofPart(numbers.TRANSLATIONS, 'translations', ({ translations }) =>
    translations === null ? [] : [part(translations)],
  ),
  ...ofPart({ ...numbers.PROCESS, ...numbers.AGENT }, 'agent', ({ agent }) => [part(agent)]),
];

/** A part of the status that has the members of some rows, and the values of its labels. */
interface Part {
  readonly members: Readonly<Record<string, unknown>>;
  readonly labels: readonly string[];
}

function part(members: object, ...labels: readonly string[]): Part {
  return { members: members as Part['members'], labels };
}

function eachOf(list: 'interfaces' | 'sinks', name: string): (status: AgentStatus) => readonly Part[] {
  return (status) => status[list].map((each) => part(each, String(part(each).members[name])));
}

function ofPart(
  rows: NumberRows,
  path: string,
  partsOf: (status: AgentStatus) => readonly Part[],
  labels: readonly string[] = [],
): readonly Metric[] {
  return Object.entries(rows).map(([member, row]) => {
    const { metric: name, unit, help } = row;
    const samples: Read = (status) => partsOf(status).flatMap((each) => sampleOf(row, member, each));
    const type = name.endsWith('_total') ? 'counter' : 'gauge';
    return { name, type, unit, labels, help, samples, member: `${path}.${member}` };
  });
}

function sampleOf({ nullable, scale = 1 }: NumberRow, member: string, { members, labels }: Part): readonly Sample[] {
  const value = members[member] as number | Tally | null;
  if (value === null) return nullable === 'zero' ? [one(0, ...labels)] : [];
  return [one(scale * packetsOf(value), ...labels)];
}

/** The samples of every interface, its name their first label. */
function eachInterface(samples: (status: InterfaceStatus) => readonly Sample[]): Read {
  return ({ interfaces }) =>
    interfaces.flatMap((status) =>
      samples(status).map(({ labels, value }) => ({ labels: [status.interface, ...labels], value })),
    );
}

function packetsOf(tally: Tally | number): number {
  return typeof tally === 'number' ? tally : tally.packets;
}

function sumOf(tallies: readonly Tally[]): Tally {
  return {
    packets: tallies.reduce((sum, { packets }) => sum + packets, 0),
    bytes: tallies.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** What the equation of the ledger leaves over. */
function unaccounted(ledger: LedgerStatus): number {
  const outcomes = Object.values(OUTCOMES).map((of) => packetsOf(of(ledger)));
  return ledger.offeredPackets - outcomes.reduce((sum, packets) => sum + packets, 0);
}

/** The page with the table of metrics between its two marks. */
export function withMetricsTable(page: string): string {
  const [begin, end] = ['<!-- metrics -->\n', '<!-- /metrics -->'];
  const from = page.indexOf(begin) + begin.length;
  return `${page.slice(0, from)}${renderMetricsTable()}\n${page.slice(page.indexOf(end, from))}`;
}

function renderMetricsTable(): string {
  const rows = METRICS.map(({ name, member, type, unit, labels, help }) => {
    const quoted = [name, ...(member === undefined ? [] : [member])].map((text) => `\`${text}\``);
    const cells = [quoted[0], quoted[1] ?? '', type, unit, labels.map((label) => `\`${label}\``).join(' '), help];
    return `| ${cells.join(' | ')} |`;
  });
  return ['| metric | in the status | type | unit | labels | |', '| --- | --- | --- | --- | --- | --- |', ...rows].join(
    '\n',
  );
}
