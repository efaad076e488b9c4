import { describe, expect, test } from 'vitest';
import { headerOf } from '../../../agent/model/batch-id.ts';
import { FLOW_LOG_DEFAULTS, isSamePoint, keysIcmp, type ObservationPoint } from '../../../agent/model/flow-log.ts';

const POINT: ObservationPoint = {
  flowLog: {
    ...FLOW_LOG_DEFAULTS,
    ...{ id: 'fl-1', accountId: '1250000000', windowSeconds: 300, sinks: ['cls'] },
    ...{ fields: ['srcaddr', 'vpc-id'], constants: { 'vpc-id': 'vpc-1' } },
  },
  interfaceId: 'eni-1',
  interfaceName: 'eth0',
};

describe('type and code of ICMP', () => {
  test.each<[readonly string[], boolean]>([
    [[], false],
    [['srcaddr', 'srcport', 'protocol'], false],
    [['icmp-type'], true],
    [['srcaddr', 'icmp-code'], true],
  ])('are part of the key where the fields are %j: %s', (fields, keys) => expect(keysIcmp({ fields })).toBe(keys));
});

describe('a point of observation', () => {
  test('is one interface of one flow log, whichever object says so', () => {
    expect(isSamePoint(POINT, structuredClone(POINT))).toBe(true);
    expect(isSamePoint(POINT, { ...POINT, interfaceName: 'eth1' })).toBe(false);
    expect(isSamePoint(POINT, { ...POINT, flowLog: { ...POINT.flowLog, id: 'fl-2' } })).toBe(false);
    expect(isSamePoint(POINT, { ...POINT, interfaceId: 'eni-2' })).toBe(true);
  });

  test('gives its batches all that whoever prints them has to know, and not where they go', () => {
    expect(headerOf({ hostId: 'host', runId: 'run' }, POINT, 600)).toEqual({
      ...{ hostId: 'host', runId: 'run', flowLogId: 'fl-1', interfaceId: 'eni-1', accountId: '1250000000' },
      ...{ windowStart: 600, windowSeconds: 300, resourceType: 'NETWORKINTERFACE' },
      ...{ fields: ['srcaddr', 'vpc-id'], constants: { 'vpc-id': 'vpc-1' } },
    });
  });
});
