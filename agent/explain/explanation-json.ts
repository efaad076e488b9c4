import { addressText } from '../record/endpoint.ts';
import type { KeyFound } from './decode-trace.ts';
import type { Explanation } from './explanation.ts';
import { type ExplanationContext, timeText } from './explanation-text.ts';

/** Goes up when a member changes its meaning or goes away. */
export const EXPLAIN_SCHEMA = 1;

/** The same as the text says, for programs. Members of records are named as replay names them. */
export function explanationObject(explanation: Explanation, context: ExplanationContext): object {
  const { trace, record, inFile } = explanation;
  const { ending } = trace;
  return {
    schema: EXPLAIN_SCHEMA,
    file: context.file,
    packet: explanation.number,
    time: timeText(explanation.seconds, explanation.nanoseconds),
    link_type: explanation.linkType,
    captured_bytes: explanation.captured,
    wire_bytes: explanation.wire,
    steps: trace.steps,
    decision: explanation.decision,
    refusal: ending.kind === 'key' ? null : { offset: ending.offset, reason: ending.reason },
    key: ending.kind === 'key' ? keyObject(ending) : null,
    exclusion: { rules: context.ruleNames, matched: explanation.ruleName ?? null },
    window: { start: explanation.windowStart, seconds: context.windowSeconds },
    record:
      record === undefined || explanation.decision === 'excluded'
        ? null
        : {
            packets: record.packets,
            bytes: record.bytes,
            tcp_flags: record.tcpFlags,
            first: record.first,
            last: record.last,
          },
    in_file: inFile,
  };
}

function keyObject(key: KeyFound): object {
  return {
    srcaddr: addressText(key.family, key.source),
    dstaddr: addressText(key.family, key.destination),
    srcport: key.sourcePort,
    dstport: key.destinationPort,
    icmp_type: key.icmpType < 0 ? null : key.icmpType,
    icmp_code: key.icmpCode < 0 ? null : key.icmpCode,
    protocol: key.protocol,
    tcp_flags: key.tcpFlags,
    bytes: key.bytes,
  };
}
