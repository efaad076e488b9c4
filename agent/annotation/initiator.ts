/**
 * Who began the conversation of a flow, and how long the answer to the first packet of a TCP connection took. Evidence, the
 * strongest first:
 *
 *   `syn`   The window shows the SYNs of both directions: the one that was earlier began, and the time between them is the
 *           handshake as seen here (at a client the whole round trip, at a server its own part, in between the way to the
 *           server and back). Or it shows SYNs of this direction without an acknowledgement: the source began.
 *   `port`  One port is below 1024 and the other is not, or else one is below 32768 and the other is not: the lower one
 *           serves. A guess, good for most protocols.
 *
 * What an annotator before this one has found out (connection tracking) is kept.
 */
import type { InitiatorEvidence } from '../model/annotations.ts';
import { createFlowRecord, type FlowRecord } from '../model/flow-record.ts';
import type { RecordAnnotator } from '../model/record-annotator.ts';
import { Handshakes } from './handshakes.ts';

const TCP = 6;
const UDP = 17;
const SCTP = 132;
const SYN = 0x02;
const ACK = 0x10;
/** Ports that only servers of the system take, and the first that Linux gives to clients by itself. */
const SYSTEM_PORTS = 1024;
const EPHEMERAL_PORTS = 32_768;

/** @param seed 32 random bits for each window */
export function annotateInitiator(seed: () => number): RecordAnnotator {
  let handshakes = new Handshakes(0);
  return {
    begin({ records }) {
      handshakes = new Handshakes(seed());
      const cursor = records();
      for (const record = createFlowRecord(); cursor.next(record); ) {
        if (isAnsweredOpening(record)) handshakes.add(record);
      }
    },
    annotate(record: FlowRecord) {
      record.isAnnotated = true;
      nameInitiator(record, () => handshakes.answerTo(record));
    },
  };
}

/** @param answeredAt when the flow that answers this one began, in microseconds of the window; negative where that is not known */
export function nameInitiator(record: FlowRecord, answeredAt: () => number): void {
  if (record.protocol === TCP && (record.tcpFlags & SYN) !== 0) annotateOpening(record, answeredAt);
  guessByPort(record);
}

function isAnsweredOpening({ protocol, tcpFlags }: FlowRecord): boolean {
  return protocol === TCP && (tcpFlags & (SYN | ACK)) === (SYN | ACK);
}

function annotateOpening(record: FlowRecord, answeredAt: () => number): void {
  if ((record.tcpFlags & ACK) === 0) {
    name(record, 'source', 'syn');
    return;
  }
  const answered = answeredAt();
  if (answered < 0 || answered === record.firstMicroseconds) return;
  record.annotations.handshakeMicroseconds = Math.abs(answered - record.firstMicroseconds);
  name(record, record.firstMicroseconds < answered ? 'source' : 'destination', 'syn');
}

function guessByPort(record: FlowRecord): void {
  const { sourcePort, destinationPort, protocol } = record;
  if (protocol !== TCP && protocol !== UDP && protocol !== SCTP) return;
  const bound = [SYSTEM_PORTS, EPHEMERAL_PORTS].find((at) => sourcePort < at !== destinationPort < at);
  if (bound !== undefined) name(record, destinationPort < bound ? 'source' : 'destination', 'port');
}

function name({ annotations }: FlowRecord, initiator: 'source' | 'destination', evidence: InitiatorEvidence): void {
  if (annotations.initiatorEvidence !== 'none') return;
  annotations.initiator = initiator;
  annotations.initiatorEvidence = evidence;
}
