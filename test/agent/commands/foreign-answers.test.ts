/** A log service whose answers forge lines: each text of it is on a line of the command's own, in characters that no terminal obeys. */
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeFolder, temporaryFolder } from '../../logservice/harness.ts';
import { runInProcess } from '../../support/in-process.ts';

const FORGED = 'x\u001b[2J\u202e\nflowlogd: all is well';

const FINDING = {
  ...{ id: FORGED, rule: FORGED, subject: { srcaddr: FORGED }, state: FORGED, severity: 'low', worstSeverity: FORGED },
  ...{
    figures: {},
    isCoarse: false,
    firstSeen: 1,
    lastSeen: 2,
    openedAt: 1,
    windows: 1,
    times: 1,
    explainedBy: [FORGED],
  },
  acknowledgement: { at: 1, comment: FORGED },
};
const ANSWERS: Readonly<Record<string, object>> = {
  '/search': { columns: [], rows: [], truncated: false, elapsedMs: FORGED, notes: [FORGED] },
  '/findings': { findings: [FINDING], truncated: false, windowEnd: 1, cursor: 1 },
  '/finding': { finding: FINDING },
  '/findings/suppress': { suppression: { id: FORGED } },
  '/findings/suppressions': { suppressions: [{ id: FORGED, rule: FORGED, peer: FORGED, comment: FORGED }] },
};

let server: Server;
const folder = temporaryFolder();
beforeAll(async () => {
  server = createServer(({ url = '' }, answer) => {
    answer.end(JSON.stringify(ANSWERS[url.split('?', 1)[0]!] ?? {}));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  writeFileSync(join(folder, 'service.json'), JSON.stringify({ url: `http://127.0.0.1:${port}`, topic: 'flowlog' }));
  writeFileSync(join(folder, 'credentials.json'), JSON.stringify({ secretId: 'id', secretKey: 'key' }));
});
afterAll(async () => {
  await new Promise((closed) => server.close(closed));
  removeFolder(folder);
});

test.each([
  ['query'],
  ['observe', '--last', '1h'],
  ['findings'],
  ['findings', '-o', 'text'],
  ['findings', 'show', '0123456789abcdef'],
  ['findings', 'suppress', '--peer', '10.0.0.1'],
  ['findings', 'suppressions'],
])('%s %s %s', async (...words) => {
  const { stdout, stderr } = await runInProcess([...words.filter((word) => word !== undefined), '--store', folder]);
  const lines = `${stdout}${stderr}`.split('\n');
  expect(lines.filter((line) => line.startsWith('flowlogd: all is well'))).toEqual([]);
  for (const acting of ['\u001b', '\u202e']) expect(lines.join('')).not.toContain(acting);
  expect(lines.join('\n')).toContain('all is well');
});
