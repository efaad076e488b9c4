import { expect, test } from 'vitest';
import { EMPTY_BATCH_HEADER, headerOf } from '../../../agent/model/batch-id.ts';
import { readBatchHeader } from '../../../agent/wire/flow-batch-reader.ts';

test('a batch says who observed what and when, from its flow log and its interface', () => {
  const flowLog = {
    id: 'fl-1',
    accountId: '100000000001',
    windowSeconds: 60,
    resourceType: 'NAT',
    trafficType: 'REJECT',
    fields: ['srcaddr'],
    sinks: ['archive'],
    constants: { 'vpc-id': 'vpc-1' },
  } as const;
  const point = { flowLog, interfaceId: 'if-1', interfaceName: 'eth0' };
  expect(headerOf({ hostId: 'host-1', runId: 'run-1' }, point, 1_714_521_600)).toEqual({
    hostId: 'host-1',
    runId: 'run-1',
    flowLogId: 'fl-1',
    interfaceId: 'if-1',
    accountId: '100000000001',
    windowStart: 1_714_521_600,
    windowSeconds: 60,
    resourceType: 'NAT',
    fields: ['srcaddr'],
    constants: { 'vpc-id': 'vpc-1' },
  });
});

test('a batch of no bytes has the header of which nothing was read: what protobuf takes an absent field for', () => {
  const nothing = { hostId: '', runId: '', flowLogId: '', interfaceId: '', accountId: '', split: '' };
  const zero = { windowStart: 0, windowSeconds: 0, part: 0 };
  const header = { ...nothing, ...zero, resourceType: 'NETWORKINTERFACE', fields: [], constants: {} };
  expect(EMPTY_BATCH_HEADER).toEqual(header);
  expect(readBatchHeader(new Uint8Array())).toEqual(header);
});
