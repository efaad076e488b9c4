/**
 * Whether the records of a flow log arrive, or why somebody who searches for them would see none, from what the log service
 * answered last. An index that is switched off cannot be told from there: the service takes records that nobody can search.
 */
import type { AgentStatus } from './status.ts';

export const READINESS_STATES = ['ready', 'unknown', 'refused', 'unreachable', 'waiting', 'disabled'] as const;

export interface Readiness {
  readonly state: (typeof READINESS_STATES)[number];
  /** A sentence. */
  readonly message: string;
}

export function readinessOf({ exporter, interfaces }: Pick<AgentStatus, 'exporter' | 'interfaces'>): Readiness {
  const { state, lastError, lastDeliveredSeconds, sink } = exporter;
  const why = lastError ?? 'no reason is known';
  if (state === 'blocked') {
    return {
      state: 'refused',
      message: `The log service refuses the records until somebody changes something, and they wait on disk: ${why}.`,
    };
  }
  if (state === 'backing-off') {
    return {
      state: 'unreachable',
      message: `Uploads to ${sink} fail and are tried again, the records wait on disk: ${why}.`,
    };
  }
  if (lastDeliveredSeconds !== null) {
    return {
      state: 'ready',
      message:
        `The log service takes the records, the last ones at ${timeText(lastDeliveredSeconds)}; if a search finds none, see ` +
        'whether the index of the topic is enabled.',
    };
  }
  const windowSeconds = Math.min(...interfaces.map((one) => one.windowSeconds));
  return {
    state: 'unknown',
    message: `Nothing was uploaded yet: the first records go when a window ends, every ${windowSeconds} s.`,
  };
}

function timeText(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
