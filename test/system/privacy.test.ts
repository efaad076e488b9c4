/**
 * The built agent with two flow logs over one cable, of which one has pseudonyms of addresses and the other leaves them out: no file of the
 * spool, no body of an upload and no record of a store has an address of the packets, as text or as bytes.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AddressPseudonyms } from '../../agent/privacy/address-pseudonyms.ts';
import { addressText } from '../../agent/record/endpoint.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { runCommand, startProgram } from '../support/command.ts';
import { LogServiceProcess } from '../support/log-service-process.ts';
import { parseRecords } from '../support/ndjson-records.ts';
import { NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { LOG_SERVICE_PORT } from '../support/observation.ts';
import { isFlow } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`privacy: ${missing}\n`);

const KEY = '0f1e2d3c4b5a69788796a5b4c3d2e1f0'.repeat(2);
/** Source and destination of all packets. */
const PLAIN = [0x0a090001, 0x0a090002];
const pseudonyms = new AddressPseudonyms(Buffer.from(KEY, 'hex'));
const [source, destination] = PLAIN.map((word) => addressText(4, [pseudonyms.ipv4(word)]));
const EXCLUDED_PORT = 7777;
const STUB_PORT = 9700;

/** Accepts all uploads, and writes down what they are. */
const STUB = `
  const { appendFileSync } = require('node:fs');
  require('node:http').createServer((request, response) => {
    request.on('data', (chunk) => appendFileSync(process.argv[1], chunk)).on('end', () => {
      response.writeHead(200, { 'x-cls-requestid': 'stub' }).end();
    });
  }).listen(${STUB_PORT}, '127.0.0.1', () => console.log('listening'));
`;

/** Addresses of the packets that are in these bytes. */
function plainIn(bytes: Buffer): string[] {
  return PLAIN.flatMap((word) => {
    const raw = Buffer.alloc(4);
    raw.writeUInt32BE(word);
    return [addressText(4, [word]), raw].filter((form) => bytes.includes(form)).map(String);
  });
}

/** Of a file of megabytes, in which four bytes may be there by chance. */
function plainTextIn(bytes: Buffer): string[] {
  return PLAIN.map((word) => addressText(4, [word])).filter((text) => bytes.includes(text));
}

function filesUnder(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

describe.skipIf(missing !== undefined)('private flow logs', { timeout: 180_000 }, () => {
  let namespace: NetworkNamespace;
  beforeAll(() => {
    namespace = new NetworkNamespace();
    namespace.addPair('obs0', 'far0');
    namespace.untilUp('obs0');
  });
  afterAll(() => namespace.remove());

  test('leave no address in the spool, in an upload, in a store or in the log', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'key'), `${KEY}\n`, { mode: 0o600 });
    const service = new LogServiceProcess({ namespace, folder: join(folder, 'store'), port: LOG_SERVICE_PORT });
    // Once, for its key.
    await service.start();
    await service.stop();
    const agent = new AgentProcess({
      ...{ namespace, folder, service, windowSeconds: 1, through: ['env', 'FLOWLOGD_SINKS_STUB_COMPRESSION=none'] },
      flowLogs: `[
        { name: named, interfaces: [obs0], windowSeconds: 1, addresses: pseudonymised },
        { name: without, interfaces: [far0], windowSeconds: 1, fields: [start, dstport, packets, bytes, log-status] } ]`,
      sinks: { store: service, stub: { url: `http://127.0.0.1:${STUB_PORT}`, keys: service.keys } },
      configuration: `
privacy: { keyFile: key }
exclude: { rules: [{ name: probe, protocol: udp, ports: [${EXCLUDED_PORT}] }] }`,
    });
    const running = await agent.start();
    await running.until(({ stderr }) => (stderr.match(/"capturing"/g) ?? []).length === 2);
    namespace.sendDatagrams(20);
    namespace.sendDatagrams(10, 0, EXCLUDED_PORT);
    await running.until(
      ({ stderr }) => (stderr.match(/"records":1,"message":"window written to the spool"/g) ?? []).length >= 2,
    );

    // Nothing moves while the spool is read.
    const first = await agent.stop();
    const spool = join(agent.stateFolder, 'spool');
    expect(filesUnder(spool).flatMap((path) => plainIn(readFileSync(path)))).toEqual([]);
    const exported = async (format: string) => {
      const path = join(folder, format);
      const words = [
        'spool',
        'export',
        '--all',
        '--format',
        format,
        '--state-directory',
        agent.stateFolder,
        '-o',
        path,
      ];
      expect(await runCommand(words, { namespace })).toMatchObject({ code: 0 });
      return readFileSync(path);
    };
    expect(plainIn(await exported('batch'))).toEqual([]);
    const records = parseRecords((await exported('ndjson')).toString()) as unknown as Record<string, unknown>[];
    expect(records.filter((record) => 'srcaddr' in record)).toContainEqual(
      expect.objectContaining({ srcaddr: source, dstaddr: destination, dstport: 9999 }),
    );

    const bodies = join(folder, 'bodies');
    const stub = startProgram([process.execPath, '-e', STUB, bodies], { namespace });
    await stub.until(({ stdout }) => stdout.includes('listening'));
    await service.start();
    await agent.start();
    await agent.untilDelivered();
    const second = await agent.stop();
    expect(plainIn(Buffer.from(first.stderr + second.stderr))).toEqual([]);

    const stored = await service.query();
    const flows = stored.filter(isFlow);
    expect(flows).toContainEqual(expect.objectContaining({ srcaddr: source, dstaddr: destination, dstport: 9999 }));
    const ledgers = JSON.stringify(stored.filter((log) => !isFlow(log)));
    expect(ledgers).toContain(source);
    expect(plainIn(Buffer.from(JSON.stringify(stored)))).toEqual([]);
    expect(plainIn(readFileSync(bodies))).toEqual([]);
    await service.stop();
    expect(filesUnder(join(folder, 'store')).flatMap((path) => plainTextIn(readFileSync(path)))).toEqual([]);
    expect(filesUnder(agent.stateFolder).flatMap((path) => plainIn(readFileSync(path)))).toEqual([]);
  });

  test('demand a key, and say so', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'flowlogd.yaml');
    writeFileSync(path, 'flowLogs: [{ interfaces: [obs0], addresses: pseudonymised }]\n', { mode: 0o600 });
    const { code, stderr } = await runCommand(['check', '--config', path], { namespace });
    expect({ code, stderr }).toEqual({
      code: 78,
      stderr: expect.stringContaining('flowLogs[0].addresses: pseudonyms require a key: set privacy.keyFile'),
    });
  });
});
