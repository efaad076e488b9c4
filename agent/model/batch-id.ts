import type { FlowLog, ObservationPoint } from './flow-log.ts';

/** What tells one batch from every other, for ever. */
export interface BatchId {
  /** The host, stable over reboots. */
  readonly hostId: string;
  /** One run of the agent. */
  readonly runId: string;
  readonly flowLogId: string;
  readonly interfaceId: string;
  /** Unix seconds. */
  readonly windowStart: number;
  /** Counts from 0 in its window. */
  readonly part: number;
  /** Where a sink made us cut the batch in pieces: one digit a cut, 0 for the first half and 1 for the second; else empty. */
  readonly split: string;
}

/** Everything a batch says beside its records. */
export interface BatchHeader
  extends BatchId,
    Pick<FlowLog, 'accountId' | 'windowSeconds' | 'resourceType' | 'fields' | 'constants'> {}

/** What a header is before anything of it was read. */
export const EMPTY_BATCH_HEADER: BatchHeader = {
  hostId: '',
  runId: '',
  flowLogId: '',
  interfaceId: '',
  accountId: '',
  windowStart: 0,
  windowSeconds: 0,
  part: 0,
  split: '',
  resourceType: 'NETWORKINTERFACE',
  fields: [],
  constants: {},
};

/** Whether it reports batches of findings that were lost, which are of no flow log and no interface. */
export function isLossOfFindings({ flowLogId, interfaceId, split }: BatchId): boolean {
  return flowLogId === '' && interfaceId === '' && split.startsWith('lost-');
}

/** What all batches of one window say. */
export type WindowHeader = Omit<BatchHeader, 'part' | 'split'>;

/** The header of a window of this observation point, so that whoever prints its batches needs no configuration. */
export function headerOf(
  { hostId, runId }: Pick<BatchId, 'hostId' | 'runId'>,
  { flowLog, interfaceId }: ObservationPoint,
  windowStart: number,
): WindowHeader {
  const { id, accountId, windowSeconds, resourceType, fields, constants } = flowLog;
  return {
    hostId,
    runId,
    flowLogId: id,
    interfaceId,
    accountId,
    windowStart,
    windowSeconds,
    resourceType,
    fields,
    constants,
  };
}
