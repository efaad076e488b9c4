/**
 * The layers of one frame, read one after the other down to the key of a packet. Cold, plain and on its own: it shares no line
 * with packet/decode.ts, so that the two can be held against each other.
 */
import type { DecodeTrace, Ending } from './decode-trace.ts';
import { FrameReader, type Outcome } from './frame-reader.ts';
import { LAYERS, LINK_TYPES } from './layers.ts';

/**
 * @param frame the captured bytes, and no more
 * @param wire the frame's length on the wire
 * @returns undefined for a link type that flowlogd does not know
 */
export function traceFrame(linkType: number, frame: Uint8Array, wire: number): DecodeTrace | undefined {
  const layer = LINK_TYPES.get(linkType);
  if (layer === undefined) return undefined;
  const reader = new FrameReader(frame, wire);
  const ending = follow(reader, { layer, at: 0 });
  return { steps: reader.steps, ending };
}

function follow(frame: FrameReader, first: Outcome): Ending {
  let outcome = first;
  while (!('kind' in outcome)) {
    const { at, layer } = outcome;
    const { name, header, read } = LAYERS[layer];
    if (header !== undefined && !frame.holds(at, header.bytes)) return frame.cut(at, header.title, header.bytes);
    frame.layer = name;
    outcome = read(frame, at, follow);
  }
  return outcome;
}
