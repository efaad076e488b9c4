import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { declarationOf, flowLogResolver } from '../../../agent/commands/flow-log-resolver.ts';
import { loadConfiguration, loadFlowLog } from '../../../agent/config/load.ts';
import { SCHEMA } from '../../../agent/config/schema.ts';
import { SINKS } from '../../../agent/export/sinks.ts';
import { reconcile } from '../../../agent/flow-logs/registry.ts';
import { EMBEDDED_STORAGE } from '../../../agent/model/storage.ts';

const EVERYTHING = {
  id: 'fl-4kd02xq9',
  name: 'web',
  description: 'text: with [signs], and more',
  tags: ['env=production', 'a=b=c', 'empty='],
  enabled: false,
  interfaces: ['lo', 'never*'],
  windowSeconds: '7s',
  accountId: '0123',
  trafficType: 'REJECT',
  fields: ['version', 'vpc-id', 'srcaddr'],
  constants: { vpcId: 'vpc-1' },
};

function resolver() {
  const { configuration } = loadConfiguration({
    path: undefined,
    environment: {},
    readTextFile: () => ({ text: '', mode: 0o600 }),
    sinkKinds: SINKS,
    zstd: false,
    readNamedFiles: false,
  });
  return flowLogResolver(configuration, { mayLack: (pattern) => pattern.includes('*') });
}

test('a flow log that demands pseudonyms is refused without a key, also when a command creates it', () => {
  expect(() => resolver().read({ interfaces: ['lo'], addresses: 'pseudonymised' })).toThrow(
    /^Invalid flow log fl-\w+ \(default\): pseudonyms require a key: set privacy.keyFile/,
  );
});

describe('a flow log between the file and the registry', () => {
  test('is the same again after it was stored', () => {
    const first = declarationOf(loadFlowLog(EVERYTHING));
    const stored = JSON.parse(JSON.stringify(first)) as typeof first;
    const again = declarationOf(loadFlowLog({ id: stored.id, ...stored.definition }));
    expect(again.definition).toEqual(first.definition);
    expect(first.attributes).toEqual({
      name: 'web',
      description: EVERYTHING.description,
      tags: { env: 'production', a: 'b=c', empty: '' },
      enabled: false,
    });
  });

  const examples = Object.entries(SCHEMA.fields.flowLogs.item.fields).flatMap(([name, node]) =>
    'example' in node && node.example !== undefined ? [[name, parse(node.example)] as const] : [],
  );
  test.each(examples)('keeps its option %s', (name, example) => {
    const configured = loadFlowLog({ interfaces: ['eth0'], [name]: example });
    const { definition } = declarationOf(configured);
    const { id, name: called, description, tags, enabled } = configured;
    const written = tags.map(([key, value]) => `${key}=${value}`);
    const again = loadFlowLog({ id, name: called, description, enabled, tags: written, ...definition });
    expect(again).toEqual(configured);
  });

  test.each(['NETWORKINTERFACE', 'NAT', 'CCN'])(
    'of type %s keeps its window, the default one and any other',
    (resourceType) => {
      for (const windowSeconds of [undefined, '60', '300', '600']) {
        const options = windowSeconds === undefined ? { resourceType } : { resourceType, windowSeconds };
        const configured = loadFlowLog(options);
        const { id, definition } = declarationOf(configured);
        expect(loadFlowLog({ id, ...definition })).toMatchObject({
          resourceType,
          windowSeconds: configured.windowSeconds,
        });
      }
    },
  );

  test('has nothing in its definition that is a default, so that new options change none that exists', () => {
    expect(declarationOf(loadFlowLog({ interfaces: ['eth0'] })).definition).toEqual({ interfaces: ['eth0'] });
  });

  test('says in one sentence what is wrong with it', () => {
    expect(() => loadFlowLog({ interfaces: 'eth0', windowSecond: 3 })).toThrow(
      /^Invalid flow log: windowSecond: unknown option; did you mean windowSeconds\?; interfaces: expected a list.*\.$/,
    );
  });

  test('stands for the interfaces that are there', () => {
    const { entries } = reconcile([], [resolver().read(EVERYTHING)], {
      nowSeconds: 0,
      suggestId: () => 'fl-1',
      storages: { embedded: EMBEDDED_STORAGE },
    });
    const [resolution] = resolver().resolve(entries);
    expect(resolution).toMatchObject({
      patterns: ['lo', 'never*'],
      missing: ['never*'],
      flowLog: { id: 'fl-4kd02xq9', windowSeconds: 7, trafficType: 'REJECT' },
    });
    expect(resolution!.found.map(({ interfaceName }) => interfaceName)).toEqual(['lo']);
    expect(resolver().explainMissing('never0')?.message).toMatch(/no such interface: never0/);
    expect(resolver().explainMissing('never*')).toBeUndefined();
  });
});
