import { expect, test } from 'vitest';
import { loadConfiguration } from '../../../agent/config/load.ts';
import { SINKS } from '../../../agent/export/sinks.ts';

function warnings(text: string): readonly string[] {
  const readTextFile = () => ({ text, mode: 0o600 });
  return loadConfiguration({
    path: 'f.yaml',
    environment: {},
    readTextFile,
    sinkKinds: SINKS,
    zstd: false,
    readNamedFiles: true,
  }).warnings;
}

test('any is warned of, as it counts forwarded packets twice, and of a filter that it refuses', () => {
  const log = (interfaces: string) => `flowLogs: [{name: web, interfaces: [${interfaces}]}]\n`;
  const filter = 'capture: {filter: "port 53 or (vlan and port 53)"}\n';
  const twice = expect.stringMatching(/^the flow log web captures on any: forwarded packets are counted twice/);
  expect(warnings(log('any'))).toEqual([twice]);
  expect(warnings(log('any') + filter)).toEqual([twice, expect.stringMatching(/vlan is not supported on any/)]);
  expect(warnings(log('eth0') + filter)).toEqual([]);
});
