/** The built agent on states that earlier flowlogds left, and on those of a newer one (test/golden/README.md). */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LAYOUT_VERSION } from '../../agent/meter/header-block.ts';
import type { AgentProcess } from '../support/agent-process.ts';
import { copyGoldenState, GOLDEN_FLOWS, GOLDENS } from '../support/golden.ts';
import type { LogServiceProcess } from '../support/log-service-process.ts';
import { NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { observe } from '../support/observation.ts';

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`upgrade: ${missing}\n`);

/** What the golden agents were configured with. */
const FLOW_LOGS = '[{ interfaces: [lo], interfaceId: eni-golden, windowSeconds: 5 }]';
const OPEN_RECOVERED_FROM = 3;

describe.skipIf(missing !== undefined)('the agent', () => {
  let namespace: NetworkNamespace;
  let service: LogServiceProcess;
  let agent: AgentProcess;

  beforeEach(async () => {
    namespace = new NetworkNamespace();
    ({ service, agent } = await observe(namespace, { windowSeconds: 5, flowLogs: FLOW_LOGS }));
  });
  afterEach(async () => {
    await agent.stop('SIGKILL');
    await service.stop();
    namespace.remove();
  });

  test.each(GOLDENS)('delivers what $commit left, and its flow log stays the same', async (golden) => {
    copyGoldenState(golden.commit, agent.stateFolder);
    const before = flowLogOf(agent);
    await agent.start();
    const { spooled, open } = GOLDEN_FLOWS;
    expect(await arrived(spooled.source)).toMatchObject([
      { dstport: spooled.destination, packets: spooled.packets, bytes: spooled.bytes, 'interface-id': 'eni-golden' },
    ]);
    if (golden.tablesLayout >= OPEN_RECOVERED_FROM) {
      const { destination, packets, bytes } = open;
      expect(await arrived(open.source)).toMatchObject([{ dstport: destination, packets, bytes }]);
    } else {
      await service.until((logs) => logs.length > 0, 'ledger-gap-reasons:table-damaged');
    }
    if (before !== undefined) expect(flowLogOf(agent)).toMatchObject(before);
  });

  test('keeps batches and windows of a newer flowlogd, says so, and delivers the others', async () => {
    const golden = GOLDENS.at(-1)!;
    copyGoldenState(golden.commit, agent.stateFolder);
    const batches = readdirSync(join(agent.stateFolder, golden.batches)).filter((name) => name.endsWith('.flows'));
    const batch = join(golden.batches, batches.toSorted().at(-1)!);
    const windows = readdirSync(join(agent.stateFolder, 'tables')).filter((name) => name.endsWith('.window'));
    const kept = [batch, ...windows.map((name) => join('tables', name))];
    raise(join(agent.stateFolder, batch), 8, 3);
    for (const name of windows) raise(join(agent.stateFolder, 'tables', name), 4, LAYOUT_VERSION + 1);
    const before = kept.map((path) => readFileSync(join(agent.stateFolder, path)));
    await agent.start();
    await arrived(GOLDEN_FLOWS.spooled.source);
    // The newest batch is looked at last, after those that are delivered.
    const status = await agent.untilStatus(({ spool }) => spool.newerBatches > 0);
    expect(status.problems.map(({ code }) => code)).toContain('newer-state');
    expect([status.spool.newerBatches, status.recorder.recovered.newer]).toEqual([1, windows.length]);
    expect(status.spool.quarantinedBatches).toBe(0);
    expect(kept.map((path) => readFileSync(join(agent.stateFolder, path)))).toEqual(before);
  });

  test('does not start on the flow logs of a newer flowlogd, and leaves them as they are', async () => {
    mkdirSync(agent.stateFolder, { mode: 0o700 });
    const path = join(agent.stateFolder, 'flow-logs.json');
    writeFileSync(path, '{"schema":2,"flowLogs":[]}\n', { mode: 0o600 });
    const { code, stderr } = await agent.launch().ended;
    expect(code, stderr).toBe(78);
    expect(stderr).toMatch(/a newer flowlogd wrote it \(schema 2, this version reads 1\)\. Install that version again/);
    expect(readFileSync(path, 'utf8')).toBe('{"schema":2,"flowLogs":[]}\n');
  });

  function arrived(port: number) {
    return service.until((logs) => logs.length > 0, `srcport:${port}`);
  }
});

/** The first entry of the registry; undefined where there is none. */
function flowLogOf({ stateFolder }: AgentProcess): Record<string, unknown> | undefined {
  const path = join(stateFolder, 'flow-logs.json');
  if (!existsSync(path)) return undefined;
  const [{ id, createdSeconds, attributes, definition }] = JSON.parse(readFileSync(path, 'utf8')).flowLogs;
  return { id, createdSeconds, attributes, definition };
}

/** Writes another layout into a file, and changes what follows: nothing else in it may be believed. */
function raise(path: string, at: number, layout: number): void {
  const file = readFileSync(path);
  file.writeUInt32LE(layout, at);
  file.fill(7, at + 4, at + 40);
  writeFileSync(path, file);
}
