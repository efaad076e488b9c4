/** What is wrong with the way to each sink, and what to do. */
import type { InterfaceStatus, SinkStatus } from './agent-status.ts';
import { isDeliveryStalled } from './delivery-watch.ts';

export interface DeliveryProblem {
  readonly code: 'delivery-stalled' | 'exporter-blocked' | 'exporter-backing-off' | 'records-rejected';
  readonly sink: string;
  readonly message: string;
  readonly advice: string;
}

export function deliveryProblems(
  sinks: readonly SinkStatus[],
  interfaces: readonly Pick<InterfaceStatus, 'windowSeconds'>[],
): readonly DeliveryProblem[] {
  const windows = interfaces.map(({ windowSeconds }) => windowSeconds);
  return sinks.flatMap((sink) => [...stalled(sink, windows), ...inTrouble(sink), ...rejecting(sink)]);
}

function stalled(sink: SinkStatus, windows: readonly number[]): readonly DeliveryProblem[] {
  const { name, undeliveredSeconds, pendingBatches, lastError } = sink;
  if (!isDeliveryStalled(undeliveredSeconds, windows)) return [];
  return [
    {
      code: 'delivery-stalled',
      sink: name,
      message: `No batch was delivered to the sink ${name} for ${undeliveredSeconds} s, ${pendingBatches} are pending on disk; last error: ${lastError ?? 'none'}`,
      advice:
        'Check the log service and the network to it; pending batches are kept up to spool.bytesMax and spool.ageSecondsMax, and retried automatically.',
    },
  ];
}

function inTrouble({ name, state, pendingBatches, lastError }: SinkStatus): readonly DeliveryProblem[] {
  const facts = `${pendingBatches} batches are pending on disk: ${lastError ?? 'no reason is known'}`;
  if (state === 'blocked') {
    return [
      {
        code: 'exporter-blocked',
        sink: name,
        message: `The sink ${name} rejects uploads; operator action required; ${facts}`,
        advice: 'Check the credentials, the topic and the account of the log service; it is tried again every 30 s.',
      },
    ];
  }
  if (state !== 'backing-off') return [];
  return [
    {
      code: 'exporter-backing-off',
      sink: name,
      message: `Uploads to the sink ${name} fail; ${facts}`,
      advice: 'Check the network path to the log service and its state; uploads are retried automatically.',
    },
  ];
}

function rejecting({ name, rejectedRecords }: SinkStatus): readonly DeliveryProblem[] {
  if (rejectedRecords === 0) return [];
  return [
    {
      code: 'records-rejected',
      sink: name,
      message: `The sink ${name} accepted batches but rejected ${rejectedRecords} of their records since the start; they are not sent again.`,
      advice: 'Check the log for the reason that the log service gave, and its limits for attributes and times.',
    },
  ];
}
