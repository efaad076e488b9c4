import { describe, expect, it } from 'vitest';
import { decoderFor } from '../../../agent/packet/link-type.ts';
import { REFERENCE_LINK_TYPES } from '../../support/reference-decoder.ts';

describe('the link types', () => {
  it('are those of the semantics, and what the packet filter logs', () => {
    const known = Array.from({ length: 400 }, (_, linkType) => linkType).filter((linkType) => decoderFor(linkType));
    expect(known).toEqual([...REFERENCE_LINK_TYPES, 239].sort((left, right) => left - right));
  });

  it('decode the numbers of one format alike', () => {
    expect(decoderFor(0)).toBe(decoderFor(108));
    expect(new Set([12, 14, 101].map(decoderFor)).size).toBe(1);
  });
});
