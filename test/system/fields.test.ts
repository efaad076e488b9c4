import { expect, onTestFinished, test } from 'vitest';
import type { StoredLog } from '../support/log-service-process.ts';
import { observe } from '../support/observation.ts';
import { ethernet, ipv4, PROTOCOL, udp } from '../support/packet-builder.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`fields: ${missing}\n`);

const PEER = '10.9.0.2';
const OBSERVED = '10.9.0.1';
const QUERY = ethernet(
  {},
  ipv4(
    { source: PEER, destination: OBSERVED, protocol: PROTOCOL.udp },
    udp({ sourcePort: 40_000, destinationPort: 53 }, new Uint8Array(20)),
  ),
);
const FIELDS = '[log-status, srcaddr, dstport, flow-direction, initiator, vpc-id, region, az-id, packets, end-ns]';

test.skipIf(missing !== undefined)(
  'records say what the configuration names, and nothing else',
  { timeout: 180_000 },
  async () => {
    const hosts = new TwoHosts();
    onTestFinished(() => hosts.remove());
    const { service, agent } = await observe(hosts.observed, {
      windowSeconds: 1,
      flowLogs: `[{ interfaces: [obs0], windowSeconds: 1, fields: ${FIELDS}, constants: { vpcId: vpc-1 } }]`,
      configuration: 'constants: { vpcId: vpc-of-the-host, region: ap-guangzhou }',
    });
    const running = await agent.start();
    hosts.send([QUERY, QUERY, QUERY]);
    await service.until((logs) => logs.some(isNoData) && logs.some(isQuery));
    expect((await agent.stop()).code).toBe(0);
    const logs = await service.query();
    const queries = logs.filter(isQuery).map(ownFields);
    expect(queries.reduce((sum, { packets }) => sum + Number(packets), 0)).toBe(3);
    expect(queries[0]).toEqual({
      'log-status': 'OK',
      srcaddr: PEER,
      dstport: 53,
      'flow-direction': 'ingress',
      initiator: 'source',
      'vpc-id': 'vpc-1',
      region: 'ap-guangzhou',
      packets: expect.any(Number),
      'end-ns': expect.stringMatching(/^\d{16}000$/),
    });
    const [noData] = logs.filter(isNoData).map(ownFields);
    expect(noData).toEqual({ 'log-status': 'NODATA', 'vpc-id': 'vpc-1', region: 'ap-guangzhou' });
    expect(running.stderr).toContain('has no value for az-id');
    await service.stop();
  },
);

const isQuery = (log: StoredLog): boolean => log['dstport'] === 53;
const isNoData = (log: StoredLog): boolean => log['log-status'] === 'NODATA';

/** Without what the log service adds, and its columns that have nothing. */
function ownFields(log: StoredLog): Record<string, unknown> {
  const own = Object.entries(log).filter(([key, value]) => value != null && key !== 'time' && !key.startsWith('__'));
  return Object.fromEntries(own);
}
