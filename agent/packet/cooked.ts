/** Linux cooked frames, which is what the device `any` gives. */
import { type Decoder, decodeEtherType, MALFORMED } from './decode.ts';

/** 16 bytes, the EtherType last. */
export const decodeLinuxSll: Decoder = (view, at, captured, wire, rows, row) => {
  if (captured < 16) return MALFORMED;
  return decodeEtherType(view.getUint16(at + 14), view, at, 16, captured, wire, rows, row);
};

/** Version 2: 20 bytes, the EtherType first. */
export const decodeLinuxSll2: Decoder = (view, at, captured, wire, rows, row) => {
  if (captured < 20) return MALFORMED;
  return decodeEtherType(view.getUint16(at), view, at, 20, captured, wire, rows, row);
};
