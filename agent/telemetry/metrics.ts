/**
 * The one list of metrics: `exposition.ts` prints it for Prometheus, docs/operations.md is rendered from it.
 *
 * Names follow Prometheus' own rules: base units, `_total` for what only grows. Totals of packets move when windows close and
 * are durable. What is a property of the process itself has the names that Prometheus' client libraries give it.
 */
import { LEDGER_ROWS } from '../../schema/ledger-numbers.ts';
import type { Tally } from '../model/ledger.ts';
import type { InterfaceStatus } from './agent-status.ts';
import { DISK_METRICS } from './disk-metrics.ts';
import type { LedgerStatus } from './ledger-sum.ts';
import { counter, gauge, type Metric, one, type Read, type Sample } from './metric.ts';
import { RING_METRICS } from './ring-metrics.ts';
import { SINK_METRICS } from './sink-metrics.ts';
import { SPOOL_SINK_METRICS } from './spool-sink-metrics.ts';
import { TRANSLATION_METRICS } from './translation-metrics.ts';

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

export const METRICS: readonly Metric[] = [
  gauge('flowlogd_build_info', '', 'Always 1, with the version.', ({ agent }) => [one(1, agent.version)], ['version']),
  gauge('flowlogd_healthy', '', 'Whether /health says 200: no problem of severity error.', ({ healthy }) => [
    one(Number(healthy)),
  ]),
  gauge('flowlogd_data_plane_advancing', '', 'Whether capture and metering make progress.', ({ dataPlane }) => [
    one(Number(dataPlane.advancing)),
  ]),
  counter(
    'flowlogd_data_plane_rounds_total',
    'rounds',
    'Rounds of the data plane, two a second when idle.',
    (status) => [one(status.dataPlane.rounds)],
  ),

  gauge(
    'flowlogd_interface_capturing',
    '',
    'Whether the interface is captured now.',
    eachInterface(({ state }) => [one(Number(state === 'capturing'))]),
    ['interface'],
  ),
  counter(
    'flowlogd_interface_detachments_total',
    'detachments',
    'Times that capture ended because the interface went away or failed.',
    eachInterface(({ detachments }) => [one(detachments)]),
    ['interface'],
  ),
  counter(
    'flowlogd_packets_total',
    'packets',
    'Packets offered, by what became of them: the sum over outcome is all that came to the interface.',
    eachInterface(({ ledger }) => Object.entries(OUTCOMES).map(([name, of]) => one(packetsOf(of(ledger)), name))),
    ['interface', 'outcome'],
  ),
  counter(
    'flowlogd_bytes_total',
    'bytes',
    'IP bytes of metered and excluded packets, frame bytes of the others; what was dropped has none that are known.',
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
    'Packets kept out of the records, by exclusion rule.',
    eachInterface(({ ledger }) => Object.entries(ledger.excluded).map(([rule, { packets }]) => one(packets, rule))),
    ['interface', 'rule'],
  ),
  counter(
    'flowlogd_excluded_bytes_total',
    'bytes',
    'IP bytes of the packets kept out of the records, by exclusion rule.',
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
  counter(
    'flowlogd_offered_packets_total',
    'packets',
    'Packets that came to the interface in windows that are closed and durable.',
    eachInterface(({ ledger }) => [one(ledger.offeredPackets)]),
    ['interface'],
  ),
  gauge(
    'flowlogd_interface_packets_per_second',
    'packets',
    'Packets that came in the last seconds.',
    eachInterface(({ live }) => [one(live.packetsPerSecond)]),
    ['interface'],
  ),
  gauge(
    'flowlogd_interface_bytes_per_second',
    'bytes',
    'Their bytes, as far as they are known.',
    eachInterface(({ live }) => [one(live.bitsPerSecond / 8)]),
    ['interface'],
  ),
  gauge(
    'flowlogd_interface_lost_packets_per_second',
    'packets',
    'Of these, packets that will be in no record.',
    eachInterface(({ live }) => [one(live.lostPacketsPerSecond)]),
    ['interface'],
  ),
  gauge(
    'flowlogd_table_flows',
    'flows',
    'Flows in the open window, of the address family that has more.',
    eachInterface(({ live }) => [one(live.flows)]),
    ['interface'],
  ),
  gauge(
    'flowlogd_table_limit_flows',
    'flows',
    'Bound of these: table.flowsMax.',
    eachInterface(({ live }) => [one(live.flowsMax)]),
    ['interface'],
  ),
  gauge(
    'flowlogd_windows_in_memory',
    '',
    '1 while open windows are in memory alone because the disk refuses their files: a kill would lose them.',
    eachInterface(({ memoryOnly }) => [one(memoryOnly ? 1 : 0)]),
    ['interface'],
  ),
  counter(
    'flowlogd_memory_only_tables_total',
    'tables',
    'Tables that had to be in memory alone because the disk refused a file: a kill would have lost them.',
    eachInterface(({ memoryOnlyTables }) => [one(memoryOnlyTables)]),
    ['interface'],
  ),
  gauge(
    'flowlogd_unwritten_windows',
    'windows',
    'Closed windows that are not durable yet: none or one as a rule, more where the disk is slow, hangs or refuses.',
    eachInterface(({ unwrittenWindows }) => [one(unwrittenWindows)]),
    ['interface'],
  ),
  counter(
    'flowlogd_coarsened_packets_total',
    'packets',
    'Of the metered packets, those in coarser records because the flow table was full: raise table.flowsMax.',
    eachInterface(({ ledger }) => [one(ledger.coarsened.packets)]),
    ['interface'],
  ),
  counter(
    'flowlogd_coarsened_keys_total',
    'flows',
    'Flows that those packets belong to, by window; an estimate with a standard error of 1.6 %.',
    eachInterface(({ ledger }) => [one(ledger.coarsenedKeys)]),
    ['interface'],
  ),
  counter(
    'flowlogd_rejected_packets_total',
    'packets',
    'Of the metered packets, those that the packet filter rejected.',
    eachInterface(({ ledger }) => [one(ledger.rejected.packets)]),
    ['interface'],
  ),
  counter(
    'flowlogd_before_attach_packets_total',
    'packets',
    'Packets that the interface carried while the agent ran and before its capture began, by its own counters; in no outcome.',
    eachInterface(({ ledger }) => [one(ledger.beforeAttach)]),
    ['interface'],
  ),
  counter(
    'flowlogd_rejects_unmatched_packets_total',
    'packets',
    'Packets in REJECT records that could be taken from no flow of the tap: rewritten or reassembled before the filter.',
    eachInterface(({ ledger }) => [one(ledger.rejectsUnmatched.packets)]),
    ['interface'],
  ),
  counter(
    'flowlogd_rejects_lost_packets_total',
    'packets',
    'Rejections that were lost, so that their packets are taken for accepted.',
    eachInterface(({ ledger }) => [one(ledger.rejectsLost)]),
    ['interface'],
  ),
  counter(
    'flowlogd_gap_seconds_total',
    'seconds',
    'Time without capture that lies in closed windows, by reason.',
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
  counter(
    'flowlogd_records_total',
    'records',
    'Flow records written to the spool.',
    eachInterface(({ records }) => [one(records)]),
    ['interface'],
  ),
  gauge(
    'flowlogd_last_window_end_timestamp_seconds',
    'seconds',
    'End of the latest window that is durable, Unix time.',
    eachInterface(({ lastWindows: [latest] }) => (latest === undefined ? [] : [one(latest.endSeconds)])),
    ['interface'],
  ),

  ...RING_METRICS,
  ...DISK_METRICS,
  ...SPOOL_SINK_METRICS,
  ...SINK_METRICS,
  ...TRANSLATION_METRICS,

  counter('process_cpu_seconds_total', 'seconds', 'CPU time, user and system, of all threads.', ({ agent }) => [
    one(agent.cpuSeconds),
  ]),
  gauge('process_resident_memory_bytes', 'bytes', 'Resident memory.', ({ agent }) => [one(agent.residentBytes)]),
  gauge('process_start_time_seconds', 'seconds', 'Start of the agent, Unix time.', ({ agent }) => [
    one(agent.startedSeconds),
  ]),
  gauge('nodejs_heap_size_used_bytes', 'bytes', 'JavaScript heap of the main thread.', ({ agent }) => [
    one(agent.heapBytes),
  ]),
];

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
  const rows = METRICS.map(({ name, type, unit, labels, help }) => {
    const cells = [`\`${name}\``, type, unit, labels.map((label) => `\`${label}\``).join(' '), help];
    return `| ${cells.join(' | ')} |`;
  });
  return ['| metric | type | unit | labels | |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}
