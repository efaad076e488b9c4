/** What the agent uploads, and which of it the service holds as numbers: as CLS does by the index rules of docs/cls.md. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LogGroupEncoder } from '../../agent/export/cls/log-group.ts';
import { ROW_DEFAULTS } from '../../agent/model/flow-log.ts';
import { createFlowRecord, type FlowRecord } from '../../agent/model/flow-record.ts';
import { createLedger, type Ledger } from '../../agent/model/ledger.ts';
import { FIELD_NAMES, RECORD_FIELDS } from '../../agent/record/catalogue.ts';
import { encodeBatches } from '../../agent/wire/flow-batch.ts';
import { indexType } from '../../schema/field.ts';
import { decodeLogGroups } from '../support/cls-schema.ts';
import { cursorOver, fullAnnotations } from '../support/flow-records.ts';
import {
  call,
  PROTOBUF,
  removeFolder,
  search,
  startTestService,
  type TestService,
  temporaryFolder,
} from './harness.ts';

const CONSTANTS = Object.fromEntries(
  RECORD_FIELDS.filter(({ source }) => source === 'constant').map(({ name }) => [name, '1']),
);
const HEADER = {
  ...ROW_DEFAULTS,
  hostId: 'host',
  runId: 'run',
  flowLogId: 'fl',
  interfaceId: 'if',
  accountId: '1',
  windowStart: 1_700_000_040,
  windowSeconds: 60,
  fields: FIELD_NAMES,
  constants: CONSTANTS,
};

function flow(handshakeMicroseconds: number): FlowRecord {
  const annotations = { ...fullAnnotations(), handshakeMicroseconds };
  return {
    ...createFlowRecord(),
    isAnnotated: true,
    annotations,
    protocol: 1,
    icmpType: 8,
    icmpCode: 1,
    packets: 1,
    bytes: 40,
  };
}

function ledger(): Ledger {
  const peer = { source: '10.0.0.1', destination: '10.0.0.2', protocol: 17, port: 67, packets: 9, bytes: 74 };
  return {
    ...createLedger(['dhcp']),
    excludedPeers: { dhcp: { peers: [{ ...peer, missedBytesMax: 1 }], unlistedBytesMax: 1 } },
    gaps: [{ fromSeconds: 1_700_000_041, toSeconds: 1_700_000_042.5, reason: 'suspended' }],
  };
}

const folder = temporaryFolder();
let service: TestService;
let sent: Uint8Array;

beforeAll(async () => {
  service = await startTestService(folder);
  const cursor = cursorOver([flow(9), flow(74)]);
  encodeBatches({ header: HEADER, cursor, ledger: ledger(), recordsMax: 10, firstPart: 0 }, (batch) => {
    const encoded = new LogGroupEncoder({ ledgerLog: true }).encode(batch);
    if (encoded.kind === 'encoded') sent = encoded.bytes.slice();
  });
  const request = { method: 'POST', headers: PROTOBUF, body: sent, keys: service.keys };
  expect((await call(service.url, '/structuredlog?topic_id=flowlog', request)).status).toBe(200);
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

/** The rule that docs/cls.md gives for an index. */
function documentedType(key: string): string {
  const field = RECORD_FIELDS.find(({ name, aliases = [] }) => [name, ...aliases].includes(key));
  if (field !== undefined) return indexType(field) === 'long' ? 'BIGINT' : 'VARCHAR';
  if (key === 'ledger-gap-seconds') return 'DOUBLE';
  if (key.startsWith('ledger-')) return /-(packets|bytes|keys)$/.test(key) ? 'BIGINT' : 'VARCHAR';
  return /^excluded-(rule|srcaddr|dstaddr)$/.test(key) ? 'VARCHAR' : 'BIGINT';
}

test('every key that the agent sends has the type that the rules give it', async () => {
  const logs = decodeLogGroups(sent).flatMap((group) => group.logs);
  const keys = [...new Set(logs.flatMap(({ contents }) => contents.map(([key]) => key)))];
  expect(keys).toEqual(expect.arrayContaining([...FIELD_NAMES]));
  expect(keys.filter((key) => /^(ledger|excluded)-/.test(key)).length).toBeGreaterThan(30);
  const types = keys.map((key) => `typeof(max("${key}"))`).join(', ');
  const [row] = (await search(service, `| select ${types}`)).rows;
  expect(keys.map((key, index) => [key, row?.[index]])).toEqual(keys.map((key) => [key, documentedType(key)]));
});

test('the largest of two numbers is the larger one', async () => {
  expect((await search(service, '| select max("handshake-rtt")')).rows).toEqual([[74]]);
  expect((await search(service, 'handshake-rtt>9 | select count(*)')).rows).toEqual([[1]]);
  expect(
    (await search(service, 'excluded-bytes>9 AND ledger-gap-seconds<5 OR excluded-port:67 | select count(*)')).rows,
  ).toEqual([[1]]);
});
