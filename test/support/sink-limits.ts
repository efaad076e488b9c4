import type { ProbeOutcome, SinkLimits } from '../../agent/model/sink.ts';

/** What a made-up sink takes unless a test says otherwise. */
export const ROOMY: SinkLimits = {
  records: Number.POSITIVE_INFINITY,
  bytes: Number.POSITIVE_INFINITY,
  inFlight: 4,
};

export const probeOpen = async (): Promise<ProbeOutcome> => ({ kind: 'accepted' });
