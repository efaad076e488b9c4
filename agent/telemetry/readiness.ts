/**
 * Whether the records of a flow log arrive, or why a search would find none, from what the log service
 * answered last. An index that is switched off cannot be told from there: the service takes records that nobody can search.
 */
import { utcText } from '../model/utc-text.ts';
import type { ExporterStatus } from './agent-status.ts';
import { isDeliveryStalled } from './delivery-watch.ts';

export const READINESS_STATES = ['ready', 'unknown', 'refused', 'unreachable', 'waiting', 'disabled'] as const;

export interface Readiness {
  readonly state: (typeof READINESS_STATES)[number];
  /** A sentence. */
  readonly message: string;
}

/** What the log service said when it was asked without an upload; undefined: nothing yet. */
export type Asked = 'open' | { readonly kind: 'refused' | 'unreachable'; readonly reason: string } | undefined;

/** @param asked counts until the first upload */
export function readinessOf(exporter: ExporterStatus, windowSeconds: number, asked: Asked): Readiness {
  const { state, lastError, lastDeliveredSeconds, sink } = exporter;
  const why = lastError ?? 'reason unknown';
  if (state === 'blocked') return refused(why);
  if (state === 'backing-off') return unreachable(sink, why);
  if (isDeliveryStalled(exporter.undeliveredSeconds, [windowSeconds])) {
    return unreachable(sink, `no batch delivered for ${exporter.undeliveredSeconds} s`);
  }
  if (lastDeliveredSeconds !== null && exporter.sentBatches > 0) {
    return {
      state: 'ready',
      message:
        `Records are sent, the last ones at ${utcText(lastDeliveredSeconds)}. The protocol acknowledges nothing; if the collector ` +
        'has none, check its log and the network to it.',
    };
  }
  if (lastDeliveredSeconds !== null) {
    return {
      state: 'ready',
      message:
        `Records are delivered, the last ones at ${utcText(lastDeliveredSeconds)}; if a search finds none, check ` +
        'that the index of the topic is enabled.',
    };
  }
  if (typeof asked === 'object')
    return asked.kind === 'refused' ? refused(asked.reason) : unreachable(sink, asked.reason);
  const then = `the first records are sent when a window ends, every ${windowSeconds} s`;
  if (asked === 'open') return { state: 'ready', message: `The log service is reachable; ${then}.` };
  return { state: 'unknown', message: `No upload yet; ${then}.` };
}

function refused(why: string): Readiness {
  return {
    state: 'refused',
    message: `The log service rejects uploads; operator action required. Records are pending on disk: ${sentence(why)}`,
  };
}

function unreachable(sink: string, why: string): Readiness {
  return {
    state: 'unreachable',
    message: `Uploads to ${sink} fail and are retried; records are pending on disk: ${sentence(why)}`,
  };
}

function sentence(text: string): string {
  return text.endsWith('.') ? text : `${text}.`;
}
