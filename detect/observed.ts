/**
 * A flow record as observers see it: plain values, whoever has them (a closed window of the agent, an upload to the log service). One
 * object may be reused for all records: observers keep values of it, never itself. What a record does not have is undefined.
 */
export interface Observed {
  /** As records print them. */
  sourceAddress: string;
  destinationAddress: string;
  /** 0 for protocols without ports, and for later fragments. */
  sourcePort: number;
  destinationPort: number;
  /** IANA protocol number. */
  protocol: number;
  packets: number;
  bytes: number;
  tcpFlags: number | undefined;
  icmpType: number | undefined;
  icmpCode: number | undefined;
  action: 'ACCEPT' | 'REJECT' | undefined;
  initiator: 'unknown' | 'source' | 'destination' | undefined;
  /** Unix seconds: the fields `start`, `end` and `first`. */
  start: number;
  end: number;
  first: number | undefined;
  /** Unix seconds, in whose span it counts; undefined: its `start`. */
  spanTime: number | undefined;
}

export function createObserved(): Observed {
  return {
    sourceAddress: '',
    destinationAddress: '',
    sourcePort: 0,
    destinationPort: 0,
    protocol: 0,
    packets: 0,
    bytes: 0,
    tcpFlags: undefined,
    icmpType: undefined,
    icmpCode: undefined,
    action: undefined,
    initiator: undefined,
    start: 0,
    end: 0,
    first: undefined,
    spanTime: undefined,
  };
}
