import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clearAnnotations, createAnnotations } from '../../../agent/model/annotations.ts';
import { flowRecord } from '../../support/flow-records.ts';

test('cleared annotations are those of a new record, whatever they were', () => {
  fc.assert(
    fc.property(flowRecord, ({ annotations }) => {
      const used = { ...annotations };
      clearAnnotations(used);
      expect(used).toEqual(createAnnotations());
    }),
  );
});
