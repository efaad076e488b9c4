import type { Initiator, InitiatorEvidence } from '../model/annotations.ts';

/** A flow as far as a conversation is made of it, wherever it is from: a record, a stored log, a step of the live feed. */
export interface FlowView {
  readonly interfaceId: string;
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly packets: number;
  readonly bytes: number;
  /** Unix seconds with their fraction. */
  readonly first: number;
  readonly last: number;
  /** Undefined where the records do not say. */
  readonly tcpFlags: number | undefined;
  readonly initiator: Initiator;
  readonly evidence: InitiatorEvidence;
  readonly handshakeMicroseconds: number | undefined;
  readonly action: string | undefined;
  readonly rejectRule: string | undefined;
}
