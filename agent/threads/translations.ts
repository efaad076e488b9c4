/** The host's address translations put together: conntrack's sockets, the table that follows them, and its annotator. */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { TranslationAnnotator } from '../conntrack/annotate-translation.ts';
import { ConnectionTracker } from '../conntrack/connection-tracker.ts';
import { conntrackSockets, probeConntrack } from '../conntrack/netlink-socket.ts';
import { TranslationTable } from '../conntrack/translation-table.ts';
import type { ObservationPoint } from '../model/flow-log.ts';
import type { RecordAnnotator } from '../model/record-annotator.ts';
import type { TranslationNumbers } from '../model/translation-numbers.ts';
import type { NetlinkAddon } from '../native/addon.ts';

/** Connections, alive and ended: 140 MB when it is full, and no more than it needs before. */
const ENTRIES_MAX = 1 << 20;
/** Between two reads of the kernel's queue, which holds 50 000 events: half a million a second. */
const POLL_MS = 100;
const EVENTS_SETTING = '/proc/sys/net/netfilter/nf_conntrack_events';

export interface RunningTranslations {
  readonly annotator: RecordAnnotator;
  numbers(): TranslationNumbers;
  close(): void;
}

/**
 * Follows the kernel's connections in this thread where an observation point wants their translations.
 *
 * @throws OperationalError `conntrack.permission` or `conntrack.unavailable`
 */
export function followTranslations(
  points: readonly ObservationPoint[],
  addon: NetlinkAddon,
): RunningTranslations | undefined {
  const translating = points.filter(translates);
  if (translating.length === 0) return undefined;
  const tracker = new ConnectionTracker({
    sockets: conntrackSockets(addon.openNetlink),
    table: new TranslationTable({ entriesMax: ENTRIES_MAX, seed: randomInt(2 ** 32) }),
    now: Date.now,
  });
  for (const { flowLog } of translating) tracker.remember(flowLog.windowSeconds);
  const annotator = new TranslationAnnotator(tracker);
  const polling = setInterval(() => tracker.poll(), POLL_MS);
  return {
    annotator,
    numbers: () => ({
      ...annotator.counters,
      ...tracker.counters,
      ...tracker.table.counters,
      entries: tracker.table.size,
    }),
    close() {
      clearInterval(polling);
      tracker.close();
    },
  };
}

/**
 * Whether the kernel lets us follow its connections, asked before anything starts. Answers what will be missing, a sentence each.
 *
 * @throws OperationalError `conntrack.permission` or `conntrack.unavailable`
 */
export function requireTranslations(points: readonly ObservationPoint[], addon: NetlinkAddon): readonly string[] {
  if (!points.some(translates)) return [];
  probeConntrack(conntrackSockets(addon.openNetlink));
  return areEventsOff()
    ? [
        'connection tracking tells no events, so translations are learnt from a list every five minutes only: sysctl -w net.netfilter.nf_conntrack_events=1',
      ]
    : [];
}

function translates({ flowLog }: ObservationPoint): boolean {
  return flowLog.resourceType === 'NAT';
}

function areEventsOff(): boolean {
  try {
    return readFileSync(EVENTS_SETTING, 'latin1').trim() === '0';
  } catch {
    return false;
  }
}
