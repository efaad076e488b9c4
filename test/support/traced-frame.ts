/** Frames as `flowlogd explain` reads them, in lines that a test can list. */
import type { Ending } from '../../agent/explain/decode-trace.ts';
import { traceFrame } from '../../agent/explain/trace.ts';

export interface TracedFrame {
  /** `@14 IPv4: 10.0.0.1 > 10.0.0.2, ...`, one for each step. */
  readonly lines: readonly string[];
  readonly ending: Ending;
}

/** @param wire the length of the frame where it was longer than what was captured */
export function traced(linkType: number, frame: Uint8Array, wire = frame.length): TracedFrame {
  const { steps, ending } = traceFrame(linkType, frame, wire)!;
  return { lines: steps.map(({ layer, offset, says }) => `@${offset} ${layer}: ${says}`), ending };
}
