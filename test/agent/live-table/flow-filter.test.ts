import { describe, expect, test } from 'vitest';
import { parseFilter } from '../../../agent/live-table/flow-filter.ts';
import { flowKeyOf } from '../../../agent/live-table/flow-key.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';

const record = {
  ...createFlowRecord(),
  source0: 0x0a00_0001,
  destination0: 0xc000_0202,
  sourcePort: 51_000,
  destinationPort: 443,
  protocol: 6,
};
const window = { first: 0, last: 0, windowStart: 0, windowPackets: 0, windowBytes: 0 };
const flow = { interfaceName: 'eth0', record, ...window, ...flowKeyOf('eth0', record) };
const ROW = 'eth0 TCP 10.0.0.1:51000 www.Example.com:https';

describe('the filter of the live table', () => {
  test.each([
    '',
    '443',
    'tcp',
    '10.0.0.0/8',
    '192.0.2.2',
    'srcaddr:10.0.0.1 dstport:443',
    'srcaddr:10.0.0.1 and dstport:443 and protocol:6',
    'protocol:tcp port:51000',
    'not udp',
    'not not tcp',
    'not 10.1.0.0/16 https',
    'example.COM',
    'interface:eth0',
    'action:accept',
    'not fd00::/8',
  ])("'%s' lets it through", (text) => {
    expect(parseFilter(text)(flow, ROW)).toBe(true);
  });

  test.each([
    '80',
    'udp',
    '10.1.0.0/16',
    'srcaddr:192.0.2.2',
    'dstaddr:10.0.0.1',
    'srcport:443',
    'not tcp',
    '443 udp',
    'interface:lo',
    'action:REJECT',
    'protocol:nonsense',
    'fd00::/8',
    'elsewhere',
  ])("'%s' keeps it out", (text) => {
    expect(parseFilter(text)(flow, ROW)).toBe(false);
  });
});
